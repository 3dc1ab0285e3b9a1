// Internal. From a C++ callable to something that can be called with a decoded packet.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/socketio/encode.hpp>
#include <verdin/socketio/args.hpp>

namespace verdin::sio {

class Socket;
class Ack;

namespace impl {

class SocketState;

/// A reference to a callable that appends a packet's text.
class Encoder {
 public:
  template <typename F>
  explicit Encoder(const F& function)
      : object_(&function),
        call_([](const void* object, std::string& out, std::vector<SharedBuffer>& attachments) {
          (*static_cast<const F*>(object))(out, attachments);
        }) {}
  void operator()(std::string& out, std::vector<SharedBuffer>& attachments) const {
    call_(object_, out, attachments);
  }

 private:
  const void* object_;
  void (*call_)(const void*, std::string&, std::vector<SharedBuffer>&);
};

/// One event on its way to its handler.
class EventHandler;

struct EventCall {
  SocketState& socket;
  std::string_view event;
  json::View payload;               // the array; its first element is the event's name
  std::optional<std::uint64_t> id;  // an acknowledgement is asked for

  /// `handler` was for one event.
  void spend(const EventHandler& handler) const;
  void decode_failed(const json::DecodeError& error) const;
  void send_ack(const Encoder& encoder) const;
  Ack make_ack() const;
  Socket make_socket() const;
};

class EventHandler : public RefCounted<EventHandler> {
 public:
  EventHandler(std::string_view event, bool once) : event_(event), once_(once) {}
  virtual ~EventHandler() = default;
  /// The event it was made for; unlike the packet's, this name is still there after the handler has blocked.
  const std::string& event() const noexcept { return event_; }
  /// On a greenlet. Decodes before anything can block, as the payload is valid no longer.
  virtual void call(const EventCall& event) = 0;

 protected:
  bool once() const noexcept { return once_; }

 private:
  std::string event_;
  bool once_;
};

// Empty for what has no operator() or several.
template <typename F>
struct Signature {};
template <typename F>
requires requires { &F::operator(); }
struct Signature<F> : Signature<decltype(&F::operator())> {};
template <typename R, typename... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Parameters = std::tuple<std::decay_t<A>...>;
  /// What is decoded is handed over: no parameter is an lvalue reference that could write to it.
  static constexpr bool kTakesValues = (std::is_convertible_v<std::decay_t<A>&&, A> && ...);
};
template <typename R, typename... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <typename R, typename C, typename... A>
struct Signature<R (C::*)(A...)> : Signature<R (*)(A...)> {};
template <typename R, typename C, typename... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};
template <typename R, typename C, typename... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <typename R, typename C, typename... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R (*)(A...)> {};

/// Fills one parameter from the arguments that are left.
class ArgumentReader {
 public:
  ArgumentReader(const EventCall& call, json::DecodeError& error)
      : call_(call), at_(call.payload.array().begin()), end_(call.payload.array().end()), error_(error) {
    if (at_ != end_) ++at_;  // the name
  }

  template <typename T>
  bool read(std::optional<T>& out) {
    if constexpr (std::is_same_v<T, Socket>) {
      // A lambda, so that the type need not be complete before this is instantiated.
      out.emplace([](const auto& call) { return call.make_socket(); }(call_));
      return true;
    } else if constexpr (std::is_same_v<T, Ack>) {
      out.emplace([](const auto& call) { return call.make_ack(); }(call_));
      return true;
    } else if constexpr (std::is_same_v<T, Args>) {
      out.emplace();
      out->reserve(call_.payload.size());
      for (; at_ != end_; ++at_) out->emplace_back(*at_);
      return true;
    } else {
      return read_value(out);
    }
  }

 private:
  template <typename T>
  bool read_value(std::optional<T>& out) {
    out.emplace();
    if (at_ == end_) {
      if constexpr (json::detail::Optional<T>) return true;
      error_.set("a value");
      error_.inside(index_);
      return false;
    }
    const bool ok = json::decode(*at_, *out, error_);
    if (!ok) error_.inside(index_);
    ++at_;
    ++index_;
    return ok;
  }

  const EventCall& call_;
  json::Array::iterator at_;
  json::Array::iterator end_;
  std::size_t index_ = 0;
  json::DecodeError& error_;
};

template <typename Tuple>
struct Optionals;
template <typename... T>
struct Optionals<std::tuple<T...>> {
  using type = std::tuple<std::optional<T>...>;
  static constexpr bool takes_ack = (std::is_same_v<T, Ack> || ...);
};

