// Who is in which room under which nickname.
//
// A seat is one connection with a nickname in one room. A person is a nickname in a room, owned by whoever
// took it: the same owner (another tab, or the next connection after a lost one) may have several seats,
// nobody else may. A nickname is free again when its last seat is given up; as soon as all its seats are only
// waiting for their owner's return (hold()), anybody may take it over.
//
// In memory only; one thread at a time; never blocks. Bounded by the number of connections.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/siphash.hpp>

namespace chat {

class Presence {
 public:
  /// What a claim changed, in the order in which it is to be told.
  struct Claim {
    bool taken = false;                  ///< somebody else has it: nothing changed
    std::optional<std::string> evicted;  ///< who had it, and was only being waited for
    std::optional<std::string> left;     ///< the claimer's former nickname, if that was its last seat
    bool arrived = false;                ///< the nickname is new in the room
  };
  struct Departure {
    std::string room, nick;
    bool gone = false;  ///< that was its last seat
  };

  /// Gives `nick` in `room` to `connection`, instead of the nickname that it had there. The connection must
  /// have no seat in another room.
  Claim claim(std::string_view connection, std::string_view room, std::string_view owner,
              std::string_view nick);
  /// The connection is lost, but its owner may come back: keeps the seat until leave(). True if there is one.
  bool hold(std::string_view connection);
  /// Gives up the seat. Nothing if the connection has none.
  std::optional<Departure> leave(std::string_view connection);

  /// The nickname of a connection; nothing if it has none.
  std::optional<std::string> nick(std::string_view connection) const;
  /// Of a room, in order.
  std::vector<std::string> names(std::string_view room) const;
  std::size_t count(std::string_view room) const;

 private:
  struct Seat {
    std::string room, key;  // key: the folded nickname
    bool held = false;
  };
  struct Person {
    std::string nick, owner;
    std::size_t seats = 0, held = 0;
  };
  using People = std::map<std::string, Person, std::less<>>;

  std::optional<std::string> give_up(const Seat& seat);
  void evict(std::string_view room, const std::string& key);

  verdin::StringMap<Seat> seats_;
  verdin::StringMap<People> rooms_;
};

}  // namespace chat
