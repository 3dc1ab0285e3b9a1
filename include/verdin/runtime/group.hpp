// Group: keeps track of greenlets, which leave it when they end.
//
//   verdin::Group group;
//   for (auto& url : urls) group.spawn(fetch, url);
//   group.join();                                        // or kill(), or members()
//   for (auto& page : group.imap(fetch, urls)) use(page);
//
// spawn() and add() never block; a greenlet may be in several groups. join() and kill() wait until the group
// has been empty once, so members that spawn others into it are waited for too. Errors::raise rethrows the
// first failure that happened, when all have ended. kill() kills nobody twice and throws nothing of theirs.
// discard() of a greenlet that is not in the group does nothing.
//
// Members leave by the same link that those use who wait for them, in the order of registration: whoever
// waited for a member finds it gone, but one that ended just now may still be counted.
//
// map() and apply() leave nothing behind: if an item fails or the caller is interrupted, what they started is
// killed and waited for, so functions may refer to the caller's variables. imap() and imap_unordered(): see
// map_range.hpp. The group's destructor forgets its members, which go on: TaskGroup is for those that must
// not outlive a scope.
//
// Hub-local: its hub's thread only.
#pragma once

#include <utility>

#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/map.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/map_range.hpp>
#include <verdin/runtime/stop_token.hpp>

namespace verdin {

class Group : public impl::GroupBase {
 public:
  /// How many results of imap() may be on their way or wait to be taken.
  static constexpr std::size_t kLookAhead = 1024;

  /// As verdin::spawn().
  template <typename... Args>
  auto spawn(Args&&... args) {
    auto greenlet = verdin::spawn(std::forward<Args>(args)...);
    track_new(greenlet.base());
    return greenlet;
  }
  void add(const AnyGreenlet& greenlet) { track(greenlet.base()); }
  /// Takes it out; it goes on.
  void discard(const AnyGreenlet& greenlet) noexcept { untrack(greenlet.base()); }

  /// Runs function(args...) in the group: its value, or what it threw.
  template <typename F, typename... Args>
  auto apply(F&& function, Args&&... args) {
    return impl::get_or_kill(spawn(std::forward<F>(function), std::forward<Args>(args)...));
  }
  template <typename F, typename... Args>
  auto apply_async(F&& function, Args&&... args) {
    return spawn(std::forward<F>(function), std::forward<Args>(args)...);
  }
  /// function(item...) for the items of the ranges (as many as the shortest has), each in a greenlet: the
  /// values in the order of the items, or what the first failing item threw.
  template <typename F, typename... Ranges>
  auto map(F&& function, Ranges&&... ranges) {
    return impl::map([this](auto&& task) { return this->spawn(std::forward<decltype(task)>(task)); },
                     function, ranges...);
  }
  template <typename F, typename... Ranges>
  auto imap(F&& function, Ranges&&... ranges) {
    return lazily(true, std::forward<F>(function), std::forward<Ranges>(ranges)...);
  }
  template <typename F, typename... Ranges>
  auto imap_unordered(F&& function, Ranges&&... ranges) {
    return lazily(false, std::forward<F>(function), std::forward<Ranges>(ranges)...);
  }

 private:
  template <typename F, typename... Ranges>
  auto lazily(bool ordered, F&& function, Ranges&&... ranges) {
    return impl::make_map_range<F, Ranges...>(
        ordered, kLookAhead, [this](auto&& task) { return this->spawn(std::forward<decltype(task)>(task)); },
        std::forward<F>(function), std::forward<Ranges>(ranges)...);
  }
};

}  // namespace verdin
