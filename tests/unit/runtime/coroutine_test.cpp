#include <verdin/runtime/coroutine.hpp>

#ifdef __cpp_impl_coroutine

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/stop_token.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
using verdin::Event;
using verdin::Greenlet;
using verdin::Hub;

namespace {

/// The least of a lazy task: begins when it is awaited, and then resumes who awaits it.
template <typename T>
class Task {
 public:
  struct promise_type {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    static std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      static bool await_ready() noexcept { return false; }
      static std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().next;
      }
      static void await_resume() noexcept {}
    };
    static Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }
    template <typename U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    std::coroutine_handle<> next;
    std::optional<T> value;
    std::exception_ptr error;
  };

  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> next) {
    coroutine_.promise().next = next;
    return coroutine_;
  }
  T await_resume() {
    auto& promise = coroutine_.promise();
    if (promise.error) std::rethrow_exception(promise.error);
    return std::move(*promise.value);
  }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

Task<int> add(Greenlet<int> a, Greenlet<int> b) { co_return co_await a + co_await b; }

TEST(Coroutine, awaits_the_result_of_a_greenlet) {
  verdin::run([] {
    auto slow = verdin::spawn([] {
      verdin::sleep(1ms);
      return 1;
    });
    auto ready = verdin::spawn([] { return 2; });
    ready.join();
    EXPECT_EQ(verdin::await(add(slow, ready)), 3);
  });
}

Task<std::string> take() {
  auto text = co_await verdin::spawn([] { return std::make_unique<std::string>("x"); });
  co_await verdin::spawn([] {});
  co_return *text;
}

TEST(Coroutine, takes_the_value_of_a_temporary) {
  verdin::run([] { EXPECT_EQ(verdin::await(take()), "x"); });
}

Task<std::string> failure_of(Greenlet<> greenlet) {
  try {
    co_await greenlet;
  } catch (const std::exception& e) {
    co_return e.what();
  }
  co_return "none";
}

Task<int> failing() {
  co_await verdin::spawn([] { throw std::runtime_error("x"); });
  co_return 1;
}

TEST(Coroutine, gets_the_exception_of_a_greenlet) {
  verdin::run([] {
    EXPECT_EQ(verdin::await(failure_of(verdin::spawn([] { throw std::runtime_error("x"); }))), "x");
    EXPECT_THROW(verdin::await(failing()), std::runtime_error);
    Event never;
    auto killed = verdin::spawn([&] { never.wait(); });
    auto killer = verdin::spawn([&] { killed.kill(); });
    EXPECT_NE(verdin::await(failure_of(killed)).find("killed"), std::string::npos);
  });
}

Task<int> blocks_after(Greenlet<> greenlet) {
  co_await greenlet;
  EXPECT_FALSE(Hub::current().in_hub());
  verdin::sleep(1ms);
  co_return 4;
}

TEST(Coroutine, may_block_when_it_is_resumed) {
  verdin::run([] { EXPECT_EQ(verdin::await(blocks_after(verdin::spawn([] { verdin::yield(); }))), 4); });
}

TEST(Coroutine, one_that_is_destroyed_while_it_waits_leaves_nothing) {
  verdin::run([] {
    Event go;
    auto greenlet = verdin::spawn([&] { go.wait(); });
    {
      auto task = failure_of(greenlet);
      task.await_suspend(std::noop_coroutine()).resume();
    }
    go.set();
    greenlet.join();
    verdin::yield();
  });
}

/// Completes on a thread of its own.
struct OnThread {
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> next) {
    std::thread& runs_on = thread;  // what resumes the coroutine may end it, and this with it
    runs_on = std::thread([next] { next.resume(); });
  }
  static std::thread::id await_resume() { return std::this_thread::get_id(); }
  std::thread& thread;
};

TEST(Await, parks_until_an_awaitable_completes_on_another_thread) {
  verdin::run([] {
    std::thread thread;
    bool others_run = false;
    auto other = verdin::spawn([&] { others_run = true; });
    EXPECT_NE(verdin::await(OnThread{thread}), std::this_thread::get_id());
    thread.join();
    EXPECT_TRUE(others_run);
  });
}

