#include "net/resolver_cache.hpp"

#include <iterator>
#include <utility>

namespace verdin::net::impl {

const LookupAnswer* ResolverCache::find(std::string_view key, loop::Clock::time_point now) {
  const auto at = by_key_.find(key);
  if (at == by_key_.end()) return nullptr;
  if (at->second->until > now) return &at->second->answer;
  erase(at->second);
  return nullptr;
}

void ResolverCache::put(std::string key, LookupAnswer answer, loop::Clock::time_point until) {
  if (capacity_ == 0) return;
  if (const auto at = by_key_.find(key); at != by_key_.end()) erase(at->second);
  if (order_.size() >= capacity_) erase(order_.begin());
  order_.push_back({std::move(key), std::move(answer), until});
  by_key_.emplace(order_.back().key, std::prev(order_.end()));
}

void ResolverCache::clear() {
  by_key_.clear();
  order_.clear();
}

void ResolverCache::erase(Order::iterator entry) {
  by_key_.erase(entry->key);
  order_.erase(entry);
}

}  // namespace verdin::net::impl
