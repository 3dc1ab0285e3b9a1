// Ack: the acknowledgement of one event, for handlers that want to send it themselves, perhaps later.
//
//   socket.on("save", [](Record record, sio::Ack ack) {
//     verdin::spawn([=] { store(record); ack(true); });
//   });
//
// Copies share the one acknowledgement: only the first call sends it. Calling it does nothing if the client
// did not ask for one or has gone. Threads: the hub's of its socket.
#pragma once

#include <cstdint>
#include <optional>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/socketio/impl/event_handler.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio {

class Ack {
 public:
  Ack(IntrusivePtr<impl::SocketState> socket, std::optional<std::uint64_t> id)
      : state_(new State(std::move(socket), id)) {}

  /// Did the client ask for it, and was it not sent yet?
  explicit operator bool() const noexcept { return state_->id.has_value(); }

  template <typename... Values>
  void operator()(const Values&... values) const {
    if (!state_->id) return;
    const std::uint64_t id = *std::exchange(state_->id, std::nullopt);
    impl::SocketState& socket = *state_->socket;
    socket.send(impl::Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
      const std::string_view nsp = impl::namespace_name(socket);
      if constexpr (sizeof...(Values) == 1 && (std::is_same_v<Values, Args> && ...)) {
        (impl::encode_ack_of(out, nsp, id, attachments, values), ...);
      } else {
        protocol::sio::encode_ack(out, nsp, id, attachments, values...);
      }
    }));
  }

 private:
  struct State final : RefCounted<State> {
    State(IntrusivePtr<impl::SocketState> s, std::optional<std::uint64_t> i) : socket(std::move(s)), id(i) {}
    IntrusivePtr<impl::SocketState> socket;
    std::optional<std::uint64_t> id;
  };
  IntrusivePtr<State> state_;
};

}  // namespace verdin::sio
