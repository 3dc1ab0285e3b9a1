#include "chat.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>

#include <spdlog/spdlog.h>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/sleep.hpp>

#include "text.hpp"

namespace chat {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kHistory = 200;    // messages for who enters or comes back
constexpr std::size_t kNamesListed = 5;  // people of a room on the page of rooms
constexpr auto kPatience = 2s;           // a lost connection's owner may be back before anybody is told
constexpr auto kTogether = 50ms;         // changes of a room's people that are told as one

/// What the server knows of a connection.
struct Visitor {
  std::string owner;
  bool has_token = false;
  Room room;  // an empty slug: none
};

std::string channel(const Room& room) { return "room:" + room.slug; }

bool is_token(std::string_view text) {
  return text.size() >= 16 && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

std::int64_t now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

Chat::Chat(sio::Server& io, Archive archive)
    : archive_(std::move(archive)), chat_(io.of("/chat")), rooms_(io.of("/rooms")) {
  chat_.on_connection([this](sio::Socket socket) { on_connection(socket); });
  chat_.on_disconnect(
      [this](sio::Socket socket, sio::DisconnectReason reason) { on_disconnect(socket, reason); });
  chat_.on("join", [this](sio::Socket socket, std::string slug) { return on_join(socket, slug); });
  chat_.on("history", [this](sio::Socket socket, std::int64_t after) { return on_history(socket, after); });
  chat_.on("nickname", [this](sio::Socket socket, std::string nick) { return on_nickname(socket, nick); });
  chat_.on("user message", [this](sio::Socket socket, std::string text, std::optional<std::string> nonce) {
    return on_message(socket, std::move(text), std::move(nonce).value_or(""));
  });
  rooms_.on_connection([this](sio::Socket socket) { socket.emit("rooms", summaries()); });
}

void Chat::on_connection(sio::Socket socket) {
  auto& visitor = socket.data<Visitor>();
  const std::string* token = socket.auth()["token"].as_string();
  visitor.has_token = token && is_token(*token);
  visitor.owner = visitor.has_token ? *token : socket.id();
}

void Chat::on_disconnect(sio::Socket socket, sio::DisconnectReason reason) {
  if (reason == sio::DisconnectReason::server_shutting_down) return;  // all go, to come back: that is no news
  const Visitor visitor = socket.data<Visitor>();
  const std::string id = socket.id();
  if (!presence_.hold(id)) return;
  if (visitor.has_token) verdin::sleep(kPatience);
  leave(id, visitor.room);
}

Chat::Answer<Room> Chat::on_join(sio::Socket socket, const std::string& slug) {
  auto room = archive_.ask([slug](Store& store) { return store.find(slug); });
  if (!room) return {false, "There is no such room."};
  auto& visitor = socket.data<Visitor>();
  if (!visitor.room.slug.empty() && visitor.room.slug != slug) {
    leave(socket.id(), visitor.room);
    socket.leave(channel(visitor.room));
  }
  visitor.room = *room;
  socket.join(channel(*room));
  socket.emit("nicknames", presence_.names(slug));
  return {true, std::move(*room)};
}

History Chat::on_history(sio::Socket socket, std::int64_t after) {
  auto history = archive_.ask([slug = socket.data<Visitor>().room.slug, after](Store& store) {
    return store.history(slug, after, kHistory);
  });
  return std::move(history).value_or(History{});
}

std::tuple<bool, std::string> Chat::on_nickname(sio::Socket socket, const std::string& wanted) {
  const auto& visitor = socket.data<Visitor>();
  if (visitor.room.slug.empty()) return {false, "Join a room first."};
  const std::string nick = tidy_name(wanted);
  if (auto problem = nickname_problem(nick)) return {false, std::move(*problem)};
  if (!socket.connected()) return {false, "You are gone."};  // nobody would give the seat up again

  const auto claim = presence_.claim(socket.id(), visitor.room.slug, visitor.owner, nick);
  if (claim.taken) return {false, "“" + nick + "” is taken. Pick another nickname."};
  const Room& room = visitor.room;
  if (claim.evicted) announce(room, "left", *claim.evicted, *claim.evicted + " left");
  if (claim.left && claim.arrived) {
    announce(room, "renamed", nick, *claim.left + " is now " + nick);
  } else if (claim.left) {
    announce(room, "left", *claim.left, *claim.left + " left");
  } else if (claim.arrived) {
    announce(room, "joined", nick, nick + " joined");
  }
  people_changed(room);
  return {true, nick};
}

Chat::Answer<AboutMessage> Chat::on_message(sio::Socket socket, std::string text, std::string nonce) {
  const Room room = socket.data<Visitor>().room;
  const auto nick = presence_.nick(socket.id());
  if (!nick) return {false, "Pick a nickname first."};
  if (auto problem = message_problem(text)) return {false, std::move(*problem)};
  if (nonce.size() > kNonceLimit) return {false, "That nonce is too long."};

  Message message{0, *nick, std::move(text), now(), std::move(nonce)};
  std::optional<Store::Added> added;
  try {
    added = archive_.ask([slug = room.slug, message = std::move(message)](Store& store) mutable {
      return store.add(slug, std::move(message));
    });
  } catch (const std::exception& error) {
    spdlog::error("a message to {} was lost: {}", room.slug, error.what());
    return {false, "The server could not keep it."};
  }
  if (!added) return {false, "There is no such room."};
  AboutMessage about{added->message.id, added->message.at, added->message.nonce};
  if (added->is_new) {
    socket.to(channel(room)).emit("msg_to_room", added->message.from, added->message.text, about);
  }
  return {true, std::move(about)};
}

void Chat::leave(const std::string& connection, const Room& room) {
  const auto departure = presence_.leave(connection);
  if (!departure || !departure->gone) return;
  announce(room, "left", departure->nick, departure->nick + " left");
  people_changed(room);
}

void Chat::announce(const Room& room, const char* kind, const std::string& nick, const std::string& text) {
  chat_.to(channel(room)).emit("announcement", text, AboutAnnouncement{kind, nick});
}

/// Tells it soon, once for all that happens until then: after a restart everybody comes back at the same
/// time.
void Chat::people_changed(const Room& room) {
  if (!changing_.insert(room.slug).second) return;
  verdin::spawn([this, room] {
    verdin::sleep(kTogether);
    changing_.erase(room.slug);
    chat_.to(channel(room)).emit("nicknames", presence_.names(room.slug));
    room_changed(room);
  });
}

void Chat::room_changed(const Room& room) { rooms_.emit("room", summary(room)); }

RoomSummary Chat::summary(const Room& room) const {
  auto people = presence_.names(room.slug);
  const std::size_t online = people.size();
  people.resize(std::min(online, kNamesListed));
  return {room.slug, room.name, online, std::move(people)};
}

std::vector<RoomSummary> Chat::summaries() {
  std::vector<RoomSummary> all;
  for (const Room& room : archive_.ask([](Store& store) { return store.rooms(); }))
    all.push_back(summary(room));
  return all;
}

}  // namespace chat
