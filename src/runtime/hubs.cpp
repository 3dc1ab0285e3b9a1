#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <pthread.h>
#include <sched.h>

#include <verdin/runtime/hubs.hpp>

namespace verdin::impl {
namespace {

/// Keeps this thread on one processor while it lives.
class Pin {
 public:
  explicit Pin(std::size_t index) {
    CPU_ZERO(&before_);
    if (::pthread_getaffinity_np(::pthread_self(), sizeof(before_), &before_) != 0) return;
    const auto allowed = static_cast<std::size_t>(CPU_COUNT(&before_));
    if (allowed == 0) return;
    std::size_t skip = index % allowed;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || skip-- > 0) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      pinned_ = ::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one) == 0;
      return;
    }
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  ~Pin() {
    if (pinned_) ::pthread_setaffinity_np(::pthread_self(), sizeof(before_), &before_);
  }

 private:
  cpu_set_t before_;
  bool pinned_ = false;
};

class Team {
 public:
  Team(std::size_t count, const HubsOptions& options, const HubMain& main)
      : options_(options), main_(main), hubs_(count), members_(count), alive_(count) {}

  void run_one(std::size_t index) {
    try {
      std::optional<Pin> pin;
      if (options_.pin) pin.emplace(index);
      run(options_.hub, [&] { be_main(index); });
    } catch (...) {
      fail(std::current_exception());
    }
    leave(index);
  }

  void fail(std::exception_ptr error) {
    const std::scoped_lock lock(mutex_);
    if (first_error_) return;  // of those that are killed for the first
    first_error_ = std::move(error);
    arrived_.notify_all();
    for (std::size_t i = 0; i < hubs_.size(); ++i) hubs_[i].post([this, i] { kill(i); });
  }

  void check() const {
    if (first_error_) std::rethrow_exception(first_error_);
  }

 private:
  struct Member {
    GreenletBase* main = nullptr;  // of its hub's thread
    bool left = false;
  };

  void be_main(std::size_t index) {
    if (!meet(index)) return;
    const struct Forget {
      ~Forget() { member.main = nullptr; }
      Member& member;
    } forget{members_[index]};
    main_(index, hubs_);
  }

  /// Blocks the thread until all hubs are there; false if one failed instead.
  bool meet(std::size_t index) {
    Hub& hub = Hub::current();
    std::unique_lock lock(mutex_);
    hubs_[index] = hub.ref();
    members_[index].main = hub.running();
    if (hubs_.size() > 1) hub.expect_external(1);  // others may post
    if (++met_ == hubs_.size()) arrived_.notify_all();
    arrived_.wait(lock, [this] { return met_ == hubs_.size() || first_error_; });
    if (!first_error_) return true;
    members_[index].main = nullptr;
    return false;
  }

  void leave(std::size_t index) {
    const std::scoped_lock lock(mutex_);
    members_[index].left = true;
    if (--alive_ != 1) return;
    for (std::size_t i = 0; i < hubs_.size(); ++i) {
      if (!members_[i].left) hubs_[i].post([] { Hub::current().expect_external(-1); });
    }
  }

  void kill(std::size_t index) {
    if (GreenletBase* const main = members_[index].main) {
      main->throw_into(nullptr);
    }
  }

  const HubsOptions& options_;
  const HubMain& main_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<HubRef> hubs_;
  std::vector<Member> members_;
  std::size_t alive_;
  std::size_t met_ = 0;
  std::exception_ptr first_error_;
};

}  // namespace

void run_hubs(std::size_t count, const HubsOptions& options, const HubMain& main) {
  if (count == 0) throw std::invalid_argument("verdin: run() of no hubs");
  if (Hub::current_or_null()) throw std::logic_error("verdin: this thread has a hub already");
  Team team(count, options, main);
  std::vector<std::thread> threads;
  try {
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back([&team, i] { team.run_one(i); });
  } catch (...) {
    team.fail(std::current_exception());
  }
  team.run_one(0);
  for (std::thread& thread : threads) thread.join();
  team.check();
}

}  // namespace verdin::impl
