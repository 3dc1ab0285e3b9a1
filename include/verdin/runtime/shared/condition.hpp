// shared::Condition: greenlets of any hub and plain threads wait, without a lock they hold, until another
// says that something changed.
//
// The members, and what they mean, are verdin::Condition's (see condition.hpp); the lock is a shared::Mutex
// or a std::unique_lock of one. Any thread. A greenlet that waits lets its hub go on; a plain thread blocks.
// Must outlive those who wait.
#pragma once

#include <verdin/runtime/impl/basic_condition.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

class Condition : public impl::BasicCondition<impl::SharedSync> {};

}  // namespace verdin::shared
