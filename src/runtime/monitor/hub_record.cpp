#include "runtime/monitor/hub_record.hpp"

#include <algorithm>

#include <sys/syscall.h>
#include <unistd.h>

#include <verdin/base/fork_safe_mutex.hpp>

#include "runtime/monitor/monitor.hpp"

namespace verdin::impl {

HubRecord* first_hub = nullptr;

namespace {

std::uint64_t last_serial = 0;  // under the mutex

unsigned smallest_free_id() {
  unsigned id = 1;
  for (const HubRecord* record = first_hub; record;) {
    if (record->id == id) {
      ++id;
      record = first_hub;
    } else {
      record = record->next;
    }
  }
  return id;
}

constinit std::mutex registry;

// fork() copies the locks as they are, and of the threads only its own.
void before_fork() { registry.lock(); }
void after_fork_in_parent() { registry.unlock(); }
void after_fork_in_child() {
  for (HubRecord** at = &first_hub; *at;) {
    if (::pthread_equal((*at)->thread, ::pthread_self())) {
      (*at)->thread_id = ::syscall(SYS_gettid);
      at = &(*at)->next;
    } else {
      *at = (*at)->next;
    }
  }
  registry.unlock();
  forget_monitor_after_fork();
}

// With the program: a fork() that is under way calls no handler that comes late, and its child would find the
// registry's or the monitor's lock held by a thread that it does not have. The mutexes' handlers come before:
// under the registry's lock some of them may be taken.
[[maybe_unused]] const int watched =
    (ForkSafeMutex::watch_forks(),
     ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child));

}  // namespace

std::mutex& registry_mutex() noexcept { return registry; }

HubRecord::HubRecord(Hub& of) : hub(of), thread_id(::syscall(SYS_gettid)), thread(::pthread_self()) {
  const std::scoped_lock lock(registry_mutex());
  id = smallest_free_id();
  serial = ++last_serial;
  HubRecord** end = &first_hub;
  while (*end) end = &(*end)->next;
  *end = this;
}

HubRecord::~HubRecord() {
  const std::scoped_lock lock(registry_mutex());
  HubRecord** at = &first_hub;
  while (*at && *at != this) at = &(*at)->next;
  if (*at) *at = next;
}

unsigned GreenletBase::minimal_ident() {
  if (id_ != 0 || !listed_) return id_;
  auto& numbered = hub_.numbered_;
  auto& lowest = hub_.lowest_free_number_;
  while (lowest < numbered.size() && numbered[lowest]) ++lowest;
  if (lowest == numbered.size()) numbered.push_back(nullptr);
  numbered[lowest] = this;
  return id_ = static_cast<unsigned>(++lowest);
}

const char* HubInspector::state(const GreenletBase& greenlet) noexcept {
  if (greenlet.state() == GreenletBase::State::running) return "running";
  if (greenlet.state() == GreenletBase::State::finished) return "finished";
  if (greenlet.state() != GreenletBase::State::suspended) return "pending";
  return greenlet.queued() ? "ready" : "suspended";
}

}  // namespace verdin::impl
