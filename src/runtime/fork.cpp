// What a hub does when its process forks: the child goes on with the greenlet that forked, and no other.
#include <mutex>
#include <utility>
#include <vector>

#include <pthread.h>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/if_lost.hpp>
#include <verdin/runtime/thread_pool.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/runtime/wait.hpp>

#include "runtime/alarm.hpp"

namespace verdin {
namespace impl {

IfLost::IfLost(void (*undo)(void* what) noexcept, void* what)
    : greenlet_(running_greenlet()), undo_(undo), what_(what), next_(greenlet_.hub().if_lost()) {
  if (next_) next_->prev_ = this;
  greenlet_.hub().if_lost() = this;
}

IfLost::~IfLost() { leave(); }

void IfLost::leave() noexcept {
  (prev_ ? prev_->next_ : greenlet_.hub().if_lost()) = next_;
  if (next_) next_->prev_ = prev_;
}

void IfLost::undo_all(IfLost*& first, const GreenletBase* kept) noexcept {
  for (IfLost* each = first; each;) {
    IfLost& self = *std::exchange(each, each->next_);
    if (&self.greenlet_ == kept) continue;
    self.leave();
    self.undo_(self.what_);
  }
}

}  // namespace impl

/// Groups, and a wait for several things that goes on, do without one that has gone. All others who hang on
/// it are not here, or are calls of the parent's.
void Hub::leave_links(impl::GreenletBase& gone) noexcept {
  while (!gone.links().empty()) {
    impl::Link& link = gone.links().front();
    link.unlink();
    if (!impl::GroupBase::tell_member(link)) impl::MultiWait::tell_entry(link);
  }
}

/// The same in the process that it was given up in, where the calls belong to it.
void Hub::tell_who_counts(impl::GreenletBase& gone) noexcept {
  impl::WaitList others;
  while (!gone.links().empty()) {
    impl::Link& link = gone.links().front();
    link.unlink();
    if (!impl::GroupBase::tell_member(link) && !impl::MultiWait::tell_entry(link)) others.push_back(link);
  }
  while (!others.empty()) {
    impl::Link& link = others.front();
    link.unlink();
    gone.links().push_back(link);
  }
}

void Hub::watch_forks() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::pthread_atfork(nullptr, nullptr, [] {
      if (Hub* hub = current_or_null()) hub->after_fork();
    });
  });
}

void Hub::after_fork() noexcept {
  inbox_->after_fork();
  // What belongs to threads and greenlets that are not here is left as it is, undestroyed.
  // Out of memory here is the end of the child. NOLINTNEXTLINE(bugprone-unhandled-exception-at-new)
  static_cast<void>(new auto(std::move(posted_)));
  static_cast<void>(thread_pool_.release());
  external_ = 0;
  parked_ = nullptr;
  idle_workers_.clear();
  keep_after_fork(running_);
  loop_->after_fork();
  impl::IfLost::undo_all(if_lost_, running_);
}

void Hub::keep_after_fork(impl::GreenletBase* kept) noexcept {
  for (impl::WaitList* const list : {&idle_, &exhausted_}) {
    while (!list->empty()) list->front().unlink();
  }
  std::vector<impl::Runnable*> queue;
  while (!ready_.empty()) {
    queue.push_back(&ready_.front());
    ready_.front().unqueue();
  }
  loop_->deadlines().stop_if(
      [](const loop::DeadlineTimer& timer, const void* greenlet) {
        const auto* only = static_cast<const impl::GreenletBase*>(greenlet);
        return impl::Alarm::is_of_another(timer, only) || Timeout::is_of_another(timer, only);
      },
      kept);
  std::vector<impl::GreenletBase*> gone;
  for (impl::GreenletBase* greenlet : living()) {
    if (greenlet == kept) continue;
    gone.push_back(greenlet);
    abandon(*greenlet);
  }
  for (impl::GreenletBase* greenlet : gone) leave_links(*greenlet);
  for (impl::Runnable* item : queue) {
    if (item->queued() || !item->callback) continue;
    const bool of_greenlets_end = item->light && item->callback == &impl::GreenletBase::tell_first;
    if (of_greenlets_end) leave_links(static_cast<impl::GreenletBase&>(*item));
    if ((item->light && !of_greenlets_end) || Timeout::is_of(*item, kept) ||
        impl::GreenletBase::is_throw_into(*item, kept) || item == &kills_without_memory_) {
      ready_.push_back(*item);
    }
  }
  if (!kept || !main_) return;
  // It takes the main greenlet's place; that is never freed now.
  if (kept != main_) {
    kept->add_ref();
    fatal_without_memory_ = nullptr;  // of the one before
  }
  main_ = kept;
}

}  // namespace verdin
