// StreamState: between the loop, which fills it, and the greenlet that holds a Stream. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <verdin/http/origin.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/stream.hpp>

#include "websocket/readers.hpp"

namespace verdin::websocket::impl {

class StreamState final : public RefCounted<StreamState>, public ConnectionHandler {
 public:
  /// `ended` is told when both the connection has ended and the greenlet's function has returned.
  using Ended = UniqueFunction<void(StreamState&)>;
  using OptionsPtr = std::shared_ptr<const StreamOptions>;
  /// A client has no `exchange`.
  StreamState(http::ExchangePtr exchange, OptionsPtr options, Ended ended);
  ~StreamState();

  /// Does the handshake; false if it was refused.
  bool accept(const http::Origins& origins);
  /// It is done.
  void begin_as_client(loop::StreamPtr stream, std::string_view early_input,
                       const std::optional<protocol::websocket::DeflateParams>& deflate,
                       std::string subprotocol);
  bool is_client() const noexcept { return !exchange_; }

  // For the greenlet.
  std::optional<Message> receive();
  std::optional<Part> receive_part();
  void begin_message(bool binary, std::optional<std::uint64_t> length);
  bool send_part(std::string_view part);
  bool end_message();
  void abandon_message() noexcept;
  bool send(Opcode opcode, std::string_view message);
  void close(std::uint16_t code, std::string_view reason);
  Close wait_for_end();
  void wait_until_unsent(std::size_t most);
  /// The route's function, on the running greenlet: it may receive until it returns.
  void function_begins();
  void function_returned();
  bool has_returned() const noexcept { return function_returned_; }
  /// Who was to be told of the end is gone.
  void forget_ended() noexcept { ended_ = nullptr; }

  /// Cuts the connection, as if it had ended by itself.
  void cut(std::uint16_t code, std::string_view reason);
  /// close(), or cut() where there is no memory to say so.
  void close_or_cut(std::uint16_t code, std::string_view reason) noexcept;

  Connection* connection() const noexcept { return connection_.get(); }
  bool is_open() const noexcept { return connection_ && connection_->is_open(); }
  const std::optional<Close>& end() const noexcept { return end_; }
  const http::Request& request() const;
  std::string_view subprotocol() const noexcept { return subprotocol_; }

  std::size_t index = 0;  // in the endpoint's list

 private:
  void on_text(std::span<char> message) override { take({Opcode::text, message, true, true, 0}); }
  void on_binary(std::span<char> message) override { take({Opcode::binary, message, true, true, 0}); }
  void on_part(const MessagePart& part) override { take(part); }

  void on_drained() override { writable_.set(); }
  void on_close(const Close& close) override;

  void take(const MessagePart& part);
  void wait_until_writable();
  void resume();
  bool nobody_will_receive() const noexcept;
  void forget_inbox();
  void report_end();

  http::ExchangePtr exchange_;
  const OptionsPtr options_;
  std::string subprotocol_;
  IntrusivePtr<Connection> connection_;
  Ended ended_;
  std::deque<Part> inbox_;
  std::size_t inbox_octets_ = 0;
  std::optional<Message> partial_;  // what receive() has put together so far
  int waiting_for_end_ = 0;         // greenlets in wait_for_end()
  std::optional<Close> end_;
  Event readable_;
  Readers readers_{readable_};
  Event writable_;
  Semaphore sink_{1};  // held by the greenlet whose message is on its way in parts

  bool skipping_ = false;  // the rest of a message whose beginning was dropped
  bool paused_ = false;
  bool function_returned_ = false;
};

}  // namespace verdin::websocket::impl
