// wait(): for several things at once, of any kind that becomes ready (Linkable: greenlets, events, futures,
// semaphores, processes). It takes nothing from them: a semaphore that is free is not acquired.
//
//   verdin::wait(event, greenlet);                    // all of them
//   switch (verdin::wait_any(event, greenlet)) {...}  // the first, by its number
//   for (auto& g : verdin::as_ready(greenlets)) use(g.get());
//   verdin::wait();                                   // until nothing can happen any more
//
// Things come in the order in which they became ready. Others run even if all are ready at once. The objects
// must outlive the wait. Greenlets only (BlockingSwitchOutError in the hub).
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/linkable.hpp>

namespace verdin {

namespace impl {

class GreenletBase;

/// Links to several things, and the order in which they were told.
class MultiWait {
 public:
  explicit MultiWait(std::size_t count);
  MultiWait(const MultiWait&) = delete;
  MultiWait& operator=(const MultiWait&) = delete;
  ~MultiWait();

  template <typename T>
  void add(std::size_t index, T& object) {
    object.ready() ? became_ready(index) : object.add_link(link(index));
  }
  /// Blocks for the next one that is ready; nullopt when there are no more, or at `due`.
  std::optional<std::size_t> next(std::optional<loop::Clock::time_point> due);
  /// Tells `link`, of something that is over without telling anybody, if it is of such a wait.
  static bool tell_entry(Link& link) noexcept {
    if (!link.told_by(&MultiWait::on_told)) return false;
    link.tell();
    return true;
  }

 private:
  struct Entry;
  static void on_told(Link& link) noexcept;
  Link& link(std::size_t index) noexcept;
  void became_ready(std::size_t index) noexcept;

  std::size_t count_;
  std::unique_ptr<Entry[]> entries_;
  std::vector<std::size_t> ready_;
  std::size_t given_ = 0;
  bool switched_ = false;
  GreenletBase* waiting_ = nullptr;
};

/// Until nothing can happen any more; false at `due`.
bool wait_exhausted(std::optional<loop::Clock::time_point> due);
std::optional<loop::Clock::time_point> due_after(std::optional<loop::Clock::duration> limit);

/// How many of `objects` became ready before `due`; `first` gets the number of the first.
template <typename... T>
std::size_t wait_some(std::size_t count, std::optional<loop::Clock::time_point> due, std::size_t* first,
                      T&... objects) {
  MultiWait wait(sizeof...(T));
  std::size_t index = 0;
  (wait.add(index++, objects), ...);
  std::size_t ready = 0;
  while (ready < count) {
    const auto next = wait.next(due);
    if (!next) break;
    if (ready++ == 0 && first) *first = *next;
  }
  return ready;
}

}  // namespace impl

template <typename R>
concept LinkableRange =
    std::ranges::range<R> && Linkable<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

/// Blocks until all are ready. Without objects: until nothing can happen any more in this hub (no timer, no
/// watch, no task on its way), where LoopExit would be thrown otherwise.
template <typename... T>
requires(Linkable<std::remove_reference_t<T>>&&...) void wait(T&&... objects) {
  if constexpr (sizeof...(T) == 0) {
    impl::wait_exhausted(std::nullopt);
  } else {
    impl::wait_some(sizeof...(T), std::nullopt, nullptr, objects...);
  }
}

/// As wait(); false if that has not happened after `limit`.
template <typename... T>
requires(Linkable<std::remove_reference_t<T>>&&...) bool wait_for(loop::Clock::duration limit,
                                                                  T&&... objects) {
  if constexpr (sizeof...(T) == 0) {
    return impl::wait_exhausted(impl::due_after(limit));
  } else {
    return impl::wait_some(sizeof...(T), impl::due_after(limit), nullptr, objects...) == sizeof...(T);
  }
}

/// Blocks until one is ready: its number, from 0.
template <typename... T>
requires(sizeof...(T) > 0 && (Linkable<std::remove_reference_t<T>> && ...)) std::size_t
    wait_any(T&&... objects) {
  std::size_t first = 0;
  impl::wait_some(1, std::nullopt, &first, objects...);
  return first;
}

/// As wait_any(); nullopt if none is ready after `limit`.
template <typename... T>
requires(sizeof...(T) > 0 && (Linkable<std::remove_reference_t<T>> &&
                              ...)) std::optional<std::size_t> wait_any_for(loop::Clock::duration limit,
                                                                            T&&... objects) {
  std::size_t first = 0;
  if (impl::wait_some(1, impl::due_after(limit), &first, objects...) == 0) return std::nullopt;
  return first;
}

/// A range of the objects of another, in the order in which they become ready; going on to the next one
/// blocks. The caller may switch between items. Destroying it unlinks those that are left.
template <LinkableRange R>
class ReadyRange {
 public:
  using Object = std::remove_reference_t<std::ranges::range_reference_t<R>>;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::remove_cv_t<Object>;
    using difference_type = std::ptrdiff_t;
    using pointer = Object*;
    using reference = Object&;

    explicit Iterator(ReadyRange* range) : range_(range) { ++*this; }
    Object& operator*() const noexcept { return *range_->objects_[*index_]; }
    Object* operator->() const noexcept { return range_->objects_[*index_]; }
    Iterator& operator++() {
      index_ = range_->wait_.next(range_->due_);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) noexcept { return !at.index_; }

   private:
    ReadyRange* range_;
    std::optional<std::size_t> index_;
  };

  ReadyRange(R& objects, std::optional<loop::Clock::duration> limit)
      : objects_(addresses(objects)), wait_(objects_.size()), due_(impl::due_after(limit)) {
    for (std::size_t i = 0; i < objects_.size(); ++i) wait_.add(i, *objects_[i]);
  }

  /// Once.
  Iterator begin() { return Iterator(this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  static std::vector<Object*> addresses(R& objects) {
    std::vector<Object*> all;
    for (auto& object : objects) all.push_back(&object);
    return all;
  }

  std::vector<Object*> objects_;
  impl::MultiWait wait_;
  std::optional<loop::Clock::time_point> due_;
};

/// Ends early, and without an exception, when `limit` is over. `objects` must stay as it is meanwhile.
template <LinkableRange R>
ReadyRange<R> as_ready(R& objects, std::optional<loop::Clock::duration> limit = std::nullopt) {
  return ReadyRange<R>(objects, limit);
}

struct WaitOptions {
  std::optional<loop::Clock::duration> limit{};
  std::size_t count = static_cast<std::size_t>(-1);  ///< be content when so many are ready
};

/// Blocks until all of the range are ready, or as `options` say: pointers to those that are, in their order.
template <LinkableRange R>
auto wait(R& objects, const WaitOptions& options = {}) {
  ReadyRange<R> range(objects, options.limit);
  std::vector<typename ReadyRange<R>::Object*> ready;
  if (options.count == 0) return ready;
  for (auto& object : range) {
    ready.push_back(&object);
    if (ready.size() == options.count) break;
  }
  return ready;
}

}  // namespace verdin
