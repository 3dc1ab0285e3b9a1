// Internal. What Promise/Future and shared::Promise/Future have in common. See future.hpp.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/impl/local_sync.hpp>

namespace verdin {

/// The result was set before.
struct PromiseAlreadySet : std::logic_error {
  PromiseAlreadySet() : std::logic_error("verdin: the promise was kept before") {}
};

/// The promise was destroyed before it was kept.
struct BrokenPromise : std::runtime_error {
  BrokenPromise() : std::runtime_error("verdin: the promise was broken: destroyed before a result was set") {}
};

namespace impl {

template <typename T>
struct StoredResult {
  using Type = T;
  static T& get(T& stored) noexcept { return stored; }
};
template <typename T>
struct StoredResult<T&> {
  using Type = T*;
  static T& get(T* stored) noexcept { return *stored; }
};
template <>
struct StoredResult<void> {
  using Type = std::monostate;
  static void get(std::monostate) noexcept {}
};

template <typename T, typename Sync>
class FutureState : public Sync::template RefCounted<FutureState<T, Sync>> {
  using Guard = typename Sync::Guard;
  using Stored = StoredResult<T>;

 public:
  bool ready() const {
    [[maybe_unused]] const Guard guard(mutex_);
    return done_;
  }
  /// False if it had a result already.
  template <typename... Args>
  bool set_value(Args&&... args) {
    [[maybe_unused]] const Guard guard(mutex_);
    if (done_) return false;
    if constexpr (std::is_lvalue_reference_v<T>) {
      value_.emplace(std::addressof(args)...);
    } else {
      value_.emplace(std::forward<Args>(args)...);
    }
    finish();
    return true;
  }
  bool set_exception(std::exception_ptr error) {
    [[maybe_unused]] const Guard guard(mutex_);
    if (done_) return false;
    error_ = std::move(error);
    finish();
    return true;
  }
  bool wait_until(const Due& due) {
    Guard guard(mutex_);
    return done_ || waiters_.wait(guard, due, "Future::get");
  }
  /// Once it is ready; nothing changes any more then.
  std::add_lvalue_reference_t<T> result() {
    if (error_) std::rethrow_exception(error_);
    return Stored::get(*value_);
  }
  const std::exception_ptr& error() const noexcept { return error_; }
  void add_link(Link& link) { waiters_.add_link(link, done_); }

 private:
  void finish() {
    done_ = true;
    waiters_.happen();
  }

  mutable typename Sync::Mutex mutex_;
  bool done_ = false;
  std::optional<typename Stored::Type> value_;
  std::exception_ptr error_;
  typename Sync::Once waiters_;
};

template <typename T, typename Sync>
class BasicFuture {
  using State = FutureState<T, Sync>;
  static constexpr bool kVoid = std::is_void_v<T>;

 public:
  BasicFuture() = default;
  explicit BasicFuture(IntrusivePtr<State> state) : state_(std::move(state)) {}

  bool valid() const noexcept { return static_cast<bool>(state_); }
  bool ready() const { return state_->ready(); }
  bool successful() const { return ready() && !state_->error(); }
  std::exception_ptr exception() const { return ready() ? state_->error() : nullptr; }

  std::add_lvalue_reference_t<T> get() const {
    const IntrusivePtr<State> alive(state_);  // this handle may go while it waits
    alive->wait_until(std::nullopt);
    return alive->result();
  }
  auto get_for(loop::Clock::duration limit) const {
    const IntrusivePtr<State> alive(state_);
    return result_if(alive->wait_until(due_in(limit)), *alive);
  }
  auto try_get() const { return result_if(state_->ready(), *state_); }

  void wait() const { IntrusivePtr<State>(state_)->wait_until(std::nullopt); }
  bool wait_for(loop::Clock::duration limit) const {
    return IntrusivePtr<State>(state_)->wait_until(due_in(limit));
  }

 protected:
  IntrusivePtr<State> state_;

 private:
  static auto result_if(bool ready, State& state) {
    if constexpr (kVoid) {
      if (ready) state.result();
      return ready;
    } else {
      return ready ? std::addressof(state.result()) : nullptr;
    }
  }
};

template <typename T, typename Sync, typename FutureType>
class BasicPromise {
  using State = FutureState<T, Sync>;

 public:
  BasicPromise() : state_(new State) {}
  BasicPromise(BasicPromise&&) noexcept = default;
  BasicPromise& operator=(BasicPromise&& other) noexcept {
    BasicPromise(std::move(other)).state_.swap(state_);  // what it held before is broken
    return *this;
  }
  ~BasicPromise() {
    if (state_ && !state_->ready()) state_->set_exception(std::make_exception_ptr(BrokenPromise()));
  }

  FutureType future() const { return FutureType(state_); }
  bool ready() const { return state_->ready(); }

  template <typename... Args>
  void set_value(Args&&... args) {
    if (!try_set_value(std::forward<Args>(args)...)) throw PromiseAlreadySet();
  }
  void set_exception(std::exception_ptr error) {
    if (!try_set_exception(std::move(error))) throw PromiseAlreadySet();
  }
  template <typename... Args>
  bool try_set_value(Args&&... args) {
    return state_->set_value(std::forward<Args>(args)...);
  }
  bool try_set_exception(std::exception_ptr error) { return state_->set_exception(std::move(error)); }

 private:
  IntrusivePtr<State> state_;
};

}  // namespace impl
}  // namespace verdin
