// Condition: greenlets of one hub wait, without a lock they hold, until another says that something changed.
//
//   std::unique_lock lock(mutex);
//   changed.wait(lock, [&] { return !jobs.empty(); });
//
// As std::condition_variable_any: wait(lock) unlocks `lock` (a Mutex, RLock, Semaphore, or a std::unique_lock
// of one), blocks until it is notified, and locks again; wait_for(lock, limit) is false where that took
// longer than `limit`; both take a predicate. An RLock is given up however often it is locked.
// The lock is held again whenever a wait is left, by a kill or a Timeout too: nothing is thrown into the
// greenlet while it waits for the lock. One that is killed after it was notified passes that on.
// notify_one() wakes the one that has waited longest, notify_all() everybody; neither switches nor needs the
// lock. Hub-local: its hub's thread only; shared/condition.hpp has the other. One that is destroyed while
// greenlets wait for it wakes them with DestroyedWhileWaiting. Its mutex may have gone with it: a
// std::unique_lock does not hold it then, and is not to unlock it (a bare lock is held again, and so must
// live).
#pragma once

#include <verdin/runtime/impl/basic_condition.hpp>

namespace verdin {

class Condition : public impl::BasicCondition<impl::LocalSync> {};

}  // namespace verdin
