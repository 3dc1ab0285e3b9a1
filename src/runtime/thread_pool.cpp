#include <algorithm>
#include <new>
#include <system_error>

#include <verdin/runtime/impl/lockable.hpp>
#include <verdin/runtime/impl/wait_list.hpp>
#include <verdin/runtime/thread_pool.hpp>

namespace verdin {
namespace {

thread_local const ThreadPool* working_for = nullptr;

/// Makes it new, and leaves the old one as it is, undestroyed: a thread that is not here may have held it.
template <typename T>
void replace(T& object) {
  new (&object) T;
}

}  // namespace

namespace impl {

void ThreadDesk::one_ended() noexcept {
  Hub::current().expect_external(-1);
  if (--in_flight == 0) idle.wake_all();
  room.wake_one();
}

ThreadOutcome::~ThreadOutcome() {
  if (!error || observed) return;
  if (Hub* const hub = Hub::current_or_null()) hub->report_error("task of a thread pool", error);
}

ThreadJobBase::ThreadJobBase(IntrusivePtr<ThreadDesk> desk, IntrusivePtr<ThreadOutcome> outcome)
    : desk_(std::move(desk)), outcome_(std::move(outcome)) {
  Hub::current().expect_external(1);
  ++desk_->in_flight;
}

ThreadJobBase::~ThreadJobBase() {
  if (!outcome_) return;
  outcome_->error =
      std::make_exception_ptr(ThreadTaskDropped("verdin: the task was dropped before it began"));
  outcome_->observed = true;  // told to those who wait, and to nobody else
  answer();
}

void ThreadJobBase::run() noexcept {
  try {
    call();
  } catch (const GreenletExit&) {  // of a greenlet of another hub: it is not to kill those who wait here
    outcome_->error = std::make_exception_ptr(GreenletKilled("verdin: the greenlet that ran it was killed"));
  } catch (...) {
    outcome_->error = std::current_exception();
  }
  drop_function();
  answer();
}

/// If the hub has ended there is nobody left to tell.
void ThreadJobBase::answer() noexcept {
  const HubRef hub = desk_->hub;
  hub.post([desk = std::move(desk_), outcome = std::move(outcome_)] {
    desk->one_ended();
    outcome->done.set();
  });
}

}  // namespace impl

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : options_(options), desk_(make_intrusive<impl::ThreadDesk>(Hub::current().ref())) {
  options_.max_threads = std::max<std::size_t>(options_.max_threads, 1);
}

ThreadPool::~ThreadPool() {
  check_fork();
  const Hub* const hub = Hub::current_or_null();
  if (hub && !hub->in_hub()) {
    const Shield shield;
    while (desk_->in_flight > 0) join();
  }
  if (desk_->hub.is_current()) {
    desk_->closed = true;
    desk_->room.wake_all();
  }
  std::unique_lock lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  while (!threads_.empty()) wake_.wait(lock);
  reap(lock);
}

void ThreadPool::check_fork() const {
  // What it is to others has not changed. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  if (forks_.in_new_child()) const_cast<ThreadPool*>(this)->begin_anew();
}

/// In the child of a fork: of its threads none is here, and of the greenlets that waited for them at most
/// one.
void ThreadPool::begin_anew() {
  new auto(desk_);  // its lists have greenlets that will never run
  desk_ = make_intrusive<impl::ThreadDesk>(HubRef(desk_->hub));
  replace(mutex_);
  replace(wake_);
  replace(tasks_);
  replace(threads_);
  replace(ended_);
  idle_ = 0;
  stopping_ = false;
}

void ThreadPool::check_hub() const {
  check_fork();
  if (!desk_->hub.is_current())
    throw WrongThread("verdin: a ThreadPool was used on a thread other than its hub's");
}

bool ThreadPool::has_room() const {
  check_hub();
  return desk_->in_flight < max_threads() + options_.max_waiting;
}

void ThreadPool::wait_for_room() {
  // Those who wait come first: tasks begin in the order in which they came. If there is room and somebody
  // waits, one of them was told, and tells the next when it leaves.
  if (has_room() && desk_->room.empty()) return;
  const IntrusivePtr<impl::ThreadDesk> desk = desk_;  // this object may go meanwhile
  {
    impl::Waiter waiter(desk->room, "ThreadPool::spawn");
    try {
      do {
        waiter.wait();
        if (desk->closed) throw DestroyedWhileWaiting();
      } while (!has_room());
    } catch (...) {
      if (waiter.woken()) desk->room.wake_one();
      throw;
    }
  }
  if (desk_->in_flight + 1 < max_threads() + options_.max_waiting) desk_->room.wake_one();
}

void ThreadPool::join() {
  check_hub();
  if (desk_->in_flight == 0) return;
  impl::Waiter(desk_->idle, "ThreadPool::join").wait();
}

bool ThreadPool::join_for(loop::Clock::duration limit) {
  check_hub();
  return desk_->in_flight == 0 ||
         impl::Waiter(desk_->idle, "ThreadPool::join").wait_until(impl::due_in(limit));
}

void ThreadPool::kill() {
  check_hub();
  std::deque<UniqueFunction<void()>> dropped;
  {
    const std::scoped_lock lock(mutex_);
    tasks_.swap(dropped);
  }
  dropped.clear();
  join();
}

void ThreadPool::submit(UniqueFunction<void()> task) {
  check_fork();
  std::unique_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < options_.max_threads && !add_thread() && threads_.empty()) {
    task = std::move(tasks_.back());
    tasks_.pop_back();
    lock.unlock();
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            "verdin: no thread for a task");
  }
  wake_.notify_one();
  reap(lock);
}

