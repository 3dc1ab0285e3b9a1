// The chat's namespaces: "/chat" for a room's page and "/rooms" for the page of rooms.
//
// /chat, from the client, with what is acknowledged (`false` comes with the reason):
//
// - join SLUG: true {slug, name} or false REASON. Enters a room, and leaves the one before.
// - history AFTER: {messages, complete}. The last messages with an id above AFTER.
// - nickname NICK: true NICK or false REASON. Needs a room.
// - user message TEXT [NONCE]: true {id, at, nonce} or false REASON. Needs a nickname; a nonce counts once.
//
// and to everybody in the room:
//
// - msg_to_room FROM TEXT {id, at, nonce}, to everybody but its author's connection
// - announcement TEXT {kind, nick}
// - nicknames [NICK...]
//
// The connection's auth may have a token of the client's making: connections with one token are one person.
// /rooms only tells: `rooms [summary...]` on connection, then `room summary` for each that changes.
//
// Lives on one hub, as long as the server whose namespaces it fills. Handlers block on the archive only.
#pragma once

#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <verdin/base/siphash.hpp>
#include <verdin/socketio/server.hpp>

#include "archive.hpp"
#include "events.hpp"
#include "presence.hpp"

namespace chat {

namespace sio = verdin::sio;

class Chat {
 public:
  Chat(sio::Server& io, Archive archive);
  Chat(const Chat&) = delete;
  Chat& operator=(const Chat&) = delete;

  /// All rooms with who is in them. Blocks.
  std::vector<RoomSummary> summaries();
  RoomSummary summary(const Room& room) const;
  /// Tells the pages of rooms that there is a room, or that its people changed.
  void room_changed(const Room& room);

 private:
  template <typename T>
  using Answer = std::tuple<bool, std::variant<T, std::string>>;

  void on_connection(sio::Socket socket);
  void on_disconnect(sio::Socket socket, sio::DisconnectReason reason);
  Answer<Room> on_join(sio::Socket socket, const std::string& slug);
  History on_history(sio::Socket socket, std::int64_t after);
  std::tuple<bool, std::string> on_nickname(sio::Socket socket, const std::string& wanted);
  Answer<AboutMessage> on_message(sio::Socket socket, std::string text, std::string nonce);

  void leave(const std::string& connection, const Room& room);
  void announce(const Room& room, const char* kind, const std::string& nick, const std::string& text);
  void people_changed(const Room& room);

  Archive archive_;
  sio::Namespace chat_;
  sio::Namespace rooms_;
  Presence presence_;
  verdin::StringSet changing_;  // rooms whose change is about to be told
};

}  // namespace chat
