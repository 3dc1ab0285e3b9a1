// Topics: what is published to a topic goes to every connection that has subscribed to it; a message is
// encoded once, however many they are (see shared_message.hpp).
//
//   websocket::Topics topics;
//   websocket::route(app, "/rooms/:name", [&](websocket::Stream& peer) {
//     const std::string room(peer.request().param("name"));
//     topics.subscribe(peer, room);
//     while (auto message = peer.receive()) topics.publish(room, *message, peer);
//   });
//
// A connection leaves its topics by itself when it ends; a topic exists while it has subscribers. A
// subscriber that does not read is limited as by any send (Options::send_limit, drop_limit): nobody waits for
// it, and it is dropped in the end.
//
// Threads: of one hub, that of the connections. Nothing blocks, and no callback comes from any call. Throws
// std::bad_alloc, publish() before anybody has the message: who cannot be given it after that is cut (1006).
// Ownership: neither owns the other; either may be destroyed first.
//
// Limits: a name has at most kMaxTopicName octets, whatever they are: names often come from peers, and who
// subscribes keeps them. To subscribe to a longer one is std::length_error, which closes the connection of a
// peer whose function in route() lets it through (1011); under a longer one nothing is published and nobody
// found. How many topics a peer may make a connection subscribe to is the application's to decide (16 octets
// each, and the topic's name once).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/shared_message.hpp>
#include <verdin/websocket/stream.hpp>

namespace verdin::websocket {

/// A connection, in whichever form it is used; or none.
class Subscriber {
 public:
  Subscriber() noexcept = default;
  Subscriber(Connection& connection) noexcept
      : connection_(&connection) {}           // NOLINT(google-explicit-constructor)
  Subscriber(const Stream& stream) noexcept;  // NOLINT(google-explicit-constructor)

  Connection* connection() const noexcept { return connection_; }

 private:
  Connection* connection_ = nullptr;
};

/// As for channels (protocol::websocket::kMaxChannelName).
inline constexpr std::size_t kMaxTopicName = 255;

class Topics {
 public:
  Topics();
  Topics(const Topics&) = delete;
  Topics& operator=(const Topics&) = delete;
  ~Topics();

  /// False if it has subscribed already, or is not open. std::length_error for a name that is too long.
  bool subscribe(Subscriber subscriber, std::string_view name);
  /// False if it has not subscribed.
  bool unsubscribe(Subscriber subscriber, std::string_view name);

  /// To all subscribers but `except`; returns to how many. `text` is UTF-8.
  std::size_t publish(std::string_view name, std::string_view text, Subscriber except = {});
  std::size_t publish(std::string_view name, const Message& message, Subscriber except = {}) {
    return message.binary ? publish_binary(name, message.data, except) : publish(name, message.data, except);
  }
  std::size_t publish_binary(std::string_view name, std::string_view octets, Subscriber except = {});
  /// One message to several topics: encoded once for all of them.
  std::size_t publish(std::string_view name, SharedMessage& message, Subscriber except = {});

  std::size_t subscribers(std::string_view name) const noexcept;
  bool is_subscribed(Subscriber subscriber, std::string_view name) const noexcept;
  /// Topics with subscribers.
  std::size_t size() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace verdin::websocket
