#include <utility>

#include <verdin/websocket/stream.hpp>

#include "websocket/stream_state.hpp"

namespace verdin::websocket {

Stream::Stream(IntrusivePtr<impl::StreamState> state) : state_(std::move(state)) {}
Stream::Stream(Stream&& other) noexcept = default;
Stream::~Stream() {
  if (state_ && state_->is_client()) state_->close_or_cut(close_code::kNormal, {});
}

std::optional<Message> Stream::receive() { return state_->receive(); }
std::optional<Part> Stream::receive_part() { return state_->receive_part(); }
bool Stream::send(std::string_view text) { return state_->send(Opcode::text, text); }
bool Stream::send_binary(std::string_view octets) { return state_->send(Opcode::binary, octets); }
void Stream::close(std::uint16_t code, std::string_view reason) { state_->close(code, reason); }
void Stream::wait_until_unsent(std::size_t most) { state_->wait_until_unsent(most); }
Close Stream::wait_for_end() { return state_->wait_for_end(); }
bool Stream::is_client() const noexcept { return state_->is_client(); }
bool Stream::is_open() const noexcept { return state_->is_open(); }
const std::optional<Close>& Stream::ended() const noexcept { return state_->end(); }
const http::Request& Stream::request() const { return state_->request(); }
std::string_view Stream::subprotocol() const noexcept { return state_->subprotocol(); }

MessageSink Stream::begin_message(bool binary, std::optional<std::uint64_t> length) {
  IntrusivePtr<impl::StreamState> state = state_;  // this Stream may go meanwhile
  state->begin_message(binary, length);
  return MessageSink(std::move(state));
}

MessageSink::MessageSink(IntrusivePtr<impl::StreamState> state) noexcept : state_(std::move(state)) {}

MessageSink::MessageSink(MessageSink&& other) noexcept = default;

MessageSink::~MessageSink() {
  if (state_) state_->abandon_message();
}

bool MessageSink::write(std::string_view part) { return state_ && state_->send_part(part); }

bool MessageSink::finish() {
  if (!state_) return false;
  const bool sent = state_->end_message();
  state_ = nullptr;
  return sent;
}

}  // namespace verdin::websocket
