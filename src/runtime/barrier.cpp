#include <algorithm>

#include <verdin/runtime/barrier.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin {

/// One that waits; lies on its stack.
class Barrier::Arrival {
 public:
  explicit Arrival(Barrier& barrier)
      : barrier_(barrier), place_(barrier.arrived_.size()), waiter_(own_, "Barrier::wait") {
    barrier.arrived_.push_back(this);
  }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;
  ~Arrival() {
    if (outcome_ == Outcome::open) leave();
  }
  void leave() noexcept {
    std::erase(barrier_.arrived_, this);
    std::erase(barrier_.leaving_, this);
  }

  std::size_t place() const noexcept { return place_; }
  void settle(Outcome outcome) noexcept {
    outcome_ = outcome;
    own_.wake_all();
  }
  /// How the round ended; open if `due` came before that.
  Outcome wait_until(const impl::Due& due) {
    try {
      const bool told = waiter_.wait_until(due);
      // Its place is taken by now: the round is complete as soon as its action is.
      if (!told && std::count(barrier_.leaving_.begin(), barrier_.leaving_.end(), this) > 0) waiter_.wait();
    } catch (...) {
      if (outcome_ != Outcome::complete) throw;
      impl::throw_later(std::current_exception());  // the others are on their way, and so is this one
    }
    if (outcome_ != Outcome::destroyed) return outcome_;
    if (Hub::current().ending()) throw GreenletExit();
    throw DestroyedWhileWaiting();
  }

 private:
  Barrier& barrier_;
  std::size_t place_;
  Outcome outcome_ = Outcome::open;
  impl::WaitList own_;
  impl::Waiter waiter_;
};

Barrier::Barrier(std::size_t parties, std::function<void()> action)
    : parties_(parties), action_(std::move(action)) {
  if (parties == 0) throw std::invalid_argument("verdin: a barrier needs somebody to wait for");
  arrived_.reserve(parties);
  leaving_.reserve(parties);
}

Barrier::~Barrier() {
  settle(arrived_, Outcome::destroyed);
  settle(leaving_, Outcome::destroyed);
}

/// Nobody is there, but in a child of fork() the greenlet that forked, which may be in the action.
void Barrier::forget_the_gone() const noexcept {
  arrived_.clear();
  leaving_.clear();
  if (acting_ && actor_ && actor_->finished()) acting_ = false;
}

std::size_t Barrier::wait_until(const impl::Due& due) {
  look_for_losses();
  while (acting_ && !broken_) {
    impl::Waiter waiter(gate_, "Barrier::wait");
    if (!waiter.wait_until(due)) abort();
  }
  if (broken_) throw BrokenBarrier();
  if (arrived_.size() + 1 == parties_) return complete();
  Arrival arrival(*this);
  const Outcome outcome = arrival.wait_until(due);
  if (outcome == Outcome::complete) return arrival.place();
  if (outcome == Outcome::open) {  // too late: nobody needs to wait for this one
    arrival.leave();
    abort();
  }
  throw BrokenBarrier();
}

std::size_t Barrier::complete() {
  leaving_.swap(arrived_);
  try {
    act();
  } catch (...) {
    broken_ = true;
    settle(leaving_, Outcome::broken);
    abort();
    throw;
  }
  settle(leaving_, Outcome::complete);
  return parties_ - 1;
}

void Barrier::act() {
  if (!action_) return;
  const Hub* const hub = Hub::current_or_null();
  actor_ = hub ? hub->running() : nullptr;
  acting_ = true;
  try {
    action_();
  } catch (...) {
    acting_ = false;
    gate_.wake_all();
    throw;
  }
  acting_ = false;
  gate_.wake_all();
}

void Barrier::settle(std::vector<Arrival*>& arrived, Outcome outcome) noexcept {
  look_for_losses();
  for (Arrival* arrival : arrived) arrival->settle(outcome);
  arrived.clear();
}

void Barrier::abort() {
  broken_ = true;
  settle(arrived_, Outcome::broken);
  gate_.wake_all();
}

void Barrier::reset() {
  broken_ = false;
  settle(arrived_, Outcome::broken);
}

}  // namespace verdin
