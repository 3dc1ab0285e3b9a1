#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub_ref.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::Hub;
using verdin::HubRef;

namespace {

TEST(HubRef, posts_to_the_hub_in_order) {
  verdin::run([] {
    const HubRef here = Hub::current().ref();
    EXPECT_TRUE(here.is_current());
    EXPECT_FALSE(here.ended());
    std::vector<int> order;
    verdin::Event done;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(here.post([&, i] { order.push_back(i); }));
    here.post([&] {
      EXPECT_TRUE(Hub::current().in_hub());
      here.post([&] { done.set(); });  // what a task posts is run as well
    });
    done.wait();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  });
}

TEST(HubRef, outlives_the_hub_and_says_so) {
  HubRef ref;
  EXPECT_TRUE(ref.ended());
  EXPECT_FALSE(ref.post([] {}));
  verdin::run([&] {
    ref = Hub::current().ref();
    EXPECT_TRUE(ref == Hub::current().ref());
  });
  EXPECT_TRUE(ref.ended());
  EXPECT_FALSE(ref.is_current());
  const auto owned = std::make_shared<int>(1);
  EXPECT_FALSE(ref.post([owned] {}));
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(HubRef, what_was_accepted_is_run_even_by_a_hub_that_ends) {
  constexpr int kThreads = 3;
  constexpr int kAhead = 1000;  // or a hub that gets no processor for a while would fill the memory
  std::atomic<int> ran = 0;
  std::atomic<int> accepted = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  verdin::run([&] {
    const HubRef here = Hub::current().ref();
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, here] {
        for (;;) {
          while (accepted - ran > kAhead) std::this_thread::yield();
          if (!here.post([&] { ++ran; })) break;
          ++accepted;
        }
        ++refused;
      });
    }
    while (ran < 100) verdin::sleep(1ms);
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, kThreads);
  EXPECT_EQ(ran, accepted);
}

TEST(HubRef, wakes_a_hub_that_sleeps) {
  verdin::run([] {
    Hub& hub = Hub::current();
    verdin::Event done;
    hub.expect_external(1);
    std::thread thread([&, here = hub.ref()] { here.post([&] { done.set(); }); });
    done.wait();
    hub.expect_external(-1);
    thread.join();
  });
}

TEST(HubRef, an_exception_of_a_posted_task_is_reported_and_the_rest_runs) {
  verdin::run([] {
    Hub& hub = Hub::current();
    int errors = 0;
    hub.on_error([&](std::string_view, const std::exception_ptr&) { ++errors; });
    verdin::Event done;
    hub.post([] { throw std::runtime_error("x"); });
    hub.post([&] { done.set(); });
    done.wait();
    EXPECT_EQ(errors, 1);
  });
}

}  // namespace
