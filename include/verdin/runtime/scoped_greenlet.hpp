// ScopedGreenlet and with_greenlet(): a greenlet that does not outlive a block.
//
//   {
//     verdin::ScopedGreenlet pump(verdin::spawn(copy, std::ref(from), std::ref(to)));
//     ...
//   }  // joined here; killed instead if the block is left by an exception
//
// The destructor blocks, and nothing is thrown out of it: a kill of the outer greenlet waits meanwhile. Where
// the greenlet would be waited for for ever it is killed, and LoopExit comes when the outer one suspends
// next. with_greenlet() has no such limit, and kills with the very exception that left the block. Greenlets
// only.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/impl/room_to_throw.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

template <typename T>
class ScopedGreenlet : public Greenlet<T> {
 public:
  explicit ScopedGreenlet(Greenlet<T> greenlet)
      : Greenlet<T>(std::move(greenlet)), exceptions_(std::uncaught_exceptions()) {}
  ScopedGreenlet(const ScopedGreenlet&) = delete;
  ScopedGreenlet& operator=(const ScopedGreenlet&) = delete;
  ~ScopedGreenlet() {
    const Shield shield;
    try {
      if (std::uncaught_exceptions() > exceptions_) this->kill_async();
      if (this->active()) this->join();
    } catch (const std::bad_alloc&) {
      impl::kill_whatever_comes(this->base());
    } catch (...) {  // LoopExit: it would wait for ever
      room_.release();
      impl::throw_later_or_report("scoped greenlet", std::current_exception());
      impl::kill_whatever_comes(this->base());
    }
  }

 private:
  int exceptions_;
  impl::RoomToThrow room_;
};

/// Runs body() beside `greenlet`, and joins that. What body() throws kills the greenlet, whose exception it
/// then is too, and is thrown on.
template <typename T, typename F>
auto with_greenlet(Greenlet<T> greenlet, F&& body) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F, Greenlet<T>&>>) {
      std::forward<F>(body)(greenlet);
      greenlet.join();
    } else {
      auto result = std::forward<F>(body)(greenlet);
      greenlet.join();
      return result;
    }
  } catch (...) {
    {
      const Shield shield;
      greenlet.kill(std::current_exception());
      static_cast<void>(greenlet.exception());  // it is known here
    }
    throw;
  }
}

}  // namespace verdin
