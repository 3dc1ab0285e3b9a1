#include "net/background_threads.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <thread>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/runtime/hub.hpp>

#include "runtime/no_signals.hpp"

namespace verdin::impl {
namespace {

constexpr std::chrono::seconds kIdleTime{5};
constinit BackgroundThreads all_file_threads(16);

}  // namespace

BackgroundThreads::Crew& BackgroundThreads::crew() const {
  Crew* crew = crew_.load(std::memory_order_acquire);
  const unsigned generation = loop::fork_generation();
  if (crew && crew->generation == generation) return *crew;
  auto fresh = std::make_unique<Crew>(generation, crew);
  if (!crew_.compare_exchange_strong(crew, fresh.get(), std::memory_order_acq_rel)) return *crew;
  return *fresh.release();
}

void BackgroundThreads::run(const IntrusivePtr<BackgroundJob>& job) {
  Hub& hub = Hub::current();
  if (hub.in_hub()) throw BlockingSwitchOutError("verdin: a call that blocks was made in the hub");
  job->hub_ = hub.ref();
  start(job);
  hub.expect_external(1);
  try {
    job->done_.wait();
  } catch (...) {
    hub.expect_external(-1);
    job->stray_ = !withdraw(*job);
    throw;
  }
  hub.expect_external(-1);
}

void BackgroundThreads::start(IntrusivePtr<BackgroundJob> job) {
  Crew& crew = this->crew();
  const std::scoped_lock lock(crew.mutex);
  crew.jobs.push_back(std::move(job));
  if (crew.jobs.size() > crew.idle && crew.threads < most_) {
    try {
      const NoSignals guard;
      std::thread([&crew] { work_off(crew); }).detach();
      ++crew.threads;
    } catch (const std::system_error&) {
      if (crew.threads == 0) {
        crew.jobs.pop_back();
        throw;
      }
    }
  }
  crew.wake.notify_one();
}

bool BackgroundThreads::withdraw(const BackgroundJob& job) noexcept {
  Crew& crew = this->crew();
  const std::scoped_lock lock(crew.mutex);
  const auto at = std::find_if(crew.jobs.begin(), crew.jobs.end(),
                               [&](const IntrusivePtr<BackgroundJob>& each) { return each.get() == &job; });
  if (at == crew.jobs.end()) return false;
  crew.jobs.erase(at);  // the caller holds a reference still
  return true;
}

/// Gives the hub the job, and a reference to it. Somebody may wait for it: where there is no memory to tell
/// him, it is tried again.
void BackgroundThreads::report(BackgroundJob& job) noexcept {
  const HubRef hub = std::move(job.hub_);
  for (;;) {
    try {
      const bool told = hub.post([&job] {
        job.finish();
        job.release();
      });
      if (!told) job.release();
      return;
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void BackgroundThreads::work_off(Crew& crew) noexcept {
  std::unique_lock lock(crew.mutex);
  for (;;) {
    ++crew.idle;
    crew.wake.wait_for(lock, kIdleTime, [&] { return !crew.jobs.empty(); });
    --crew.idle;
    if (crew.jobs.empty()) {
      --crew.threads;
      return;
    }
    IntrusivePtr<BackgroundJob> job = std::move(crew.jobs.front());
    crew.jobs.pop_front();
    lock.unlock();
    job->work();
    BackgroundJob& done = *job;
    done.add_ref();
    job = {};  // it goes in the hub
    report(done);
    lock.lock();
  }
}

std::size_t BackgroundThreads::thread_count() const {
  Crew& crew = this->crew();
  const std::scoped_lock lock(crew.mutex);
  return crew.threads;
}

BackgroundThreads& file_threads() noexcept { return all_file_threads; }

}  // namespace verdin::impl
