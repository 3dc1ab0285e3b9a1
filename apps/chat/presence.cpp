#include "presence.hpp"

#include "text.hpp"

namespace chat {

Presence::Claim Presence::claim(std::string_view connection, std::string_view room, std::string_view owner,
                                std::string_view nick) {
  Claim claim;
  const std::string key = fold(nick);
  People& people = rooms_.try_emplace(std::string(room)).first->second;
  if (const auto holder = people.find(key); holder != people.end() && holder->second.owner != owner) {
    if (holder->second.held < holder->second.seats) {
      claim.taken = true;
      return claim;
    }
    claim.evicted = holder->second.nick;
    evict(room, key);
  }

  // The new seat first, then the old one goes: the room's entry stays, and so does a person who only
  // respells.
  auto& person = rooms_.try_emplace(std::string(room)).first->second[key];
  claim.arrived = person.seats == 0;
  if (!claim.arrived && person.nick != nick) {
    claim.left = person.nick;
    claim.arrived = true;
  }
  person.nick = nick;
  person.owner = owner;
  ++person.seats;
  const auto old = seats_.find(connection);
  if (old == seats_.end()) {
    seats_.emplace(std::string(connection), Seat{std::string(room), key, false});
    return claim;
  }
  if (auto gone = give_up(old->second)) claim.left = std::move(gone);
  old->second = Seat{std::string(room), key, false};
  return claim;
}

bool Presence::hold(std::string_view connection) {
  const auto seat = seats_.find(connection);
  if (seat == seats_.end()) return false;
  if (!seat->second.held) {
    seat->second.held = true;
    ++rooms_.at(seat->second.room).at(seat->second.key).held;
  }
  return true;
}

std::optional<Presence::Departure> Presence::leave(std::string_view connection) {
  const auto found = seats_.find(connection);
  if (found == seats_.end()) return std::nullopt;
  const Seat seat = std::move(found->second);
  seats_.erase(found);
  Departure departure{seat.room, rooms_.at(seat.room).at(seat.key).nick, false};
  departure.gone = give_up(seat).has_value();
  return departure;
}

std::optional<std::string> Presence::nick(std::string_view connection) const {
  const auto seat = seats_.find(connection);
  if (seat == seats_.end()) return std::nullopt;
  return rooms_.at(seat->second.room).at(seat->second.key).nick;
}

std::vector<std::string> Presence::names(std::string_view room) const {
  std::vector<std::string> names;
  const auto people = rooms_.find(room);
  if (people == rooms_.end()) return names;
  names.reserve(people->second.size());
  for (const auto& [key, person] : people->second) names.push_back(person.nick);
  return names;
}

std::size_t Presence::count(std::string_view room) const {
  const auto people = rooms_.find(room);
  return people == rooms_.end() ? 0 : people->second.size();
}

/// Takes one seat from its person; the nickname if that was the last one.
std::optional<std::string> Presence::give_up(const Seat& seat) {
  const auto room = rooms_.find(seat.room);
  const auto person = room->second.find(seat.key);
  if (seat.held) --person->second.held;
  if (--person->second.seats > 0) return std::nullopt;
  std::string nick = std::move(person->second.nick);
  room->second.erase(person);
  if (room->second.empty()) rooms_.erase(room);
  return nick;
}

void Presence::evict(std::string_view room, const std::string& key) {
  std::erase_if(seats_,
                [&](const auto& entry) { return entry.second.room == room && entry.second.key == key; });
  const auto people = rooms_.find(room);
  people->second.erase(key);
  if (people->second.empty()) rooms_.erase(people);
}

}  // namespace chat
