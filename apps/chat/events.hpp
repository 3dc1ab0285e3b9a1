// What travels between the pages and the server, as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include <verdin/protocol/json/fields.hpp>

#include "store.hpp"

namespace chat {

namespace json = verdin::json;

constexpr auto json_fields(const Room*) {
  return std::tuple{json::field("slug", &Room::slug), json::field("name", &Room::name)};
}

constexpr auto json_fields(const Message*) {
  return std::tuple{json::field("id", &Message::id), json::field("from", &Message::from),
                    json::field("text", &Message::text), json::field("at", &Message::at),
                    json::field("nonce", &Message::nonce)};
}

constexpr auto json_fields(const History*) {
  return std::tuple{json::field("messages", &History::messages), json::field("complete", &History::complete)};
}

/// Of a message that travels as `msg_to_room from text about`, and of the answer to its author.
struct AboutMessage {
  std::int64_t id = 0;
  std::int64_t at = 0;
  std::string nonce;
};
constexpr auto json_fields(const AboutMessage*) {
  return std::tuple{json::field("id", &AboutMessage::id), json::field("at", &AboutMessage::at),
                    json::field("nonce", &AboutMessage::nonce)};
}

/// Of an `announcement text about`: who, and what happened ("joined", "left", "renamed").
struct AboutAnnouncement {
  std::string kind;
  std::string nick;
};
constexpr auto json_fields(const AboutAnnouncement*) {
  return std::tuple{json::field("kind", &AboutAnnouncement::kind),
                    json::field("nick", &AboutAnnouncement::nick)};
}

/// A room as the page of rooms lists it, with the first few of the people in it.
struct RoomSummary {
  std::string slug;
  std::string name;
  std::size_t online = 0;
  std::vector<std::string> people;
};
constexpr auto json_fields(const RoomSummary*) {
  return std::tuple{json::field("slug", &RoomSummary::slug), json::field("name", &RoomSummary::name),
                    json::field("online", &RoomSummary::online), json::field("people", &RoomSummary::people)};
}

/// The body of POST /rooms, its answer being a RoomSummary or a Refusal.
struct NewRoom {
  std::string name;
};
constexpr auto json_fields(const NewRoom*) { return std::tuple{json::field("name", &NewRoom::name)}; }

struct Refusal {
  std::string error;
};
constexpr auto json_fields(const Refusal*) { return std::tuple{json::field("error", &Refusal::error)}; }

}  // namespace chat
