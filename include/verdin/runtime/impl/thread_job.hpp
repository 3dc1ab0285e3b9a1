// Internal. ThreadJob: a call on its way to a thread of a ThreadPool and its result's way back.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub_ref.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

/// What a pool keeps on its hub's thread; outlives the pool while answers are on their way.
struct ThreadDesk : SharedRefCounted<ThreadDesk> {
  explicit ThreadDesk(HubRef h) : hub(std::move(h)) {}
  void one_ended() noexcept;

  HubRef hub;
  std::size_t in_flight = 0;
  bool closed = false;  // the pool has gone
  WaitQueue room;       // of those who wait to spawn
  WaitList idle;        // of those who wait for the end of all
};

/// Only the hub touches `done`; the thread writes the rest before it posts.
class ThreadOutcome : public SharedRefCounted<ThreadOutcome> {
 public:
  virtual ~ThreadOutcome();
  void check() {
    observed = true;
    if (error) std::rethrow_exception(error);
  }

  Event done;
  std::exception_ptr error;
  bool observed = false;
};

template <typename T>
class ThreadResult final : public ThreadOutcome {
 public:
  T& result() {
    check();
    return *value;
  }
  std::optional<T> value;
};
template <>
class ThreadResult<void> final : public ThreadOutcome {
 public:
  void result() { check(); }
};

/// Its part that knows no types. One that is destroyed without having run tells that it was dropped.
class ThreadJobBase {
 public:
  ThreadJobBase(IntrusivePtr<ThreadDesk> desk, IntrusivePtr<ThreadOutcome> outcome);
  ThreadJobBase(const ThreadJobBase&) = delete;
  ThreadJobBase& operator=(const ThreadJobBase&) = delete;
  virtual ~ThreadJobBase();

  void run() noexcept;

 protected:
  virtual void call() = 0;
  virtual void drop_function() noexcept = 0;

 private:
  void answer() noexcept;

  IntrusivePtr<ThreadDesk> desk_;
  IntrusivePtr<ThreadOutcome> outcome_;
};

template <typename T, typename F, typename... Args>
class ThreadJob final : public ThreadJobBase {
 public:
  template <typename G, typename... A>
  ThreadJob(IntrusivePtr<ThreadDesk> desk, const IntrusivePtr<ThreadResult<T>>& result, G&& function,
            A&&... args)
      : ThreadJobBase(std::move(desk), result),
        result_(result.get()),
        call_(std::in_place, std::forward<G>(function), std::forward<A>(args)...) {}

 private:
  void call() override {
    const auto go = [](F& f, Args&... args) -> T { return std::invoke(std::move(f), std::move(args)...); };
    if constexpr (std::is_void_v<T>) {
      std::apply(go, *call_);
    } else {
      result_->value.emplace(std::apply(go, *call_));
    }
  }
  void drop_function() noexcept override { call_.reset(); }

  ThreadResult<T>* result_;
  std::optional<std::tuple<F, Args...>> call_;
};

}  // namespace verdin::impl
