// Greenlet<T>: a handle on a function that runs on a stack of its own, beside the others of its thread.
//
//   auto user = verdin::spawn(load_user, "Andy");  // queued; runs when this greenlet blocks
//   user.get();                                    // blocks until it has ended: its value, or what it threw
//
// spawn() is in spawn.hpp. Threads: a greenlet stays on the thread that spawned it, and so must its handles.
// Copying a handle is cheap; dropping the last one detaches the greenlet (the hub owns it until it ends).
//
// kill() throws GreenletExit where the greenlet is suspended, as a queued event: if it was already woken it
// runs first and gets the kill at its next suspension. Several kills are delivered one by one, in order. One
// that has not started never does, and has ended when kill() returns. kill() never throws into the killer,
// unless that is the greenlet itself: it then throws right there.
//
// A value that nobody can ask for any more when the greenlet ends (no handle on it is left, and no link of
// on_done(); groups and AnyGreenlets do not ask, nor do those who kill it or wait for its end by one) is
// destroyed there, on the greenlet's own stack, and its destructor may block. It still finds the greenlet's
// Locals.
//
// An exception that nobody asks for (get(), exception(), or a link on the failure) is reported to the hub's
// error hook when the last handle has gone.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <verdin/runtime/done_link.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

namespace impl {

/// Blocks until `greenlet` has ended; false if `due` comes first.
bool join(GreenletBase& greenlet, std::optional<loop::Clock::time_point> due,
          const char* what = "Greenlet::join");
/// Throws `reason` (null: GreenletExit) into `greenlet`, and waits for its end; false if `due` comes first.
bool kill(GreenletBase& greenlet, std::exception_ptr reason, std::optional<loop::Clock::time_point> due);
void kill_async(GreenletBase& greenlet, const std::exception_ptr& reason);
/// Kills it and waits for its end, behind a FullShield. Needs no memory.
void kill_whatever_comes(GreenletBase& greenlet) noexcept;
[[noreturn]] void throw_killed(const GreenletBase& greenlet);

template <typename T>
class GreenletWithResult : public GreenletBase {
 public:
  using GreenletBase::GreenletBase;
  T& value() { return *result_; }

 protected:
  void drop_result() noexcept override {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      const FullShield shield;
      result_.reset();
    }
  }

  std::optional<T> result_;
};

template <>
class GreenletWithResult<void> : public GreenletBase {
 public:
  using GreenletBase::GreenletBase;
};

template <typename F, typename... Args>
struct CallOf {
  using Type = std::tuple<F, Args...>;
};
template <typename F>
struct CallOf<F> {
  using Type = F;
};

/// Every call of spawn() makes one of these of its own, so it is written to be compiled quickly: the function
/// in a union instead of std::optional, and a tuple only where there are arguments.
template <typename T, typename F, typename... Args>
class GreenletOf final : public GreenletWithResult<T> {
 public:
  template <typename G, typename... A>
  GreenletOf(Hub& hub, SpawnPoint where, G&& function, A&&... args)
      : GreenletWithResult<T>(hub, where), call_(std::forward<G>(function), std::forward<A>(args)...) {}
  GreenletOf(const GreenletOf&) = delete;
  GreenletOf& operator=(const GreenletOf&) = delete;
  /// Not inline: gcc 12 would guess that each release is the last and warn of the next (-Wuse-after-free).
  [[gnu::noinline]] ~GreenletOf() override {
    if (has_call_) call_.~Call();
  }

 private:
  using Call = typename CallOf<F, Args...>::Type;

  void run() noexcept override {
    this->keep_what_escapes([this] {
      // What was passed in dies with the function, not with the last handle.
      Call call(std::move(call_));
      has_call_ = false;
      call_.~Call();
      if constexpr (std::is_void_v<T> || std::is_trivially_destructible_v<T>) this->set_holds_nothing();
      if constexpr (std::is_void_v<T>) {
        invoke(call);
      } else {
        this->result_.emplace(invoke(call));
      }
    });
  }
  static T invoke(Call& call) {
    if constexpr (sizeof...(Args) == 0) {
      return static_cast<T>(std::move(call)());
    } else {
      return std::apply(
          [](F& f, Args&... args) -> T { return std::invoke(std::move(f), std::move(args)...); }, call);
    }
  }

  union {
    Call call_;
  };
  bool has_call_ = true;
};

}  // namespace impl

template <typename T = void>
class Greenlet {
 public:
  using Result = T;

  Greenlet() = default;
  explicit Greenlet(IntrusivePtr<impl::GreenletWithResult<T>> state) : state_(std::move(state)) {}

