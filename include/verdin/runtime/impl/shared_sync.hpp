// Internal. SharedSync: how the cross-thread family waits (see local_sync.hpp for what a policy is).
//
// Every object has a short mutex, never held across a switch or while a thread waits. Who waits is a
// SharedWaiter on its own stack: a greenlet, whose hub goes on, or a plain thread. Everything of a waiter is
// guarded by the object's mutex, so whether it was told or gave up first (a kill, a limit) is decided once. A
// greenlet is told through its hub's WakeList; it takes itself out of that before it leaves, and it cannot
// leave without the mutex: whoever tells it finds it, and its hub, alive. A hub that gives up greenlets when
// it ends takes out those that wait, as if they had been killed (what they offered and was taken stays
// taken). In a child of fork() the lists are empty:
// whoever waited in the parent is not there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/impl/fork_mark.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

class Inbox;
class SharedWaiter;

/// First come first told; one that was told stays until it leaves or waits again, in its old place.
class SharedWaitList {
 public:
  SharedWaitList() = default;
  SharedWaitList(const SharedWaitList&) = delete;
  SharedWaitList& operator=(const SharedWaitList&) = delete;
  /// Logs an error if somebody waits: the owner's contract was broken.
  ~SharedWaitList();

  /// How many wait to take something, those included who were told and have not left.
  std::size_t takers() noexcept {
    look_for_fork();
    return takers_;
  }

  bool empty() const noexcept { return !first_; }
  /// Tells the first that was not told yet (and those before it that only look); false if there is none.
  bool wake_one() noexcept;
  void wake_all() noexcept;

 private:
  friend class SharedWaiter;
  void look_for_fork() noexcept {
    if (!forks_.in_new_child()) [[likely]]
      return;
    first_ = last_ = nullptr;
    takers_ = 0;
  }
  ForkMark forks_;
  SharedWaiter* first_ = nullptr;
  SharedWaiter* last_ = nullptr;
  std::size_t takers_ = 0;
};

class SharedWaiter {
 public:
  /// Joins `list` at its end. Throws BlockingSwitchOutError in a callback of a hub.
  SharedWaiter(std::unique_lock<std::mutex>& guard, SharedWaitList& list, const char* what,
               bool takes = true);
  SharedWaiter(const SharedWaiter&) = delete;
  SharedWaiter& operator=(const SharedWaiter&) = delete;
  ~SharedWaiter();

  /// Gives the guard up until told (true) or `due` (false), or something is thrown into the greenlet.
  bool wait_until(const Due& due);
  bool woken() const noexcept { return told_; }
  /// The list outlives its waiters.
  static constexpr bool orphaned() noexcept { return false; }
  void wake() noexcept;
  void wake_next() noexcept { wake(); }
  /// It leaves by an exception: a wake-up that it has had is another's.
  void pass_on() noexcept {
    if (told_ && takes_ && list_) list_->wake_one();
  }
  /// `forget(what)` is called, with the mutex held, if its hub gives it up: it will not go on, and `what` is
  /// to be found by nobody.
  void if_given_up(void (*forget)(void* what) noexcept, void* what) noexcept {
    forget_ = forget;
    to_forget_ = what;
  }

  /// For a hub that ends: those of its greenlets that are parked were given up.
  static void give_up_all(SharedWaiter*& parked) noexcept;

 private:
  friend class SharedWaitList;
  friend class WakeList;

  bool park(const Due& due);
  bool block(const Due& due);
  void come_back() noexcept;
  void enter_hub() noexcept;
  void leave_hub() noexcept;
  void leave_list() noexcept;
  void give_up() noexcept;

  std::unique_lock<std::mutex>& guard_;
  SharedWaitList* list_;  // null: it was destroyed, or this is given up
  const char* what_;
  GreenletBase* greenlet_;  // null: a plain thread
  Inbox* inbox_;            // of its hub
  SharedWaiter* next_ = nullptr;
  SharedWaiter* prev_ = nullptr;
  SharedWaiter* next_to_wake_ = nullptr;
  SharedWaiter* next_parked_ = nullptr;  // of its hub's
  SharedWaiter* prev_parked_ = nullptr;
  void (*forget_)(void* what) noexcept = nullptr;
  void* to_forget_ = nullptr;
  bool takes_;
  bool told_ = false;
  bool on_its_way_ = false;  // in its hub's WakeList; that hub's thread, or who holds the mutex and tells it
  std::condition_variable wake_thread_;
};

struct SharedSync {
  using Mutex = std::mutex;
  using Guard = std::unique_lock<std::mutex>;
  using List = SharedWaitList;
  using Waiter = SharedWaiter;
  template <typename T>
  using RefCounted = SharedRefCounted<T>;
  /// Whoever is given up is taken out one by one; see SharedWaiter.
  struct LossMark {
    bool lost_all() noexcept { return forks.in_new_child(); }
    ForkMark forks{};
  };

  /// The running greenlet, the hub in its callbacks, or the thread.
  static const void* self() noexcept;

  /// Some of many may go on.
  class Turns {
   public:
    using MayGo = bool (*)(const void* owner) noexcept;
    Turns(MayGo condition, const void* owner) noexcept : may_go_(condition), owner_(owner) {}
    void wake(std::size_t n) noexcept {
      while (n-- > 0 && list_.wake_one()) {
      }
    }
    bool await(Guard& guard, const Due& due);
    void look(Guard& guard, const Due& due) {
      SharedWaiter(guard, list_, "shared::Semaphore::wait", false).wait_until(due);
    }
    std::size_t takers() const noexcept { return list_.takers(); }

   private:
    MayGo may_go_;
    const void* owner_;
    mutable SharedWaitList list_;
  };

  /// Putters and getters.
  class Exchange {
   public:
    using List = SharedWaitList;
    void wake() noexcept;
    void wake_all() noexcept {
      getters.wake_all();
      putters.wake_all();
    }
    /// Until the condition of that side holds; false if `due` came first.
    bool wait(Guard& guard, List& list, const Due& due, bool takes);

    List putters;
    List getters;

   protected:
    virtual ~Exchange() = default;
    virtual bool put_may_go() const noexcept = 0;
    virtual bool get_may_go() const noexcept = 0;
  };

  /// Those who wait for what happens once.
  class Once {
   public:
    void happen() noexcept { list_.wake_all(); }
    bool wait(Guard& guard, const Due& due, const char* what) {
      return SharedWaiter(guard, list_, what, false).wait_until(due);
    }

   private:
    SharedWaitList list_;
  };
};

}  // namespace verdin::impl
