#include <utility>

#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

GroupBase::Joining::Joining(GroupBase& of, Errors which) : group(&of), errors(which), next(of.joining_) {
  of.joining_ = this;
}

GroupBase::Joining::~Joining() {
  if (!group) return;
  Joining** at = &group->joining_;
  while (*at != this) at = &(*at)->next;
  *at = next;
}

GroupBase::GroupBase() { empty_.set(); }

GroupBase::~GroupBase() {
  for (Joining* joiner = joining_; joiner; joiner = joiner->next) joiner->group = nullptr;
}

void GroupBase::left(GreenletBase&, bool) noexcept {}

std::vector<AnyGreenlet> GroupBase::members() const {
  std::vector<AnyGreenlet> all;
  all.reserve(size());
  for (const Member* member = first_; member; member = member->next) {
    all.emplace_back(*member->greenlet);
  }
  return all;
}

GroupBase::Member* GroupBase::find(const GreenletBase* greenlet) const noexcept {
  const auto at = index_.find(greenlet);
  return at == index_.end() ? nullptr : const_cast<Member*>(&at->second);
}

GroupBase::Member* GroupBase::track(GreenletBase& greenlet) {
  if (greenlet.finished()) return nullptr;
  greenlet.check_hub();
  const auto [at, is_new] = index_.try_emplace(&greenlet);
  Member& member = at->second;
  if (!is_new) return &member;
  member.group = this;
  member.greenlet = OnlookerPtr(greenlet);
  member.prev = last_;
  (last_ ? last_->next : first_) = &member;
  last_ = &member;
  greenlet.add_link(member);
  empty_.clear();
  changed_.wake_all();
  return &member;
}

GroupBase::Member* GroupBase::track_new(GreenletBase& greenlet) {
  try {
    return track(greenlet);
  } catch (...) {
    greenlet.cancel_start(nullptr);
    throw;
  }
}

bool GroupBase::untrack(const GreenletBase& greenlet) noexcept {
  Member* const member = find(&greenlet);
  if (!member) return false;
  remove(*member);
  return true;
}

void GroupBase::remove(Member& member) noexcept {
  const OnlookerPtr greenlet = std::move(member.greenlet);
  const bool held_slot = member.holds_slot;
  (member.prev ? member.prev->next : first_) = member.next;
  (member.next ? member.next->prev : last_) = member.prev;
  index_.erase(greenlet.get());
  if (empty()) {
    empty_.set();
    changed_.wake_all();
  }
  left(*greenlet, held_slot);
}

void GroupBase::on_end(Link& link) noexcept {
  auto& member = static_cast<Member&>(link);
  GroupBase& self = *member.group;
  if (member.greenlet->failure()) {
    for (Joining* joiner = self.joining_; joiner; joiner = joiner->next) {
      if (joiner->errors == Errors::keep || joiner->error) continue;
      member.greenlet->set_observed();
      joiner->error = member.greenlet->failure();
    }
  }
  self.remove(member);
}

bool GroupBase::join_until(std::optional<loop::Clock::time_point> due, Errors errors) {
  if (empty()) return true;
  Joining joining(*this, errors);
  bool done = true;
  if (due) {
    done = empty_.wait_for(loop::time_until(*due));
  } else {
    empty_.wait();
  }
  if (joining.error) std::rethrow_exception(joining.error);
  return done;
}

/// Nobody runs meanwhile: also one that has not started, and so ends at once, is told of later.
void GroupBase::kill_those_before(std::uint64_t kill) {
  for (Member* member = first_; member; member = member->next) {
    if (member->killed_by >= kill) continue;
    member->greenlet->throw_into(nullptr);
    member->killed_by = kill;
  }
}

void GroupBase::kill_async() { kill_those_before(++kills_); }

bool GroupBase::kill_until(std::optional<loop::Clock::time_point> due) {
  const std::uint64_t kill = ++kills_;
  for (;;) {
    kill_those_before(kill);
    if (empty()) return true;
    Waiter waiter(changed_, "Group::kill");
    if (!waiter.wait_until(due)) return empty();
  }
}

}  // namespace verdin::impl
