#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

#include "support/switches.hpp"

using namespace std::chrono_literals;
using verdin::Future;
using verdin::Promise;
using verdin::test::switches_of;

namespace {

TEST(Future, wakes_all_readers_in_order_with_the_one_value) {
  verdin::run([] {
    Promise<std::string> promise;
    const Future<std::string> future = promise.future();
    std::vector<int> order;
    std::vector<verdin::Greenlet<const std::string*>> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(verdin::spawn([&, i, future]() -> const std::string* {
        const std::string& value = future.get();
        order.push_back(i);
        return &value;
      }));
    }
    verdin::yield();
    EXPECT_FALSE(future.ready());
    EXPECT_EQ(future.try_get(), nullptr);
    EXPECT_EQ(future.get_for(1ms), nullptr);
    EXPECT_FALSE(future.wait_for(1ms));
    EXPECT_EQ(switches_of([&] { promise.set_value(3, 'x'); }), 0U);
    for (auto& greenlet : all) EXPECT_EQ(greenlet.get(), &future.get());
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(switches_of([&] {
                EXPECT_EQ(future.get(), "xxx");
                EXPECT_EQ(*future.get_for(1h), "xxx");
                EXPECT_EQ(*future.try_get(), "xxx");
                future.wait();
              }),
              0U);
    EXPECT_TRUE(future.successful());
  });
}

TEST(Future, rethrows_the_same_exception_to_everybody_but_not_from_wait) {
  verdin::run([] {
    Promise<int> promise;
    const Future<int> future = promise.future();
    promise.set_exception(std::make_exception_ptr(std::runtime_error("x")));
    const std::runtime_error* seen = nullptr;
    for (int i = 0; i < 2; ++i) {
      try {
        future.get();
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_TRUE(!seen || seen == &error);
        seen = &error;
      }
    }
    future.wait();
    EXPECT_TRUE(future.wait_for(1h));
    EXPECT_THROW(future.try_get(), std::runtime_error);
    EXPECT_THROW(future.get_for(1ms), std::runtime_error);
    EXPECT_TRUE(future.ready());
    EXPECT_FALSE(future.successful());
    EXPECT_TRUE(future.exception());
  });
}

TEST(Future, is_set_once) {
  verdin::run([] {
    Promise<int> promise;
    promise.set_value(1);
    EXPECT_THROW(promise.set_value(2), verdin::PromiseAlreadySet);
    EXPECT_THROW(promise.set_exception(std::make_exception_ptr(1)), verdin::PromiseAlreadySet);
    EXPECT_FALSE(promise.try_set_value(3));
    EXPECT_EQ(promise.future().get(), 1);
  });
}

TEST(Future, learns_that_its_promise_was_broken) {
  verdin::run([] {
    Future<> future;
    EXPECT_FALSE(future.valid());
    verdin::Greenlet<> reader;
    {
      Promise<> promise;
      future = promise.future();
      reader = verdin::spawn([future] { future.get(); });
      verdin::yield();
    }
    EXPECT_THROW(reader.get(), verdin::BrokenPromise);
    EXPECT_THROW(future.get(), verdin::BrokenPromise);
    Promise<> first;
    Future<> of_first = first.future();
    first = Promise<>();
    EXPECT_THROW(of_first.get(), verdin::BrokenPromise);
  });
}

TEST(Future, of_nothing_of_references_and_of_what_only_moves) {
  verdin::run([] {
    Promise<> nothing;
    EXPECT_FALSE(nothing.future().try_get());
    EXPECT_FALSE(nothing.future().get_for(1ms));
    nothing.set_value();
    nothing.future().get();
    EXPECT_TRUE(nothing.future().get_for(1ms));

    int target = 1;
    Promise<int&> reference;
    reference.set_value(target);
    reference.future().get() = 5;
    EXPECT_EQ(target, 5);
    EXPECT_EQ(reference.future().try_get(), &target);

    Promise<std::unique_ptr<int>> moving;
    const auto future = moving.future();
    moving.set_value(std::make_unique<int>(7));
    EXPECT_EQ(*future.get(), 7);
    const std::unique_ptr<int> mine = std::move(future.get());
    EXPECT_EQ(*mine, 7);
  });
}

TEST(Future, keeps_what_a_greenlet_ended_with) {
  verdin::run([] {
    auto fine = verdin::spawn([] { return 4; });
    auto failed = verdin::spawn([]() -> int { throw std::runtime_error("x"); });
    auto killed = verdin::spawn([] {
      verdin::sleep(1h);
      return 1;
    });
    auto moving = verdin::spawn([] { return std::make_unique<int>(6); });
    verdin::join_all(fine, failed, moving);
    killed.kill();
    Promise<int> value;
    value(fine);
    EXPECT_EQ(value.future().get(), 4);
    Promise<int> error;
    error(failed);
    EXPECT_THROW(error.future().get(), std::runtime_error);
    Promise<int> exit;
    exit.set_from(killed);
    EXPECT_THROW(exit.future().get(), verdin::GreenletKilled);
    Promise<std::unique_ptr<int>> moved;
    moved.set_from(moving);
    EXPECT_EQ(*moved.future().get(), 6);
  });
}

TEST(Future, a_reader_that_is_killed_or_times_out_leaves_nothing_behind) {
  verdin::run([] {
    Promise<int> promise;
    auto future = promise.future();
    auto first = verdin::spawn([&] { return future.get(); });
    auto second = verdin::spawn([&] { return future.get(); });
    verdin::yield();
    first.kill();
    EXPECT_EQ(verdin::with_timeout(1ms, [&] { return future.get(); }), std::nullopt);
    promise.set_value(2);
    EXPECT_EQ(second.get(), 2);
  });
}

TEST(Future, outlives_a_handle_that_is_dropped_while_it_waits) {
  verdin::run([] {
    auto promise = std::make_unique<Promise<int>>();
    auto future = std::make_unique<Future<int>>(promise->future());
    auto reader = verdin::spawn([&] { future->wait(); });
    verdin::yield();
    future.reset();
    promise.reset();
    reader.get();
  });
}

TEST(Future, from_the_hub_only_what_does_not_block) {
  verdin::run([] {
    Promise<int> promise;
    verdin::Event done;
    verdin::Hub::current().post([&] {
      EXPECT_THROW(promise.future().get(), verdin::BlockingSwitchOutError);
      promise.set_value(1);
      EXPECT_EQ(promise.future().get(), 1);
      done.set();
    });
    done.wait();
  });
}

}  // namespace
