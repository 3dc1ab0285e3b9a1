// Signals of a UringLoop: the handler notes the number and ends the wait of the loop that watches for it.
//
// As with libev, one loop at a time watches for a signal; the last watch to go restores the default action.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

#include <sys/eventfd.h>

#include <verdin/base/fork_safe_mutex.hpp>

#include "loop/uring/uring_registration.hpp"

namespace verdin::loop {
namespace {

using SharedCallback = std::shared_ptr<UniqueFunction<void()>>;

struct Slot {
  std::atomic<bool> raised{false};
  std::atomic<int> wake_descriptor{-1};
  std::atomic<UringLoop*> owner{nullptr};
  std::vector<SharedCallback> callbacks;  // of the owner's thread
};

std::array<Slot, NSIG> slots;
std::atomic<int> watched{0};
constinit ForkSafeMutex registering;

extern "C" void note_signal(int number) {
  const int saved = errno;
  Slot& slot = slots[static_cast<std::size_t>(number)];
  slot.raised.store(true);
  const int fd = slot.wake_descriptor.load();
  if (fd >= 0) ::eventfd_write(fd, 1);
  errno = saved;
}

void set_action(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigfillset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  if (::sigaction(number, &action, nullptr) != 0) {
    throw std::system_error(errno, std::system_category(), "sigaction");
  }
}

class UringSignalWatch final : public Watch {
 public:
  UringSignalWatch(UringLoop& loop, int number, UniqueFunction<void()> delivered)
      : loop_(loop),
        number_(number),
        delivered_(std::make_shared<UniqueFunction<void()>>(std::move(delivered))) {
    if (number <= 0 || number >= NSIG) throw std::system_error(EINVAL, std::system_category(), "on_signal");
    const std::lock_guard lock(registering);
    Slot& slot = this->slot();
    if (slot.owner.load() && slot.owner.load() != &loop) {
      throw std::system_error(EBUSY, std::system_category(), "another loop watches for this signal");
    }
    if (slot.callbacks.empty()) {
      slot.raised.store(false);
      slot.wake_descriptor.store(loop.wake_descriptor());
      set_action(number, note_signal);
      slot.owner.store(&loop);
      watched.fetch_add(1);
    }
    slot.callbacks.push_back(delivered_);
  }
  void set_ref(bool ref) override {
    if (ref != ref_) loop_.count_work(ref ? 1 : -1);
    ref_ = ref;
  }
  ~UringSignalWatch() override {
    set_ref(false);
    const std::lock_guard lock(registering);
    Slot& slot = this->slot();
    std::erase(slot.callbacks, delivered_);
    if (!slot.callbacks.empty()) return;
    ::signal(number_, SIG_DFL);
    slot.wake_descriptor.store(-1);
    slot.owner.store(nullptr);
    watched.fetch_sub(1);
  }

 private:
  Slot& slot() const noexcept { return slots[static_cast<std::size_t>(number_)]; }

  UringLoop& loop_;
  bool ref_ = false;
  int number_;
  SharedCallback delivered_;
};

}  // namespace

/// A callback may drop any watch, its own too.
void deliver_signals(UringLoop& loop) {
  if (watched.load() == 0) return;
  for (Slot& slot : slots) {
    if (slot.owner.load() != &loop || !slot.raised.exchange(false)) continue;
    const std::vector<SharedCallback> callbacks = slot.callbacks;
    for (const SharedCallback& callback : callbacks) {
      if (loop.dropping()) return;
      if (std::count(slot.callbacks.begin(), slot.callbacks.end(), callback) > 0) (*callback)();
    }
  }
}

void redirect_signals(UringLoop& loop, int wake_descriptor) noexcept {
  for (Slot& slot : slots) {
    if (slot.owner.load() == &loop) slot.wake_descriptor.store(wake_descriptor);
  }
}

void forget_signals(UringLoop& loop) noexcept {
  for (Slot& slot : slots) {
    if (slot.owner.load() == &loop) slot.raised.store(false);
  }
}

WatchPtr UringLoop::on_signal(int signal_number, UniqueFunction<void()> delivered) {
  return hold(std::make_unique<UringSignalWatch>(*this, signal_number, std::move(delivered)));
}

}  // namespace verdin::loop
