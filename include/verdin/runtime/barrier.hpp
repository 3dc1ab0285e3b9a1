// Barrier: greenlets of one hub wait until so many of them are there, then all go on; again and again.
//
// wait() is the place at which the caller came, 0 to parties - 1; the last runs `action` before anybody goes
// on. Those who come while it runs wait for the next round.
// A wait_for() that takes too long breaks the barrier, as abort() and an action that throws do: everybody who
// waits or comes later gets BrokenBarrier, until reset(), which turns those away who wait then. A greenlet
// that is killed or times out of a scope of its own while it waits only leaves; its place is free again. If
// the round was complete by then, wait() returns, and the exception comes when it suspends next.
// Hub-local: its hub's thread only. One that is destroyed while greenlets wait for it wakes them with
// DestroyedWhileWaiting. In a child of fork() those who waited in the parent do not count.
#pragma once

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <vector>

#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin {

struct BrokenBarrier : std::runtime_error {
  BrokenBarrier() : std::runtime_error("verdin: the barrier is broken") {}
};

class Barrier {
 public:
  explicit Barrier(std::size_t parties, std::function<void()> action = {});
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  /// Not while its action runs.
  ~Barrier();

  std::size_t wait() { return wait_until(std::nullopt); }
  std::size_t wait_for(loop::Clock::duration limit) { return wait_until(impl::due_in(limit)); }
  void abort();
  void reset();

  std::size_t parties() const noexcept { return parties_; }
  /// How many are there now.
  std::size_t waiting() const noexcept {
    look_for_losses();
    return arrived_.size();
  }
  bool broken() const noexcept { return broken_; }

 private:
  class Arrival;
  enum class Outcome : unsigned char { open, complete, broken, destroyed };

  std::size_t wait_until(const impl::Due& due);
  std::size_t complete();
  void act();
  void settle(std::vector<Arrival*>& arrived, Outcome outcome) noexcept;
  void look_for_losses() const noexcept {
    if (losses_.lost_all()) [[unlikely]]
      forget_the_gone();
  }
  void forget_the_gone() const noexcept;

  std::size_t parties_;
  std::function<void()> action_;
  bool broken_ = false;
  mutable impl::LossMark losses_;
  mutable bool acting_ = false;
  const impl::GreenletBase* actor_ = nullptr;  // meanwhile; null: no greenlet
  mutable std::vector<Arrival*> arrived_;      // of this round
  mutable std::vector<Arrival*> leaving_;      // of the round whose action runs
  impl::WaitList gate_;                        // who came while the action ran
};

}  // namespace verdin
