// Internal. LocalSync: how the hub-local family waits. The primitives are written once, over a policy: this
// one (nothing to lock: a hub's greenlets change places only where they suspend) or SharedSync.
//
// A policy has: Mutex and Guard (held between any two looks at the object, given up while somebody waits);
// Turns (some of many may go on), Exchange (putters and getters), List with Waiter; RefCounted<T>; self().
#pragma once

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/exchange.hpp>
#include <verdin/runtime/impl/notify_list.hpp>
#include <verdin/runtime/impl/turns.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

struct LocalSync {
  struct Mutex {};
  struct Guard {
    explicit Guard(const Mutex&) noexcept {}
    void unlock() noexcept {}
  };
  template <typename T>
  using RefCounted = verdin::RefCounted<T>;

  /// The running greenlet, or the hub.
  static const void* self() {
    const Hub& hub = Hub::current();
    return hub.in_hub() ? static_cast<const void*>(&hub) : hub.running();
  }

  class Turns : public impl::Turns {
   public:
    using impl::Turns::Turns;
    void wake(std::size_t) { impl::Turns::wake(); }
    bool await(Guard&, const Due& due) { return impl::Turns::await(due); }
    void look(Guard&, const Due& due) { impl::Turns::look(due); }
  };

  class Exchange : public impl::Exchange {
   public:
    using List = WaitList;
    bool wait(Guard&, List& list, const Due& due, bool takes);
    void wake_all() { wake(); }
  };

  using LossMark = impl::LossMark;
  using List = WaitQueue;
  struct Waiter : impl::Waiter {
    Waiter(Guard&, List& list, const char* what) : impl::Waiter(what), list_(list) {
      list.add_taker();
      list.push_back(link());
    }
    ~Waiter() {
      if (!orphaned()) list_.drop_taker();
    }
    /// Whoever is given up is forgotten together with all others; see LossMark.
    void if_given_up(void (*)(void* what) noexcept, void*) noexcept {}
    void wake() noexcept { link().tell(); }
    /// Who wakes it is followed by it.
    void wake_next() noexcept { Hub::current().tell_next(link()); }
    /// It leaves by an exception: a wake-up that it has had is another's.
    void pass_on() noexcept {
      if (!orphaned() && woken()) list_.wake_one();
    }

   private:
    List& list_;
  };

  /// Those who wait for what happens once.
  class Once {
   public:
    void happen() { list_.notify(); }
    bool wait(Guard&, const Due& due, const char* what) { return settle(wait_quietly(due, what)); }
    void add_link(Link& link, bool happened) {
      list_.add(link);
      if (happened) list_.notify();
    }

   private:
    WaitEnd wait_quietly(const Due& due, const char* what) {
      impl::Waiter waiter(what);
      list_.add(waiter.link());
      return waiter.wait_quietly(due);
    }

    NotifyList list_;
  };
};

/// One wait; false if `due` came first. One that was told and leaves by an exception all the same gives its
/// turn to others.
inline bool LocalSync::Exchange::wait(Guard&, List& list, const Due& due, bool takes) {
  impl::Waiter waiter(list, &list == &getters ? "Queue::get" : "Queue::put");
  if (!takes) waiter.look_only();
  try {
    return waiter.wait_until(due);
  } catch (...) {
    if (!waiter.orphaned() && waiter.woken()) wake();
    throw;
  }
}

}  // namespace verdin::impl
