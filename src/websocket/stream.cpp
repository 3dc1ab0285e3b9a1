#include <utility>

#include <verdin/websocket/stream.hpp>

#include "websocket/stream_state.hpp"

namespace verdin::websocket {

Stream::Stream(IntrusivePtr<impl::StreamState> state) : state_(std::move(state)) {}
Stream::~Stream() = default;

std::optional<Message> Stream::receive() { return state_->receive(); }
bool Stream::send(std::string_view text) { return state_->send(Opcode::text, text); }
bool Stream::send_binary(std::string_view octets) { return state_->send(Opcode::binary, octets); }
void Stream::close(std::uint16_t code, std::string_view reason) { state_->close(code, reason); }
bool Stream::is_open() const noexcept { return state_->is_open(); }
const std::optional<Close>& Stream::ended() const noexcept { return state_->end(); }
const http::Request& Stream::request() const noexcept { return state_->request(); }
std::string_view Stream::subprotocol() const noexcept { return state_->subprotocol(); }

}  // namespace verdin::websocket
