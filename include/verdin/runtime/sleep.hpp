// sleep(): suspends the calling greenlet. Greenlets only (BlockingSwitchOutError elsewhere). A kill or an
// expired Timeout is thrown out of it.
#pragma once

#include <chrono>

#include <verdin/loop/deadline_timer.hpp>

namespace verdin {

/// Does it keep the loop alive, or is waiting for it alone waiting for nothing (LoopExit)? The latter is for
/// greenlets in the background.
enum class Ref : bool { no, yes };

/// At least `duration`. Zero or less: lets everything that is ready now run first (and polls the loop no
/// earlier than fairness demands).
void sleep(loop::Clock::duration duration, Ref ref = Ref::yes);
void sleep_until(loop::Clock::time_point due, Ref ref = Ref::yes);
/// sleep(0).
void yield();
/// Until there is nothing else to do: no greenlet is ready, and a look at the loop brought nothing.
void idle();

}  // namespace verdin
