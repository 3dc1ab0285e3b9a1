// Fiber: a stack of its own that is switched to by hand. The raw layer, without a scheduler; most programs
// want spawn() instead.
//
//   verdin::Fiber echo([](std::any first) {            // runs at the first switch
//     std::any next = verdin::Fiber::switch_out(first);    // to its parent
//     return next;                                     // its death passes this on to its parent
//   });
//   echo.switch_to(1);   // starts it; returns 1
//   echo.switch_to(2);   // its switch_to() returns 2; returns 2
//   echo.dead();         // true
//
// Fibers form a tree: a parent is the fiber that made it, unless set otherwise. When a function returns, or
// throws, its value or exception goes to the parent; GreenletExit that escapes is a value there and not
// thrown. Switching to a dead fiber reaches its nearest living ancestor.
//
// The root of a tree is the code that runs no fiber: a thread's own stack, or a greenlet. A greenlet and the
// fibers that it runs are one to the hub: a call that blocks in a fiber suspends the greenlet with it, and a
// kill of the greenlet is thrown where the fiber stands, and on through its parents. A fiber is switched to
// from its own tree only (InvalidSwitchError elsewhere). Works with and without a hub.
//
// Handles are counted. When the last one of a suspended fiber goes, GreenletExit is thrown into it, so that
// what lies on its stack is destroyed; do that on its own thread. (A handle on a fiber that lies on its own
// stack while it is suspended keeps it for ever: mind `Fiber::current()`.) Threads: one. Throws
// std::system_error where there is no room for a stack.
#pragma once

#include <any>
#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/runtime/errors.hpp>

namespace verdin {

/// A switch to where it cannot go: another tree, another thread, or one whose root has gone.
struct InvalidSwitchError : std::logic_error {
  using std::logic_error::logic_error;
};

namespace impl {
class FiberState;
}

class Fiber {
 public:
  using Payload = std::any;

  /// None; to be assigned to.
  Fiber() noexcept;
  /// `function` takes a Payload or nothing, and returns something or nothing. The running fiber is the
  /// parent.
  template <typename F>
  requires(!std::same_as<std::decay_t<F>, Fiber> &&
           (std::invocable<std::decay_t<F>&, Payload> ||
            std::invocable<std::decay_t<F>&>)) explicit Fiber(F&& function)
      : Fiber(wrap(std::forward<F>(function)), 0) {}
  Fiber(const Fiber&) noexcept;
  Fiber(Fiber&&) noexcept;
  Fiber& operator=(Fiber) noexcept;
  ~Fiber();

  /// The one that runs: a root where no other does.
  static Fiber current();

  /// Runs it, from its start or from where it is suspended, where `payload` arrives. Returns (or throws) what
  /// is sent when something switches back to the caller.
  Payload switch_to(Payload payload = {}) const;
  /// From the running fiber to its parent.
  static Payload switch_out(Payload payload = {});
  /// As switch_to(), but throws `reason` (null: GreenletExit) where it is suspended. One that has not started
  /// never does: it is dead at once, and `reason` goes to its parent.
  Payload throw_into(std::exception_ptr reason = nullptr) const;

  bool started() const noexcept;
  bool dead() const noexcept;
  /// Started and not dead.
  bool active() const noexcept { return started() && !dead(); }

  /// Null for a root.
  Fiber parent() const;
  /// Throws std::invalid_argument for a cycle, InvalidSwitchError for one of another tree, std::logic_error
  /// for a root's.
  void set_parent(const Fiber& parent) const;

  explicit operator bool() const noexcept { return static_cast<bool>(state_); }
  friend bool operator==(const Fiber& a, const Fiber& b) noexcept { return a.state_.get() == b.state_.get(); }

 private:
  friend class impl::FiberState;
  using Run = UniqueFunction<Payload(Payload)>;

  Fiber(Run run, int);
  explicit Fiber(impl::FiberState* state);

  template <typename F>
  static Run wrap(F&& function) {
    return [call = std::decay_t<F>(std::forward<F>(function))](Payload first) mutable -> Payload {
      const auto invoke = [&]() -> decltype(auto) {
        if constexpr (std::invocable<std::decay_t<F>&, Payload>) {
          return std::invoke(call, std::move(first));
        } else {
          return std::invoke(call);
        }
      };
      if constexpr (std::is_void_v<decltype(invoke())>) {
        invoke();
        return {};
      } else {
        return Payload(invoke());
      }
    };
  }

  IntrusivePtr<impl::FiberState> state_;
};

/// What a tracer is told, in the target's context, before the target goes on.
struct FiberEvent {
  enum class Kind : unsigned char { switched, thrown };
  Kind kind;
  const Fiber& origin;
  const Fiber& target;
};
using FiberTracer = std::function<void(const FiberEvent&)>;

/// Has `tracer` told of every switch between fibers of this thread (trace_greenlets() in observe.hpp has the
/// hub's between greenlets); the one before is returned, null is none. One that throws is removed, and what
/// it threw arrives in the target instead of the payload. Costs a look at one word where none is set.
FiberTracer set_trace(FiberTracer next);

}  // namespace verdin
