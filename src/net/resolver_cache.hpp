// ResolverCache: answers for names, for as long as they hold; beyond its size the oldest goes.
#pragma once

#include <list>
#include <string>
#include <string_view>

#include <verdin/base/siphash.hpp>
#include <verdin/loop/deadline_timer.hpp>

#include "net/name_lookup.hpp"

namespace verdin::net::impl {

class ResolverCache {
 public:
  explicit ResolverCache(std::size_t capacity) : capacity_(capacity) {}

  /// Null if there is none that holds.
  const LookupAnswer* find(std::string_view key, loop::Clock::time_point now);
  void put(std::string key, LookupAnswer answer, loop::Clock::time_point until);
  void clear();
  std::size_t size() const noexcept { return order_.size(); }

 private:
  struct Entry {
    std::string key;
    LookupAnswer answer;
    loop::Clock::time_point until;
  };
  using Order = std::list<Entry>;
  void erase(Order::iterator entry);

  std::size_t capacity_;
  Order order_;  // the oldest first
  StringMap<Order::iterator> by_key_;
};

}  // namespace verdin::net::impl
