// Internal. Runnable: an entry of a hub's ready queue, which is an intrusive FIFO with O(1) removal.
#pragma once

namespace verdin::impl {

struct Runnable {
  Runnable* next = nullptr;
  Runnable* prev = nullptr;
  /// Null: this is a greenlet to be resumed. Else called in the hub.
  void (*callback)(Runnable*) = nullptr;
  /// Its callback only queues: it may be called on any stack, which saves a way to the hub and back.
  bool light = false;

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
  /// The last one; the queue's own head if there is none.
  Runnable& last() noexcept { return *head_.prev; }
  void push_front(Runnable& item) noexcept {
    item.next = head_.next;
    item.prev = &head_;
    head_.next->prev = &item;
    head_.next = &item;
  }
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