TEST(Await, gives_references_values_and_exceptions_of_what_is_ready) {
  verdin::run([] {
    struct Reference {
      static bool await_ready() noexcept { return true; }
      static void await_suspend(std::coroutine_handle<>) noexcept {}
      int& await_resume() const noexcept { return *value; }
      int* value;
    };
    int value = 1;
    int& reference = verdin::await(Reference{&value});
    EXPECT_EQ(&reference, &value);
    verdin::await(std::suspend_never());
    struct Failing : std::suspend_never {
      static int await_resume() { throw std::logic_error("x"); }
    };
    EXPECT_THROW(verdin::await(Failing()), std::logic_error);
  });
}

/// Completes when it is told to.
struct Manual {
  static bool await_ready() noexcept { return false; }
  void await_suspend(std::coroutine_handle<> next) const { *waiting = next; }
  int await_resume() const noexcept { return *value; }
  std::coroutine_handle<>* waiting;
  std::shared_ptr<int> value;
};

TEST(Await, a_killed_greenlet_stops_waiting_and_the_awaitable_is_kept_until_it_completes) {
  verdin::run([] {
    std::coroutine_handle<> waiting;
    auto value = std::make_shared<int>(1);
    auto greenlet = verdin::spawn([&] { verdin::await(Manual{&waiting, value}); });
    verdin::yield();
    greenlet.kill();
    EXPECT_TRUE(greenlet.killed());
    std::coroutine_handle<> late;
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { verdin::await(Manual{&late, std::make_shared<int>(2)}); }));
    EXPECT_EQ(value.use_count(), 2);
    waiting.resume();
    EXPECT_EQ(value.use_count(), 1);
    late.resume();  // what nobody waits for any more ends, too
  });
}

TEST(StopToken, a_requested_stop_kills_the_greenlet) {
  verdin::run([] {
    std::stop_source source;
    Event never;
    auto greenlet = verdin::spawn(
        source.get_token(), [&](int) { never.wait(); }, 1);
    verdin::yield();
    EXPECT_FALSE(greenlet.ready());
    source.request_stop();
    greenlet.join();
    EXPECT_TRUE(greenlet.killed());
    bool ran = false;
    auto late = verdin::spawn(source.get_token(), [&] { ran = true; });
    EXPECT_TRUE(late.killed());
    verdin::yield();
    EXPECT_FALSE(ran);
  });
}

TEST(StopToken, may_be_stopped_by_another_thread) {
  verdin::run([] {
    std::stop_source source;
    Event never;
    auto one = verdin::spawn([&] { never.wait(); });
    auto two = verdin::spawn([&] { never.wait(); });
    verdin::kill_on(source.get_token(), one);
    verdin::kill_on(source.get_token(), two);
    Hub::current().expect_external(1);
    std::thread thread([&] { source.request_stop(); });
    one.join();
    two.join();
    Hub::current().expect_external(-1);
    thread.join();
    EXPECT_TRUE(one.killed() && two.killed());
  });
}

TEST(StopToken, one_that_is_stopped_later_does_nothing) {
  std::stop_source source;
  verdin::run([&] {
    auto greenlet = verdin::spawn(source.get_token(), [] { return 1; });
    EXPECT_EQ(greenlet.get(), 1);
    verdin::kill_on(source.get_token(), greenlet);
    verdin::kill_on(std::stop_token(), greenlet);
    source.request_stop();
    verdin::yield();
    EXPECT_TRUE(greenlet.successful());
  });
}

TEST(StopScope, asks_to_stop_when_its_block_is_left) {
  verdin::run([] {
    std::stop_token token;
    Event never;
    auto greenlet = verdin::spawn([&] {
      const verdin::StopScope scope;
      token = scope.token();
      never.wait();
    });
    verdin::yield();
    EXPECT_FALSE(token.stop_requested());
    greenlet.kill();
    EXPECT_TRUE(token.stop_requested());
  });
}

}  // namespace

#endif
