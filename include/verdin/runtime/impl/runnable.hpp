// Internal. Runnable: an entry of a hub's ready queue, which is an intrusive FIFO with O(1) removal.
#pragma once

namespace verdin::impl {

struct Runnable {
  Runnable* next = nullptr;
  Runnable* prev = nullptr;
  /// Null: this is a greenlet to be resumed. Else called in the hub.
  void (*callback)(Runnable*) = nullptr;

  bool queued() const noexcept { return next != nullptr; }
  void unqueue() noexcept {
    if (!next) return;
    next->prev = prev;
    prev->next = next;
    next = prev = nullptr;
  }
};

class ReadyQueue {
 public:
  ReadyQueue() { head_.next = head_.prev = &head_; }
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  Runnable& front() noexcept { return *head_.next; }
  void push_back(Runnable& item) noexcept {
    item.prev = head_.prev;
    item.next = &head_;
    head_.prev->next = &item;
    head_.prev = &item;
  }

 private:
  Runnable head_;
};

}  // namespace verdin::impl
