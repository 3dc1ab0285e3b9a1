// Greenlet<T>: a handle on a function that runs on a stack of its own, beside the others of its thread.
//
//   auto user = verdin::spawn(load_user, "Andy");  // queued; runs when this greenlet blocks
//   user.get();                                    // blocks until it has ended: its value, or what it threw
//
// Threads: a greenlet stays on the thread that spawned it, and so must its handles. Copying a handle is
// cheap; dropping the last one detaches the greenlet (the hub owns it until it ends). Arguments are moved or
// copied into the greenlet; pass std::ref for a reference.
//
// kill() throws GreenletExit where the greenlet is suspended, as a queued event: if it was already woken it
// runs first and gets the kill at its next suspension. One that has not started never does. It never throws
// into the killer.
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <verdin/runtime/hub.hpp>

namespace verdin {

namespace impl {

/// Blocks until `greenlet` has ended; false if `due` comes first.
bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due);
[[noreturn]] void throw_killed(const GreenletBase& greenlet);

template <typename T>
class GreenletWithResult : public GreenletBase {
 public:
  using GreenletBase::GreenletBase;
  T& value() { return *result_; }

 protected:
  std::optional<T> result_;
};

template <>
class GreenletWithResult<void> : public GreenletBase {
 public:
  using GreenletBase::GreenletBase;
};

template <typename T, typename F, typename... Args>
class GreenletOf final : public GreenletWithResult<T> {
 public:
  template <typename G, typename... A>
  GreenletOf(Hub& hub, G&& function, A&&... args)
      : GreenletWithResult<T>(hub),
        call_(std::in_place, std::forward<G>(function), std::forward<A>(args)...) {}

 private:
  void run() override {
    // What was passed in dies with the function, not with the last handle.
    auto call = std::move(*call_);
    call_.reset();
    if constexpr (std::is_void_v<T>) {
      std::apply([](F& f, Args&... args) { std::invoke(std::move(f), std::move(args)...); }, call);
    } else {
      this->result_.emplace(std::apply(
          [](F& f, Args&... args) -> T { return std::invoke(std::move(f), std::move(args)...); }, call));
    }
  }

  std::optional<std::tuple<F, Args...>> call_;
};

}  // namespace impl

template <typename T = void>
class Greenlet {
 public:
  Greenlet() = default;
  explicit Greenlet(IntrusivePtr<impl::GreenletWithResult<T>> state) : state_(std::move(state)) {}

  bool valid() const noexcept { return static_cast<bool>(state_); }
  /// Has it ended, in whichever way?
  bool ready() const { return state_->finished(); }
  /// Has it ended other than by an exception? (A kill is no failure.)
  bool successful() const { return ready() && !state_->failure(); }
  bool killed() const { return ready() && state_->killed(); }
  /// What it threw; null while it runs or if it did not.
  std::exception_ptr exception() const {
    state_->set_observed();
    return state_->failure();
  }

  /// Blocks until it has ended. The value, or what the function threw; GreenletKilled if it was killed.
  /// A reference into the greenlet's state for T other than void: valid while a handle lives.
  std::add_lvalue_reference_t<T> get() {
    impl::join(*state_, std::nullopt);
    return result();
  }
  /// As get(), but gives up after `limit`: null (or false, for void) then.
  auto get_for(loop::Clock::duration limit) {
    const bool done = impl::join(*state_, loop::Clock::now() + limit);
    if constexpr (std::is_void_v<T>) {
      if (done) result();
      return done;
    } else {
      return done ? &result() : nullptr;
    }
  }
  /// Blocks until it has ended; throws nothing of the greenlet's.
  void join() { impl::join(*state_, std::nullopt); }
  /// False if it has not ended after `limit`.
  bool join_for(loop::Clock::duration limit) { return impl::join(*state_, loop::Clock::now() + limit); }

  /// Kills it and blocks until it is dead, cleanup code included.
  void kill() {
    kill_async();
    if (impl::GreenletBase* self = Hub::current().running(); self == state_.get())
      return Hub::current().suspend();
    join();
  }
  /// As kill(), without waiting.
  void kill_async() { state_->throw_into(std::make_exception_ptr(GreenletExit{})); }
  /// Throws `reason` into it instead of GreenletExit, without waiting.
  void kill_async(std::exception_ptr reason) { state_->throw_into(std::move(reason)); }

  const std::string& name() const { return state_->name(); }
  void set_name(std::string name) { state_->set_name(std::move(name)); }

  /// For wait() over several objects: see linkable.hpp.
  void add_link(impl::Link& link) const noexcept { state_->add_link(link); }

  impl::GreenletBase& base() const { return *state_; }

 private:
  std::add_lvalue_reference_t<T> result() {
    state_->set_observed();
    if (state_->failure()) std::rethrow_exception(state_->failure());
    if (state_->killed()) impl::throw_killed(*state_);
    if constexpr (!std::is_void_v<T>) return state_->value();
  }

  IntrusivePtr<impl::GreenletWithResult<T>> state_;
};

/// Queues function(args...) on a new greenlet of this thread's hub. Never switches.
template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn(F&& function, Args&&... args) {
  using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  static_assert(!std::is_reference_v<T>, "a greenlet cannot return a reference: return a pointer or a value");
  using State = impl::GreenletOf<T, std::decay_t<F>, std::decay_t<Args>...>;
  Hub& hub = Hub::current();
  IntrusivePtr<State> state(new State(hub, std::forward<F>(function), std::forward<Args>(args)...));
  hub.start(*state);
  return Greenlet<T>(IntrusivePtr<impl::GreenletWithResult<T>>(state));
}

}  // namespace verdin
