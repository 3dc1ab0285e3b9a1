// Promise<T>, Future<T>: a result that some greenlet of the hub sets once, and any number of them wait for.
//
//   verdin::Promise<User> promise;
//   verdin::Future<User> user = promise.future();  // copy it freely
//   promise.set_value("Andy");                     // or set_exception(); a second one: PromiseAlreadySet
//   user.get();                                    // blocks until then; rethrows the exception, every time
//
// get() is a reference to the one value, which all readers share, for as long as a Future of it lives; a
// reader that wants a move-only value for itself moves from it. T may be void or a reference.
// get_for(limit) and try_get() give a pointer to it, or null where it is not ready (void: a bool).
// wait() and wait_for(limit) -> bool never throw what was set; exception() is that, or null.
// A promise that is destroyed before it was kept is kept with BrokenPromise. try_set_value() and
// try_set_exception() are false where it was kept already: for several who race.
// It keeps what a greenlet ended with: promise.set_from(greenlet), or the promise itself as a link of it (a
// kill is GreenletKilled then).
// get() of what is ready never switches; setting never does: those who wait are woken in the order they came,
// and who set it runs on. Hub-local: its hub's thread only; shared/future.hpp has the other.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/impl/basic_future.hpp>

namespace verdin {

template <typename T = void>
class Future : public impl::BasicFuture<T, impl::LocalSync> {
 public:
  using impl::BasicFuture<T, impl::LocalSync>::BasicFuture;

  /// For wait() over several objects: see linkable.hpp.
  void add_link(impl::Link& link) const { this->state_->add_link(link); }
};

template <typename T = void>
class Promise : public impl::BasicPromise<T, impl::LocalSync, Future<T>> {
 public:
  /// What `greenlet`, which has ended, ended with. Its value is copied, or moved where it cannot be.
  void set_from(Greenlet<T> greenlet) {
    try {
      greenlet.get();
    } catch (...) {
      return this->set_exception(std::current_exception());
    }
    if constexpr (std::is_void_v<T>) {
      this->set_value();
    } else if constexpr (std::is_copy_constructible_v<T>) {
      this->set_value(std::as_const(greenlet.get()));
    } else {
      this->set_value(std::move(greenlet.get()));
    }
  }
  void operator()(Greenlet<T> greenlet) { set_from(std::move(greenlet)); }
};

}  // namespace verdin
