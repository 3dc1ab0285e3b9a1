// shared::Channel<T>: greenlets of any hub and plain threads meet to hand an item over.
//
// The members, and what they mean, are verdin::Channel's (see channel.hpp), but add_link(). Any thread. A
// greenlet that waits lets its hub go on; a plain thread blocks; in a callback of a hub only what does not
// block (BlockingSwitchOutError). Items are moved under a short lock: their constructors must neither block
// nor use the channel. Must outlive those who wait.
#pragma once

#include <verdin/runtime/impl/basic_channel.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

template <typename T>
class Channel : public impl::BasicChannel<T, impl::SharedSync> {};

}  // namespace verdin::shared
