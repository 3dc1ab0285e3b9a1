// What the runtime throws.
//
// Control flow (kill, timeout) is thrown as types that do not derive from std::exception, so that
// `catch (const std::exception&)` in application code does not swallow it. They are thrown only where a
// greenlet suspends. `catch (...)` must rethrow them. Misuse is std::logic_error.
#pragma once

#include <stdexcept>
#include <string>

namespace verdin {

class Timeout;

/// Root of what unwinds a greenlet from outside.
struct Interrupt {
  virtual ~Interrupt() = default;
};

/// Thrown into a greenlet by kill(). Escaping from the greenlet's function is not a failure: it is a normal
/// end.
struct GreenletExit : Interrupt {};

/// Thrown into the greenlet that opened a Timeout scope, when its time is over.
struct TimeoutExpired : Interrupt {
  explicit TimeoutExpired(const Timeout* timeout) : scope(timeout) {}
  const Timeout* scope;  ///< compare with the address of your own scope; rethrow others'
};

/// get() of a greenlet that was killed.
struct GreenletKilled : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Nothing that could happen would wake any greenlet. Thrown into the main greenlet.
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

/// A task of a ThreadPool was dropped before it began.
struct ThreadTaskDropped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace verdin
