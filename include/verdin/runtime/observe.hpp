// What greenlets do with their hub: a tracer that is told of every switch, and a histogram of how long they
// held it.
//
//   auto before = verdin::trace_greenlets([](const verdin::GreenletSwitch& event) { ... });
//   verdin::run({.measure_holds = true}, [] { ...; report(verdin::hold_times()->at_most(0.99)); });
//
// A hub that nobody observes pays nothing for this. While one is observed its greenlets change places by way
// of the hub (some 10 ns more a switch, in the same order), and reading the clock twice costs 50 ns more
// where holds are measured. set_trace() in fiber.hpp has the same for raw fibers.
//
// Threads: of the hub on which they are called. The tracer runs in the hub: it must not block
// (BlockingSwitchOutError), and may set another or take itself away. What it throws goes to the error hook,
// and it is removed.
#pragma once

#include <functional>
#include <optional>

#include <verdin/runtime/any_greenlet.hpp>
#include <verdin/runtime/hold_times.hpp>

namespace verdin {

struct GreenletSwitch {
  enum class Kind : unsigned char {
    entered,  ///< it is to run now: from its start, or from where it was suspended
    thrown,   ///< the same, and an exception is thrown there
    left,     ///< it was suspended
    ended,
  };
  Kind kind;
  const AnyGreenlet& greenlet;
};
using GreenletTracer = std::function<void(const GreenletSwitch&)>;

/// Replaces this hub's tracer, and returns the one before; null is none.
GreenletTracer trace_greenlets(GreenletTracer next);

/// Of this hub, since it began; nullopt unless HubOptions::measure_holds is set.
std::optional<HoldTimes> hold_times();

}  // namespace verdin
