// Internal. Link: one entry of a WaitList (see wait_list.hpp).
#pragma once

namespace verdin::impl {

class WaitList;
class WaitQueue;

/// What the head of a list has in common with its entries.
class LinkNode {
 protected:
  friend class Link;
  friend class WaitList;
  friend class WaitQueue;
  LinkNode() noexcept = default;
  LinkNode* next_ = nullptr;
  LinkNode* prev_ = nullptr;
};

class Link : private LinkNode {
 public:
  using Notify = void (*)(Link&) noexcept;

  /// `takes`: one wake-up is for this link alone. Others only look: wake_one() tells them and goes on.
  explicit Link(Notify notify, bool takes = true) noexcept : notify_(notify), takes_(takes) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (!next_) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }
  bool notified() const noexcept { return notified_; }
  /// Is it told by this function, and so of the type that has it?
  bool told_by(Notify notify) const noexcept { return notify_ == notify; }
  bool takes() const noexcept { return takes_; }
  /// It will take nothing.
  void look_only() noexcept { takes_ = false; }
  /// Does whoever it is for never ask a greenlet for its result?
  bool only_hears_of_ends() const noexcept { return only_hears_of_ends_; }
  /// Was its list destroyed while it was in there?
  bool orphaned() const noexcept { return orphaned_; }
  /// It wants to be told again.
  void rearm() noexcept { notified_ = false; }
  /// Once, until it is armed again.
  void tell() noexcept {
    if (notified_) return;
    notified_ = true;
    notify_(*this);
  }

 protected:
  void only_hear_of_ends() noexcept { only_hears_of_ends_ = true; }
  /// It is told when its list is destroyed, too.
  void hear_of_end() noexcept { hears_of_end_ = true; }

 private:
  friend class WaitList;
  friend class WaitQueue;

  Notify notify_;
  bool takes_;
  bool notified_ = false;
  bool hears_of_end_ = false;
  bool only_hears_of_ends_ = false;
  bool orphaned_ = false;
};

class WaitList {
 public:
  WaitList() noexcept { head_.next_ = head_.prev_ = &head_; }
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() {
    while (!empty()) {
      Link& link = front();
      link.unlink();
      link.orphaned_ = true;
      if (link.hears_of_end_) link.notify_(link);
    }
    head_.next_ = nullptr;
  }

  bool empty() const noexcept { return head_.next_ == &head_; }
  /// Of one that is not empty.
  Link& front() noexcept { return link_of(head_.next_); }
  void push_back(Link& link) noexcept {
    link.prev_ = head_.prev_;
    link.next_ = &head_;
    head_.prev_->next_ = &link;
    head_.prev_ = &link;
  }
  /// For one that was told for nothing: it was the first.
  void push_front(Link& link) noexcept {
    link.prev_ = &head_;
    link.next_ = head_.next_;
    head_.next_->prev_ = &link;
    head_.next_ = &link;
  }
  /// Does `what` hold for each? (Of none, too.)
  bool all(bool (*what)(const Link&) noexcept) const noexcept {
    for (LinkNode* node = head_.next_; node != &head_; node = node->next_) {
      if (!what(link_of(node))) return false;
    }
    return true;
  }
  void wake_all() noexcept {
    for (LinkNode* node = head_.next_; node != &head_;) {
      LinkNode* const next = node->next_;
      link_of(node).tell();
      node = next;
    }
  }

 private:
  friend class WaitQueue;
  static Link& link_of(LinkNode* node) noexcept { return static_cast<Link&>(*node); }

  LinkNode head_;
};

}  // namespace verdin::impl
