// Internal. IfLost: what is to be undone for a greenlet that waits and is not taken along into a child of
// fork(). Its stack stays there as it is, and no destructor runs; but a descriptor that it watches, say, is
// watched for nobody then, and keeps the child's loop waiting.
#pragma once

namespace verdin::impl {

class GreenletBase;

/// Lies on the stack of the running greenlet.
class IfLost {
 public:
  /// `undo(what)` is called in the child, in the hub. It must neither block nor throw.
  IfLost(void (*undo)(void* what) noexcept, void* what);
  IfLost(const IfLost&) = delete;
  IfLost& operator=(const IfLost&) = delete;
  ~IfLost();

  /// For a hub in a child: all but those of `kept`.
  static void undo_all(IfLost*& first, const GreenletBase* kept) noexcept;

 private:
  void leave() noexcept;

  GreenletBase& greenlet_;
  void (*undo_)(void* what) noexcept;
  void* what_;
  IfLost* next_;  // of its hub's
  IfLost* prev_ = nullptr;
};

}  // namespace verdin::impl