  bool valid() const noexcept { return static_cast<bool>(state_); }
  GreenletState state() const noexcept { return state_->state(); }
  /// Is it on its way: started, or to be, and not ended?
  bool active() const noexcept { return state() != GreenletState::unstarted && !ready(); }
  /// Has it ended, in whichever way?
  bool ready() const noexcept { return state_->finished(); }
  /// Has it ended other than by an exception? (A kill is no failure.)
  bool successful() const { return ready() && !state_->failure(); }
  bool killed() const noexcept { return ready() && state_->killed(); }
  /// What it threw; null while it runs or if it did not.
  std::exception_ptr exception() const {
    state_->set_observed();
    return state_->failure();
  }
  /// The GreenletExit (or what derives from it) that ended it; null otherwise.
  std::exception_ptr exit_reason() const { return state_->exit_reason(); }

  /// Queues one that make_greenlet() made. Not the first call, or after a kill: nothing happens.
  /// WrongThread where its hub has ended.
  void start() {
    state_->check_hub();
    state_->hub().start(*state_);
  }
  void start_after(loop::Clock::duration delay) {
    state_->check_hub();
    state_->hub().start_at(*state_, impl::due_in(delay));
  }

  /// Blocks until it has ended. The value, or what the function threw; GreenletKilled if it was killed.
  /// A reference into the greenlet's state for T other than void: valid while a handle lives.
  std::add_lvalue_reference_t<T> get() {
    const IntrusivePtr<State> alive(state_);  // this handle may be moved while it waits
    impl::join(*alive, std::nullopt, "Greenlet::get");
    return result_of(*alive);
  }
  /// As get(), but gives up after `limit`: null (or false, for void) then.
  auto get_for(loop::Clock::duration limit) {
    const IntrusivePtr<State> alive(state_);
    const bool done = impl::join(*alive, impl::due_in(limit), "Greenlet::get");
    if constexpr (std::is_void_v<T>) {
      if (done) result_of(*alive);
      return done;
    } else {
      return done ? &result_of(*alive) : nullptr;
    }
  }
  /// As get(), and moves the value out of the greenlet. Once.
  T take() {
    if constexpr (std::is_void_v<T>) {
      get();
    } else {
      Greenlet self(*this);  // this handle may go while it waits
      return std::move(self.get());
    }
  }
  /// Blocks until it has ended; throws nothing of the greenlet's.
  void join() { impl::join(*state_, std::nullopt); }
  /// False if it has not ended after `limit`.
  bool join_for(loop::Clock::duration limit) { return impl::join(*state_, impl::due_in(limit)); }

  /// Kills it and blocks until it is dead, cleanup code included. `reason`, if given, is thrown instead of
  /// GreenletExit.
  void kill(const std::exception_ptr& reason = nullptr) { impl::kill(*state_, reason, std::nullopt); }
  /// As kill(), but waits for `limit` at most; false if it lives on.
  bool kill_for(loop::Clock::duration limit, const std::exception_ptr& reason = nullptr) {
    return impl::kill(*state_, reason, impl::due_in(limit));
  }
  /// As kill(), without waiting.
  void kill_async(const std::exception_ptr& reason = nullptr) { impl::kill_async(*state_, reason); }

  /// Calls `target` once when it has ended (soon, if it has already), in the order in which links and joiners
  /// came. In the hub: it must not block (BlockingSwitchOutError). What it throws is reported, and others are
  /// called all the same. `target` is a function of nothing or of Greenlet<T>&, or a reference to a Queue of
  /// greenlets (try_put) or to a promise (set_value, set_exception), which must outlive the greenlet.
  template <typename Target>
  DoneLink on_done(Target&& target, When when = When::any) const {
    return link(std::forward<Target>(target), false, when);
  }
  /// The same on a greenlet of its own, which may block.
  template <typename Target>
  DoneLink on_done_spawn(Target&& target, When when = When::any) const {
    return link(std::forward<Target>(target), true, when);
  }

  std::string_view name() const noexcept { return state_->name(); }
  void set_name(std::string name) { state_->set_name(std::move(name)); }
  SpawnPoint spawned_at() const noexcept { return state_->spawned_at(); }
  /// The smallest number from 1 that no other greenlet of this hub bears; given when it is first asked for,
  /// and another's when this one has ended. 0 for one that is not started, or was never asked before its end.
  unsigned minimal_ident() const { return state_->minimal_ident(); }

  /// For wait() over several objects: see linkable.hpp.
  void add_link(impl::Link& link) const {
    state_->check_hub_if_alive();
    state_->add_link(link);
  }

  impl::GreenletBase& base() const { return *state_; }

 private:
  using State = impl::GreenletWithResult<T>;

  static std::add_lvalue_reference_t<T> result_of(State& state) {
    state.set_observed();
    if (state.failure()) std::rethrow_exception(state.failure());
    if (state.killed()) impl::throw_killed(state);
    if constexpr (!std::is_void_v<T>) return state.value();
  }

  template <typename Target>
  DoneLink link(Target&& target, bool spawned, When when) const {
    if (when == When::failure) state_->set_observed();
    return DoneLink(impl::DoneCall::hang_on(*state_, impl::done_call<Greenlet>(std::forward<Target>(target)),
                                            spawned, when));
  }

  IntrusivePtr<impl::GreenletWithResult<T>> state_;
};

}  // namespace verdin

#include <verdin/runtime/spawn.hpp>