bool ThreadPool::add_thread() noexcept {
  try {
    threads_.emplace_back([this] { work(); });
    return true;
  } catch (...) {
    return false;
  }
}

/// The running thread is about to end.
void ThreadPool::retire() {
  const auto self = std::find_if(threads_.begin(), threads_.end(), [](const std::thread& thread) {
    return thread.get_id() == std::this_thread::get_id();
  });
  ended_.splice(ended_.end(), threads_, self);
  wake_.notify_all();  // the destructor waits for the last
}

void ThreadPool::reap(std::unique_lock<std::mutex>& lock) {
  if (ended_.empty()) return;
  std::list<std::thread> ended;
  ended.swap(ended_);
  lock.unlock();
  for (std::thread& thread : ended) thread.join();
  lock.lock();
}

void ThreadPool::work() {
  working_for = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const auto due = impl::due_in(impl::to_loop_duration(options_.idle_time));
    const bool woken = wake_.wait_until(
        lock, due, [this] { return stopping_ || !tasks_.empty() || threads_.size() > options_.max_threads; });
    --idle_;
    if (!woken || threads_.size() > options_.max_threads || tasks_.empty()) return retire();
    UniqueFunction<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds is freed outside the lock
    lock.lock();
  }
}

void ThreadPool::set_max_threads(std::size_t max_threads) {
  check_hub();
  {
    std::unique_lock lock(mutex_);
    options_.max_threads = std::max<std::size_t>(max_threads, 1);
    const std::size_t wanted = std::min(options_.max_threads, threads_.size() - idle_ + tasks_.size());
    while (threads_.size() < wanted && add_thread()) {
    }
    wake_.notify_all();
    reap(lock);
  }
  desk_->room.wake_all();  // those for whom there is none wait again
}

std::size_t ThreadPool::max_threads() const {
  check_fork();
  const std::scoped_lock lock(mutex_);
  return options_.max_threads;
}

std::size_t ThreadPool::idle_thread_count() const {
  check_fork();
  const std::scoped_lock lock(mutex_);
  return idle_;
}

std::size_t ThreadPool::thread_count() const {
  check_fork();
  const std::scoped_lock lock(mutex_);
  return threads_.size();
}

[[gnu::noinline]] const ThreadPool* ThreadPool::of_this_thread() noexcept { return working_for; }

}  // namespace verdin
