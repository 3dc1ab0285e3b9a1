// Linkable: what can be waited for together with other things: greenlets, events, futures, semaphores,
// processes.
//
// ready() tells whether a wait would return at once; add_link() has a link told, once, when that becomes so.
// A type of an application joins in by keeping an impl::WaitList and waking it.
#pragma once

#include <concepts>

#include <verdin/runtime/impl/link.hpp>

namespace verdin {

template <typename T>
concept Linkable = requires(T& object, impl::Link& link) {
  { object.ready() } -> std::convertible_to<bool>;
  object.add_link(link);
};

}  // namespace verdin
