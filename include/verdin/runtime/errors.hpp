// What the runtime throws.
//
// Control flow (kill, timeout) is thrown as types that do not derive from std::exception, so that
// `catch (const std::exception&)` in application code does not swallow it. They are thrown only where a
// greenlet suspends. `catch (...)` must rethrow them. Misuse is std::logic_error.
//
// Nothing is thrown out of a destructor while a stack is unwound: it waits until that is done. A destructor
// that runs because its block was left normally looks like any other function, so one that blocks holds a
// Shield (hub.hpp), as all of Verdin's do; without it a kill that arrives there ends the program
// (std::terminate). A Shield does not hold off LoopExit, which only the main greenlet gets: what that may
// destroy holds a FullShield. The same goes for every function that is noexcept. Why:
// docs/decisions/0012-destructors-that-block.md.
#pragma once

#include <stdexcept>
#include <string>

namespace verdin {

class Timeout;

/// Root of what unwinds a greenlet from outside.
struct Interrupt {
  virtual ~Interrupt() = default;
};

/// Thrown into a greenlet by kill(); an application may derive its own reasons. Escaping from the greenlet's
/// function is not a failure: it is a normal end.
struct GreenletExit : Interrupt {};

/// Thrown into the greenlet that opened a Timeout scope, when its time is over. kill_all() throws it too when
/// its own limit is over: `scope` is null then.
struct TimeoutExpired : Interrupt {
  explicit TimeoutExpired(const Timeout* timeout) : scope(timeout) {}
  const Timeout* scope;  ///< compare with the address of your own scope; rethrow others'
};

/// A second base for exceptions that must end the program: one that escapes from any greenlet is thrown into
/// the main greenlet where that waits, and so out of run().
///   struct Unusable : std::runtime_error, verdin::Fatal { using std::runtime_error::runtime_error; };
struct Fatal {
  virtual ~Fatal() = default;
};

struct FatalError : std::runtime_error, Fatal {
  using std::runtime_error::runtime_error;
};

/// get() of a greenlet that was killed.
struct GreenletKilled : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Nothing that could happen would wake any greenlet. Thrown into the main greenlet; names all that wait.
struct LoopExit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A call that may block was made where nothing can be suspended: in a callback of the loop, or outside
/// run().
struct BlockingSwitchOutError : std::logic_error {
  using std::logic_error::logic_error;
};

/// An object of one hub was used on another hub's thread.
struct WrongThread : std::logic_error {
  using std::logic_error::logic_error;
};

/// A lock was given back by one that does not hold it, taken again by one that holds it already, or a bounded
/// semaphore was released too often.
struct LockMisuse : std::logic_error {
  using std::logic_error::logic_error;
};

/// What a greenlet waited for was destroyed meanwhile. Thrown into the greenlet that waited.
struct DestroyedWhileWaiting : std::logic_error {
  DestroyedWhileWaiting() : std::logic_error("verdin: what this greenlet waited for was destroyed") {}
};

/// A task of a ThreadPool was dropped before it began.
struct ThreadTaskDropped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace verdin
