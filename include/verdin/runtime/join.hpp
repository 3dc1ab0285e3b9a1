// join_all(): waits for several greenlets at once. Greenlets only; blocks; throws nothing of theirs unless
// asked to.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

namespace impl {

/// Waits until `count` of `greenlets` have ended or `due` has come; the ended ones, in the order in which
/// they ended.
std::vector<GreenletBase*> join_all(std::span<GreenletBase* const> greenlets, std::size_t count,
                                    std::optional<loop::Clock::time_point> due);

}  // namespace impl

/// True if all have ended.
template <typename... T>
bool join_all(Greenlet<T>&... greenlets) {
  const std::initializer_list<impl::GreenletBase*> all{&greenlets.base()...};
  impl::join_all(std::span(all.begin(), all.size()), all.size(), std::nullopt);
  return (greenlets.ready() && ...);
}

/// False if some have not ended after `limit`; they go on.
template <typename... T>
bool join_all(loop::Clock::duration limit, Greenlet<T>&... greenlets) {
  const std::initializer_list<impl::GreenletBase*> all{&greenlets.base()...};
  const auto due = loop::Clock::now() + limit;
  impl::join_all(std::span(all.begin(), all.size()), all.size(), due);
  return (greenlets.ready() && ...);
}

struct JoinOptions {
  std::optional<loop::Clock::duration> limit{};
  std::size_t count = static_cast<std::size_t>(-1);  ///< be content when so many have ended
  bool raise_error = false;                          ///< rethrow the first failure (the others go on)
};

/// The greenlets that have ended, in the order in which they did.
template <typename T>
std::vector<Greenlet<T>> join_all(const std::vector<Greenlet<T>>& greenlets,
                                  const JoinOptions& options = {}) {
  std::vector<impl::GreenletBase*> all;
  for (const Greenlet<T>& greenlet : greenlets) all.push_back(&greenlet.base());
  std::optional<loop::Clock::time_point> due;
  if (options.limit) due = loop::Clock::now() + *options.limit;
  std::vector<Greenlet<T>> ended;
  for (impl::GreenletBase* base : impl::join_all(all, std::min(options.count, all.size()), due)) {
    ended.emplace_back(IntrusivePtr(static_cast<impl::GreenletWithResult<T>*>(base)));
    if (options.raise_error && base->failure()) {
      base->set_observed();
      std::rethrow_exception(base->failure());
    }
  }
  return ended;
}

}  // namespace verdin
