// Internal. Acknowledgements that a greenlet waits for: of one socket, or of all that a broadcast reached.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/socketio/adapter.hpp>
#include <verdin/socketio/args.hpp>
#include <verdin/socketio/errors.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio::impl {

template <typename T>
inline constexpr bool kIsTuple = false;
template <typename... T>
inline constexpr bool kIsTuple<std::tuple<T...>> = true;

/// The arguments of an acknowledgement as what was asked for: Args, several values as a tuple, one value.
template <typename Reply>
bool decode_reply(json::View arguments, Reply& out, json::DecodeError& error) {
  static_assert(std::is_default_constructible_v<Reply>,
                "what an acknowledgement is decoded into needs a default constructor");
  if constexpr (std::is_same_v<Reply, Args>) {
    for (const json::View argument : arguments.array()) out.emplace_back(argument);
    return true;
  } else if constexpr (kIsTuple<Reply>) {
    return json::decode_args(arguments, 0, out, error);
  } else {
    std::tuple<Reply> one;
    if (!json::decode_args(arguments, 0, one, error)) return false;
    out = std::move(std::get<0>(one));
    return true;
  }
}

/// One socket's; lies on the stack of its greenlet.
class PendingAck : private AckWaiter {
 public:
  /// Throws SocketDisconnected, and BlockingSwitchOutError on another hub.
  explicit PendingAck(SocketState& socket);
  PendingAck(const PendingAck&) = delete;
  PendingAck& operator=(const PendingAck&) = delete;

  std::uint64_t id() const noexcept { return id_; }

 protected:
  ~PendingAck();
  /// Throws AckTimeout, SocketDisconnected or BadAck.
  void wait(std::optional<loop::Clock::duration> limit);

 private:
  virtual bool take(json::View arguments, json::DecodeError& error) = 0;
  void answered(SocketState& socket, json::View arguments) final;
  void gone(SocketState&) final { done_.set(); }

  IntrusivePtr<SocketState> socket_;
  std::uint64_t id_;
  Event done_;
  bool answered_ = false;
  std::exception_ptr failure_;  // of the decoding: the application's types take part in it
};

template <typename Reply>
class TypedAck final : public PendingAck {
 public:
  using PendingAck::PendingAck;
  Reply get(std::optional<loop::Clock::duration> limit) {
    wait(limit);
    return std::move(reply_);
  }

 private:
  bool take(json::View arguments, json::DecodeError& error) override {
    return decode_reply(arguments, reply_, error);
  }
  Reply reply_{};
};

/// Those of a broadcast, on the stack of its greenlet too: one id for all.
class BroadcastAck : private AckWaiter {
 public:
  /// Throws BlockingSwitchOutError on another hub.
  explicit BroadcastAck(NamespaceState& nsp);
  BroadcastAck(const BroadcastAck&) = delete;
  BroadcastAck& operator=(const BroadcastAck&) = delete;

  std::uint64_t id() const noexcept { return id_; }
  void ask(const BroadcastOptions& to, const Encoder& encoder);

 protected:
  ~BroadcastAck();
  /// How many sockets have not answered then.
  std::size_t wait(std::optional<loop::Clock::duration> limit);

 private:
  virtual bool take(json::View arguments, json::DecodeError& error) = 0;
  void answered(SocketState& socket, json::View arguments) final;
  void gone(SocketState& socket) final;
  void settle();

  NamespaceState& nsp_;
  std::uint64_t id_;
  std::vector<IntrusivePtr<SocketState>> asked_;
  std::size_t open_ = 0;    // have neither answered nor gone
  std::size_t missed_ = 0;  // gone, or not understood
  Event done_;
};

template <typename Reply>
class TypedBroadcastAck final : public BroadcastAck {
 public:
  using BroadcastAck::BroadcastAck;
  std::vector<Reply> get(std::optional<loop::Clock::duration> limit) {
    const std::size_t missing = wait(limit);
    if (missing > 0) throw MissingAcks<Reply>(std::move(replies_), missing);
    return std::move(replies_);
  }

 private:
  bool take(json::View arguments, json::DecodeError& error) override {
    Reply reply{};
    if (!decode_reply(arguments, reply, error)) return false;
    replies_.push_back(std::move(reply));
    return true;
  }
  std::vector<Reply> replies_;
};

}  // namespace verdin::sio::impl
