// Internal. GroupBase: the greenlets that a Group, a Pool or a TaskGroup knows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <unordered_map>
#include <vector>

#include <verdin/runtime/any_greenlet.hpp>
#include <verdin/runtime/event.hpp>

namespace verdin {

/// What a join of many does with failures.
enum class Errors : bool {
  keep,  ///< nothing: get() of each has them
  raise  ///< rethrows the first that happened, when all have ended
};

namespace impl {

class GroupBase {
 public:
  GroupBase(const GroupBase&) = delete;
  GroupBase& operator=(const GroupBase&) = delete;

  std::size_t size() const noexcept { return index_.size(); }
  bool empty() const noexcept { return index_.empty(); }
  /// Those who are in it now, in the order in which they came.
  std::vector<AnyGreenlet> members() const;
  bool contains(const AnyGreenlet& greenlet) const noexcept { return find(&greenlet.base()) != nullptr; }

  /// Blocks until it has been empty once.
  void join(Errors errors = Errors::keep) { join_until(std::nullopt, errors); }
  /// False if it was not empty within `limit`.
  bool join_for(loop::Clock::duration limit, Errors errors = Errors::keep) {
    return join_until(due_in(limit), errors);
  }
  /// Kills its members, each once, and those that come meanwhile, until it is empty.
  void kill() { kill_until(std::nullopt); }
  /// False if it was not empty within `limit`; those who are left were killed and will end when they can.
  bool kill_for(loop::Clock::duration limit) { return kill_until(due_in(limit)); }
  /// Kills those who are in it now, without waiting.
  void kill_async();

  /// Is it empty? For wait() over several objects: see linkable.hpp.
  bool ready() const noexcept { return empty(); }
  void add_link(Link& link) { empty_.add_link(link); }

  /// Tells `link`, of a greenlet that ended without telling anybody, if it is a group's (which destroys it).
  static bool tell_member(Link& link) noexcept {
    if (!link.told_by(&GroupBase::on_end)) return false;
    link.tell();
    return true;
  }

 protected:
  struct Member : Link {
    Member() noexcept : Link(&GroupBase::on_end) { only_hear_of_ends(); }
    GroupBase* group = nullptr;
    OnlookerPtr greenlet{};
    std::uint64_t killed_by = 0;  // the last kill() that it got
    bool holds_slot = false;      // of a Pool
    Member* next = nullptr;       // in the order in which they came
    Member* prev = nullptr;
  };

  /// One that joins; lies on its stack, and knows whether there still is a group.
  struct Joining {
    explicit Joining(GroupBase& of, Errors which = Errors::keep);
    Joining(const Joining&) = delete;
    Joining& operator=(const Joining&) = delete;
    ~Joining();

    GroupBase* group;  // null: it was destroyed meanwhile
    Errors errors;
    std::exception_ptr error{};  // the first since then, if it is to be raised
    Joining* next;               // another one
  };

  GroupBase();
  /// Forgets its members; they go on.
  virtual ~GroupBase();

  /// Null if it has ended. One that is in it already is not added twice.
  Member* track(GreenletBase& greenlet);
  /// One that was just spawned: if there is no memory to know it, it never runs.
  Member* track_new(GreenletBase& greenlet);
  /// False if it is not in it.
  bool untrack(const GreenletBase& greenlet) noexcept;
  Member* find(const GreenletBase* greenlet) const noexcept;
  Member* first() const noexcept { return first_; }

  /// A member ended or was taken out; it is in the group no more. Must not switch.
  virtual void left(GreenletBase& greenlet, bool held_slot) noexcept;

 private:
  static void on_end(Link& link) noexcept;
  void remove(Member& member) noexcept;
  bool join_until(std::optional<loop::Clock::time_point> due, Errors errors);
  bool kill_until(std::optional<loop::Clock::time_point> due);
  void kill_those_before(std::uint64_t kill);

  std::unordered_map<const GreenletBase*, Member> index_;
  Member* first_ = nullptr;
  Member* last_ = nullptr;
  Event empty_;
  WaitList changed_;  // of those who kill
  std::uint64_t kills_ = 0;
  Joining* joining_ = nullptr;  // the first
};

}  // namespace impl
}  // namespace verdin
