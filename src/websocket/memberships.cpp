#include "websocket/memberships.hpp"

namespace verdin::websocket::impl {

Memberships::~Memberships() {
  while (!entries_.empty()) leave_at(entries_.size() - 1);
}

std::size_t Memberships::find(const Topic& topic) const noexcept {
  std::size_t at = 0;
  while (at < entries_.size() && entries_[at].topic != &topic) ++at;
  return at;
}

void Memberships::join(Topic& topic) {
  if (entries_.size() == entries_.capacity()) entries_.reserve(2 * entries_.size() + 4);
  topic.members.push_back({&connection_, this, entries_.size()});
  entries_.push_back({&topic, topic.members.size() - 1});
}

bool Memberships::leave(Topic& topic) noexcept {
  const std::size_t at = find(topic);
  if (at == entries_.size()) return false;
  leave_at(at);
  return true;
}

void Memberships::leave_at(std::size_t at) noexcept {
  const auto [topic, index] = entries_[at];
  drop_entry(at);
  topic->members[index] = topic->members.back();
  topic->members.pop_back();
  if (index < topic->members.size()) {
    const Topic::Member& moved = topic->members[index];
    moved.memberships->entries_[moved.index].index = index;
  }
  if (topic->members.empty()) topic->home->erase(topic->home->find(*topic->name));
}

void Memberships::drop_entry(std::size_t at) noexcept {
  entries_[at] = entries_.back();
  entries_.pop_back();
  if (at < entries_.size()) entries_[at].topic->members[entries_[at].index].index = at;
}

void Memberships::dismiss_all(Topic& topic) noexcept {
  for (const Topic::Member& member : topic.members) member.memberships->drop_entry(member.index);
  topic.members.clear();
}

}  // namespace verdin::websocket::impl
