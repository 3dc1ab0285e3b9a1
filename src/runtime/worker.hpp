// Hub::Worker: a greenlet that runs one task after another, so that a handler finds a warm stack.
#pragma once

#include <utility>

#include <verdin/runtime/hub.hpp>

namespace verdin {

class Hub::Worker final : public impl::GreenletBase {
 public:
  explicit Worker(Hub& hub) : GreenletBase(hub) {}

  void assign(Task&& task, const char* name, SpawnPoint where) {
    task_ = std::move(task);
    set_label(name);
    set_spawned_at(where);
  }
  /// Has it no task?
  bool idle() const noexcept { return !static_cast<bool>(task_); }

 private:
  void run() noexcept override;
  void run_tasks();
  void run_task();

  Task task_;
};

}  // namespace verdin
