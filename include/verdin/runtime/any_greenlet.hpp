// AnyGreenlet: a handle on a greenlet whatever it returns; what a Group lists.
//
// As Greenlet<T>, without the value, which it does not keep: when the greenlet ends, and no Greenlet<T> is
// left, nobody can ask for it. An exception is there as long as one of either lives, and is reported if
// nobody has asked for it when the last goes. Copying is cheap; of the greenlet's thread.
#pragma once

#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include <verdin/runtime/greenlet.hpp>

namespace verdin {

class AnyGreenlet {
 public:
  AnyGreenlet() = default;
  template <typename T>
  AnyGreenlet(const Greenlet<T>& greenlet) : state_(greenlet.base()) {}
  explicit AnyGreenlet(impl::GreenletBase& greenlet) noexcept : state_(greenlet) {}

  bool valid() const noexcept { return state_.get() != nullptr; }
  bool ready() const noexcept { return state_->finished(); }
  bool successful() const { return ready() && !state_->failure(); }
  bool killed() const noexcept { return ready() && state_->killed(); }
  /// What it threw; null while it runs or if it did not.
  std::exception_ptr exception() const {
    state_->set_observed();
    return state_->failure();
  }
  void join() const { impl::join(*state_, std::nullopt); }
  bool join_for(loop::Clock::duration limit) const { return impl::join(*state_, impl::due_in(limit)); }
  /// Kills it and blocks until it is dead.
  void kill() const { impl::kill(*state_, nullptr, std::nullopt); }
  void kill_async() const { impl::kill_async(*state_, nullptr); }
  std::string_view name() const noexcept { return state_->name(); }
  unsigned minimal_ident() const { return state_->minimal_ident(); }
  void add_link(impl::Link& link) const {
    state_->check_hub_if_alive();
    state_->add_link(link);
  }
  impl::GreenletBase& base() const noexcept { return *state_; }

  friend bool operator==(const AnyGreenlet& a, const AnyGreenlet& b) noexcept {
    return a.state_.get() == b.state_.get();
  }

 private:
  impl::OnlookerPtr state_;
};

}  // namespace verdin
