// shared::Promise<T>, shared::Future<T>: a result that is set once, by whichever thread, for readers on any.
//
// The members, and what they mean, are verdin::Promise's and Future's (see future.hpp), but set_from() and
// add_link(). Any thread; one handle is used by one thread at a time, as with a std::shared_ptr. A greenlet
// that waits lets its hub go on; a plain thread blocks. get() refers to the one value, which all readers
// share: what changes it is the application's to lock.
#pragma once

#include <verdin/runtime/impl/basic_future.hpp>
#include <verdin/runtime/impl/shared_sync.hpp>

namespace verdin::shared {

template <typename T = void>
class Future : public impl::BasicFuture<T, impl::SharedSync> {
 public:
  using impl::BasicFuture<T, impl::SharedSync>::BasicFuture;
};

template <typename T = void>
class Promise : public impl::BasicPromise<T, impl::SharedSync, Future<T>> {};

}  // namespace verdin::shared
