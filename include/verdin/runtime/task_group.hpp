// TaskGroup: greenlets that do not outlive the block that they were spawned in; if one fails, all end.
//
//   verdin::TaskGroup tasks;
//   auto user = tasks.spawn(load_user, "Andy");     // Greenlet<User>
//   auto friends = tasks.spawn(load_friends, "Andy");
//   tasks.join();                                   // waits for both, or throws what the first of them threw
//   show(user.get(), friends.get());
//
//   auto page = verdin::with_tasks([&](verdin::TaskGroup& tasks) { ...; return page; });
//
// When a child fails, the others are killed at once; join() throws that first error when all have ended,
// once; further ones are kept in errors(). A child that is killed on its own does not count as failed.
// Children may spawn others into the group; one that is spawned into a group that was cancelled never runs.
// If join() is interrupted (a kill, a timeout), the children are killed and waited for before the
// interruption goes on.
//
// The destructor waits for the children; if an exception is on its way through it, it kills them first. An
// interruption that comes meanwhile kills them, and is thrown where the greenlet suspends next. Errors that
// join() did not throw go to the hub's error hook then: call join(), or use with_tasks(), which runs its
// function as a child as well, so that an error of any other interrupts it, and joins.
//
// Hub-local; greenlets only. (A destructor that runs in the hub cannot wait: it kills the children.)
#pragma once

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/room_to_throw.hpp>
#include <verdin/runtime/impl/runnable.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/stop_token.hpp>

namespace verdin {

class TaskGroup : private impl::GroupBase, private impl::Runnable {
 public:
  TaskGroup();
  ~TaskGroup() override;

  /// As verdin::spawn(). In a group that was cancelled the greenlet has ended (as killed) before it began.
  template <typename... Args>
  auto spawn(Args&&... args) {
    auto greenlet = verdin::spawn(std::forward<Args>(args)...);
    adopt(greenlet.base());
    return greenlet;
  }

  /// Waits until all have ended, and throws the first error.
  void join();
  /// Kills the children, without waiting. Their ends are no errors.
  void cancel();
  bool cancelled() const noexcept { return cancelled_; }
  /// What failed after the first error, in order.
  const std::vector<std::exception_ptr>& errors() const noexcept { return others_; }

  using GroupBase::add_link;
  using GroupBase::empty;
  using GroupBase::members;
  using GroupBase::ready;
  using GroupBase::size;

 private:
  static void cancel_later(impl::Runnable* self);
  void adopt(impl::GreenletBase& greenlet);
  void left(impl::GreenletBase& greenlet, bool held_slot) noexcept override;
  void end_all() noexcept;
  void keep_in_others(const std::exception_ptr& error) noexcept;
  void throw_later(const std::exception_ptr& reason) noexcept;

  const int unwinding_;
  bool cancelled_ = false;
  std::exception_ptr first_error_;
  std::vector<std::exception_ptr> others_;
  impl::RoomToThrow room_;
};

/// Runs function(tasks) as the first child of a group, joins it, and gives what the function returned.
template <typename F>
auto with_tasks(F&& function) {
  using T = std::invoke_result_t<F&, TaskGroup&>;
  TaskGroup tasks;
  Greenlet<T> body = tasks.spawn(inherit_context, [&tasks, &function]() -> T { return function(tasks); });
  tasks.join();
  if constexpr (std::is_void_v<T>) {
    body.get();
  } else {
    return T(std::move(body.get()));
  }
}

}  // namespace verdin
