// shared::Mutex: one greenlet or thread at a time, over all hubs. It may be held across a switch.
//
// The members, and what they mean, are verdin::Mutex's (see mutex.hpp). Any thread. A greenlet that waits
// lets its hub go on; a plain thread blocks; in a callback of a hub only what does not block. Must outlive
// those who wait.
#pragma once

#include <verdin/runtime/impl/basic_mutex.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

class Mutex : public impl::BasicMutex<impl::SharedSync> {};

}  // namespace verdin::shared
