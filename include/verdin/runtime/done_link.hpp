// DoneLink: what Greenlet::on_done() returns: a hold on the link, to take it off again.
//
// Dropping it leaves the link where it is. Hub-local; does not block or throw.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <verdin/runtime/impl/done_call.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin {

class DoneLink {
 public:
  DoneLink() = default;
  explicit DoneLink(IntrusivePtr<impl::DoneCall> call) : call_(std::move(call)) {}

  /// It will not be called any more. Another link that is called before it may do this.
  void unlink() noexcept {
    if (call_) call_->cancel();
  }
  /// Is it still to be called?
  bool pending() const noexcept { return call_ && call_->pending(); }

 private:
  IntrusivePtr<impl::DoneCall> call_;
};

namespace impl {

template <typename T>
class GreenletWithResult;

template <typename Target, typename G>
concept QueueOf = requires(Target& target, G greenlet) {
  { target.try_put(greenlet) } -> std::convertible_to<bool>;
};

template <typename Target>
concept PromiseLike = requires(Target& target, std::exception_ptr error) {
  target.set_exception(error);
};

/// Hands the outcome of `greenlet` to `promise`; a kill is the exception GreenletKilled there.
template <typename Promise, typename G>
void settle(Promise& promise, G& greenlet) {
  using T = typename G::Result;
  try {
    if constexpr (std::is_void_v<T>) {
      greenlet.get();
      promise.set_value();
    } else if constexpr (std::copy_constructible<T>) {
      promise.set_value(greenlet.get());
    } else {
      promise.set_value(std::move(greenlet.get()));
    }
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

/// `target` as the function that a DoneCall calls.
template <typename G, typename Target>
DoneCall::Call done_call(Target&& target) {
  using D = std::decay_t<Target>;
  const auto handle = [](GreenletBase& base) {
    return G(IntrusivePtr(static_cast<GreenletWithResult<typename G::Result>*>(&base)));
  };
  // A queue or a promise may be callable, too (Promise is): by reference it is what it is.
  constexpr bool by_reference = std::is_lvalue_reference_v<Target>;
  if constexpr (by_reference && QueueOf<D, G>) {
    return [handle, queue = &target](GreenletBase& base) {
      if (!queue->try_put(handle(base))) throw std::runtime_error("verdin: the linked queue is full");
    };
  } else if constexpr (by_reference && PromiseLike<D>) {
    return [handle, promise = &target](GreenletBase& base) {
      G greenlet = handle(base);
      settle(*promise, greenlet);
    };
  } else if constexpr (std::invocable<D&, G&>) {
    return [handle, call = D(std::forward<Target>(target))](GreenletBase& base) mutable {
      G greenlet = handle(base);
      std::invoke(call, greenlet);
    };
  } else {
    static_assert(!QueueOf<D, G> && !PromiseLike<D>, "a queue or a promise is linked by reference");
    static_assert(std::invocable<D&>, "a link's target is a function, a queue or a promise");
    return [call = D(std::forward<Target>(target))](GreenletBase&) mutable { std::invoke(call); };
  }
}

}  // namespace impl
}  // namespace verdin