template <typename T>
void encode_ack_of(std::string& out, std::string_view nsp, std::uint64_t id,
                   std::vector<SharedBuffer>& attachments, const T& result) {
  if constexpr (std::is_same_v<T, Args>) {
    protocol::sio::encode_ack_values(out, nsp, id, attachments, result);
  } else if constexpr (json::detail::TupleLike<T>) {
    std::apply([&](const auto&... part) { protocol::sio::encode_ack(out, nsp, id, attachments, part...); },
               result);
  } else {
    protocol::sio::encode_ack(out, nsp, id, attachments, result);
  }
}

std::string_view namespace_name(const SocketState& socket);

template <typename F>
class TypedHandler final : public EventHandler {
 public:
  TypedHandler(std::string_view event, F function, bool once)
      : EventHandler(event, once), function_(std::move(function)) {}

  void call(const EventCall& event) override {
    using Parameters = typename Signature<F>::Parameters;
    typename Optionals<Parameters>::type arguments;
    json::DecodeError error;
    ArgumentReader reader(event, error);
    const bool ok = std::apply([&](auto&... argument) { return (reader.read(argument) && ...); }, arguments);
    if (!ok) return event.decode_failed(error);
    if (once()) event.spend(*this);
    const auto invoke = [&] {
      return std::apply([&](auto&... argument) { return std::invoke(function_, std::move(*argument)...); },
                        arguments);
    };
    if constexpr (std::is_void_v<typename Signature<F>::Result>) {
      invoke();
      if constexpr (!Optionals<Parameters>::takes_ack) acknowledge(event, std::tuple<>());
    } else {
      acknowledge(event, invoke());
    }
  }

 private:
  template <typename T>
  static void acknowledge(const EventCall& event, const T& result) {
    if (!event.id) return;
    event.send_ack(Encoder([&](std::string& out, std::vector<SharedBuffer>& attachments) {
      encode_ack_of(out, namespace_name(event.socket), *event.id, attachments, result);
    }));
  }

  F function_;
};

template <typename T>
inline constexpr bool kIsView = std::is_same_v<T, std::string_view> || std::is_same_v<T, const char*>;
template <typename T>
inline constexpr bool kIsMade =
    std::is_same_v<T, Socket> || std::is_same_v<T, Ack> || std::is_default_constructible_v<T>;
template <typename Tuple>
struct ParameterCheck;
template <typename... T>
struct ParameterCheck<std::tuple<T...>> {
  static constexpr bool owning = !(kIsView<T> || ...);
  static constexpr bool made = (kIsMade<T> && ...);
};

// Checked here, before anything is instantiated: the compiler's first line is then what is wrong.
template <typename F>
IntrusivePtr<EventHandler> make_event_handler(std::string_view event, F&& function, bool once = false) {
  using Function = std::decay_t<F>;
  if constexpr (std::is_member_pointer_v<Function> ||
                !requires { typename Signature<Function>::Parameters; }) {
    static_assert(
        json::detail::kUnsupported<Function>,
        "a handler is a function, or an object with one operator() that is no template: its parameters' "
        "types say what to decode (wrap member functions and std::bind in a lambda)");
    return nullptr;
  } else if constexpr (!Signature<Function>::kTakesValues) {
    static_assert(json::detail::kUnsupported<Function>,
                  "a handler takes its parameters by value or by const reference");
    return nullptr;
  } else if constexpr (!ParameterCheck<typename Signature<Function>::Parameters>::owning) {
    static_assert(json::detail::kUnsupported<Function>,
                  "a handler may block, and a view would not live so long: take std::string");
    return nullptr;
  } else if constexpr (!ParameterCheck<typename Signature<Function>::Parameters>::made) {
    static_assert(json::detail::kUnsupported<Function>,
                  "a parameter of a handler needs a default constructor: it is made first, and decoded into");
    return nullptr;
  } else {
    return IntrusivePtr<EventHandler>(new TypedHandler<Function>(event, std::forward<F>(function), once));
  }
}

/// Throws std::invalid_argument for the protocol's own names.
void check_event_name(std::string_view event);

template <typename... Values>
void encode_event_of(std::string& out, std::string_view nsp, std::optional<std::uint64_t> id,
                     std::string_view event, std::vector<SharedBuffer>& attachments,
                     const Values&... values) {
  if constexpr (sizeof...(Values) == 1 && (std::is_same_v<Values, Args> && ...)) {
    (protocol::sio::encode_event_values(out, nsp, id, event, attachments, values), ...);
  } else {
    protocol::sio::encode_event(out, nsp, id, event, attachments, values...);
  }
}

}  // namespace impl
}  // namespace verdin::sio
