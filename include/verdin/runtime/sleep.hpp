// sleep(): suspends the calling greenlet. Greenlets only (BlockingSwitchOutError elsewhere). A kill or an
// expired Timeout is thrown out of it.
#pragma once

#include <chrono>

#include <verdin/loop/deadline_timer.hpp>

namespace verdin {

/// At least `duration`. Zero or less: lets everything that is ready now run first (and polls the loop no
/// earlier than fairness demands).
void sleep(loop::Clock::duration duration);
void sleep_until(loop::Clock::time_point due);
/// sleep(0).
void yield();

}  // namespace verdin
