// Memberships: the topics of one connection, and Topic: the connections of one topic. Each knows where it
// stands in the other, so that leaving costs the same however many a topic has (a connection's own are looked
// through). Internal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/base/siphash.hpp>

namespace verdin::websocket {

class Connection;

namespace impl {

struct Topic;
using TopicMap = StringMap<Topic>;

class Memberships {
 public:
  explicit Memberships(Connection& connection) noexcept : connection_(connection) {}
  Memberships(const Memberships&) = delete;
  Memberships& operator=(const Memberships&) = delete;
  /// Leaves all.
  ~Memberships();

  bool contains(const Topic& topic) const noexcept { return find(topic) != entries_.size(); }
  /// Not yet a member.
  void join(Topic& topic);
  /// False if it is no member. The last to leave destroys the topic.
  bool leave(Topic& topic) noexcept;
  /// The topic is about to be destroyed by somebody else.
  static void dismiss_all(Topic& topic) noexcept;

 private:
  friend struct Topic;
  struct Entry {
    Topic* topic;
    std::size_t index;  // in the topic's members
  };

  std::size_t find(const Topic& topic) const noexcept;
  void drop_entry(std::size_t at) noexcept;
  void leave_at(std::size_t at) noexcept;

  Connection& connection_;
  std::vector<Entry> entries_;
};

struct Topic {
  struct Member {
    Connection* connection;
    Memberships* memberships;
    std::size_t index;  // in the memberships' entries
  };

  TopicMap* home = nullptr;  // with its name: where it is destroyed
  const std::string* name = nullptr;
  std::vector<Member> members;
};

}  // namespace impl
}  // namespace verdin::websocket
