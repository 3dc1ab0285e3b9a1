// Pool: a Group of limited size.
//
//   verdin::Pool pool(10);
//   for (auto& url : urls) pool.spawn(fetch, url);   // blocks while ten are at work
//   auto pages = pool.map(fetch, urls);
//
// Pool(n) holds n greenlets; Pool(0) none ever; Pool(Pool::kUnlimited) any number. spawn() and add() block
// while it is full; try_ forms do not, _for forms do for a time. A place is free as soon as a member has
// ended, before those who wait for that member run; whoever comes first takes it (a greenlet that was woken
// for it then waits on, in its old place). A greenlet that is killed or times out while it waits takes none.
//
// apply() from a member of the same pool runs in place, and so does map(): they cannot deadlock.
// apply_async() never blocks: what finds no place waits for one in a greenlet of its own, which is a member
// already (size() may then be above the limit). imap() and imap_unordered(): see map_range.hpp; their
// look-ahead is twice the size of the pool.
//
// Everything else is as with Group: join(), kill(), members(), Errors; discard() gives back only the place of
// a member. The destructor forgets the members, which go on, and kills what still waits for a place. A
// greenlet that waits in spawn() then gets std::logic_error. Hub-local: its hub's thread only.
#pragma once

#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include <verdin/runtime/group.hpp>
#include <verdin/runtime/impl/slots.hpp>

namespace verdin {

class Pool : public impl::GroupBase {
 public:
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

  explicit Pool(std::size_t size) : slots_(make_intrusive<impl::Slots>(size)) {}
  ~Pool() override;

  std::size_t capacity() const noexcept { return slots_->size(); }
  std::size_t free_count() const noexcept { return slots_->free(); }
  bool full() const noexcept { return free_count() == 0; }
  /// Blocks until there is a free place, without taking it.
  void wait_available() { slots_->wait_until(std::nullopt); }
  bool wait_available_for(loop::Clock::duration limit) { return slots_->wait_until(due(limit)); }

  /// As verdin::spawn(). Blocks while the pool is full.
  template <typename... Args>
  auto spawn(Args&&... args) {
    slots_->acquire_until(std::nullopt);
    return spawn_here(std::forward<Args>(args)...);
  }
  /// nullopt if it is full.
  template <typename... Args>
  auto try_spawn(Args&&... args) {
    using Handle = decltype(spawn_here(std::forward<Args>(args)...));
    if (!slots_->try_acquire()) return std::optional<Handle>();
    return std::optional<Handle>(spawn_here(std::forward<Args>(args)...));
  }
  /// nullopt if it stayed full for `limit`.
  template <typename... Args>
  auto spawn_for(loop::Clock::duration limit, Args&&... args) {
    using Handle = decltype(spawn_here(std::forward<Args>(args)...));
    if (!slots_->acquire_until(due(limit))) return std::optional<Handle>();
    return std::optional<Handle>(spawn_here(std::forward<Args>(args)...));
  }

  /// A greenlet that runs already. One that has ended or is in it takes no place.
  void add(const AnyGreenlet& greenlet) { add_until(greenlet, std::nullopt); }
  bool try_add(const AnyGreenlet& greenlet) { return add_until(greenlet, loop::Clock::time_point::min()); }
  bool add_for(loop::Clock::duration limit, const AnyGreenlet& greenlet) {
    return add_until(greenlet, due(limit));
  }
  /// Takes it out and gives its place back; it goes on.
  void discard(const AnyGreenlet& greenlet) noexcept { untrack(greenlet.base()); }

  /// Runs function(args...) in the pool: its value, or what it threw.
  template <typename F, typename... Args>
  auto apply(F&& function, Args&&... args) {
    using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    if (in_member()) return T(std::invoke(std::forward<F>(function), std::forward<Args>(args)...));
    return impl::get_or_kill(spawn(std::forward<F>(function), std::forward<Args>(args)...));
  }
  /// As spawn(), without blocking.
  template <typename F, typename... Args>
  auto apply_async(F&& function, Args&&... args);
  /// function(item...) for the items of the ranges (as many as the shortest has): the values in the order of
  /// the items, or what the first failing item threw.
  template <typename F, typename... Ranges>
  auto map(F&& function, Ranges&&... ranges) {
    if (in_member()) return impl::map_in_place(function, ranges...);
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
  static loop::Clock::time_point due(loop::Clock::duration limit) { return impl::due_in(limit); }
  /// With a place that was acquired.
  template <typename... Args>
  auto spawn_here(Args&&... args) {
    impl::SlotGuard slot(slots_);
    auto greenlet = verdin::spawn(std::forward<Args>(args)...);
    hold(track_new(greenlet.base()), slot);
    return greenlet;
  }
  template <typename F, typename... Ranges>
  auto lazily(bool ordered, F&& function, Ranges&&... ranges) {
    const std::size_t ahead = capacity() <= Group::kLookAhead / 2 ? 2 * capacity() : Group::kLookAhead;
    return impl::make_map_range<F, Ranges...>(
        ordered, std::max<std::size_t>(ahead, 1),
        [this](auto&& task) { return this->spawn(std::forward<decltype(task)>(task)); },
        std::forward<F>(function), std::forward<Ranges>(ranges)...);
  }

  bool add_until(const AnyGreenlet& greenlet, std::optional<loop::Clock::time_point> due);
  /// Gives `member` (null: it has ended) the place of `slot`.
  static void hold(Member* member, impl::SlotGuard& slot) noexcept;
  /// Gives the running greenlet the place of `slot`, if it is a member.
  void hold_running(impl::SlotGuard& slot) noexcept;
  bool in_member() const noexcept;
  void left(impl::GreenletBase& greenlet, bool held_slot) noexcept override;

  IntrusivePtr<impl::Slots> slots_;
};

template <typename F, typename... Args>
auto Pool::apply_async(F&& function, Args&&... args) {
  using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  using Call = std::tuple<std::decay_t<F>, std::decay_t<Args>...>;
  if (slots_->try_acquire()) return spawn_here(std::forward<F>(function), std::forward<Args>(args)...);
  Greenlet<T> greenlet =
      verdin::spawn([this, slots = slots_,
                     call = Call(std::forward<F>(function), std::forward<Args>(args)...)]() mutable -> T {
        slots->acquire_until(std::nullopt);  // throws if the pool is gone
        impl::SlotGuard slot(slots);
        hold_running(slot);
        return std::apply([](auto& f, auto&... a) -> T { return std::invoke(std::move(f), std::move(a)...); },
                          call);
      });
  track_new(greenlet.base());
  return greenlet;
}

}  // namespace verdin
