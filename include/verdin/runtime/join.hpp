// join_all() and kill_all(): several greenlets at once. (For other things that become ready: wait.hpp.)
//
// join_all() blocks until all have ended, or as the options say; it throws nothing of theirs unless asked to.
// It lets others run even if all have ended before. Greenlets only (BlockingSwitchOutError in the hub).
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <vector>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

struct JoinOptions {
  std::optional<loop::Clock::duration> limit{};
  std::size_t count = static_cast<std::size_t>(-1);  ///< be content when so many have ended
  /// Rethrow the first failure, as soon as it happens; the others go on.
  bool raise_error = false;
};

struct KillOptions {
  std::exception_ptr reason{};  ///< thrown instead of GreenletExit
  std::optional<loop::Clock::duration>
      limit{};       ///< of the wait; TimeoutExpired (of no scope) when it is over
  bool wait = true;  ///< until all are dead, cleanup code included
};

namespace impl {

/// Waits as `options` say; the greenlets that have ended, in the order in which they did.
std::vector<IntrusivePtr<GreenletBase>> join_all(std::span<GreenletBase* const> greenlets,
                                                 const JoinOptions& options);
/// True if all have ended.
bool join_these(const JoinOptions& options, std::initializer_list<GreenletBase*> greenlets);
void kill_all(std::span<GreenletBase* const> greenlets, const KillOptions& options);

template <typename T>
inline constexpr bool is_greenlet = false;
template <typename T>
inline constexpr bool is_greenlet<Greenlet<T>> = true;

}  // namespace impl

template <typename R>
concept GreenletRange =
    std::ranges::range<R> && impl::is_greenlet<std::remove_cvref_t<std::ranges::range_reference_t<R>>>;

namespace impl {

template <GreenletRange R>
std::vector<GreenletBase*> bases(R&& greenlets) {
  std::vector<GreenletBase*> all;
  if constexpr (std::ranges::sized_range<R>)
    all.reserve(static_cast<std::size_t>(std::ranges::size(greenlets)));
  for (auto&& greenlet : greenlets) all.push_back(&greenlet.base());
  return all;
}

}  // namespace impl

/// True if all have ended.
template <typename... T>
bool join_all(const Greenlet<T>&... greenlets) {
  return impl::join_these({}, {&greenlets.base()...});
}

/// False if some have not ended after `limit`; they go on.
template <typename... T>
bool join_all(loop::Clock::duration limit, const Greenlet<T>&... greenlets) {
  return impl::join_these({.limit = limit}, {&greenlets.base()...});
}

/// The greenlets that have ended, in the order in which they did. One that is named twice counts once.
template <GreenletRange R>
auto join_all(R&& greenlets, const JoinOptions& options = {}) {
  using Handle = std::remove_cvref_t<std::ranges::range_reference_t<R>>;
  using State = impl::GreenletWithResult<typename Handle::Result>;
  const auto bases = impl::join_all(impl::bases(greenlets), options);
  std::vector<Handle> ended;
  ended.reserve(bases.size());
  for (const auto& base : bases) {
    ended.emplace_back(IntrusivePtr(static_cast<State*>(base.get())));
    if (!options.raise_error || !base->failure()) continue;
    base->set_observed();
    std::rethrow_exception(base->failure());
  }
  return ended;
}

/// Kills all of them, and waits until they are dead. Those that have not started never do, and have ended at
/// once; the others get the exception in their order, all in one event. A `reason` is one object for all.
template <GreenletRange R>
void kill_all(R&& greenlets, const KillOptions& options = {}) {
  impl::kill_all(impl::bases(greenlets), options);
}

template <typename... T>
void kill_all(const Greenlet<T>&... greenlets) {
  const std::initializer_list<impl::GreenletBase*> all{&greenlets.base()...};
  impl::kill_all(std::span(all.begin(), all.size()), {});
}

}  // namespace verdin
