// What hangs on a greenlet's end.
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/verdin.hpp>

using namespace std::chrono_literals;
using verdin::Greenlet;
using verdin::When;

namespace {

using Log = std::vector<std::string>;

TEST(Links, run_in_the_order_in_which_links_and_joiners_came) {
  verdin::run([] {
    Log log;
    verdin::Event go;
    auto worker = verdin::spawn([&] { go.wait(); });
    worker.on_done([&] { log.push_back("a"); });
    auto joiner = verdin::spawn([&] {
      worker.join();
      log.push_back("b");
    });
    verdin::yield();
    worker.on_done_spawn([&] { log.push_back("c"); });
    worker.on_done([&] { log.push_back("d"); });
    go.set();
    verdin::join_all(worker, joiner);
    verdin::yield();
    EXPECT_EQ(log, (Log{"a", "b", "c", "d"}));
  });
}

TEST(Links, run_before_what_was_queued_after_the_end) {
  verdin::run([] {
    Log log;
    auto worker = verdin::spawn([] {});
    worker.on_done([&] { log.push_back("link"); });
    verdin::spawn([&] {
      log.push_back("queued before the end");
      verdin::spawn([&] { log.push_back("queued after it"); });
    });
    for (int i = 0; i < 4; ++i) verdin::yield();
    EXPECT_EQ(log, (Log{"queued before the end", "link", "queued after it"}));
  });
}

TEST(Links, are_asynchronous_on_a_finished_greenlet) {
  verdin::run([] {
    auto worker = verdin::spawn([] { return 5; });
    worker.join();
    int seen = 0;
    worker.on_done([&](Greenlet<int>& greenlet) { seen = greenlet.get(); });
    EXPECT_EQ(seen, 0);
    verdin::yield();
    EXPECT_EQ(seen, 5);
  });
}

TEST(Links, fire_for_one_that_was_killed_before_its_start_and_not_at_once) {
  verdin::run([] {
    bool called = false;
    auto worker = verdin::spawn([] {});
    worker.on_done([&] { called = true; });
    worker.kill();
    EXPECT_TRUE(worker.ready());
    EXPECT_FALSE(called);
    verdin::yield();
    EXPECT_TRUE(called);
  });
}

TEST(Links, one_may_take_a_later_one_off_or_add_one_to_the_same_round) {
  verdin::run([] {
    Log log;
    auto worker = verdin::spawn([] {});
    verdin::DoneLink later;
    worker.on_done([&] {
      log.push_back("first");
      later.unlink();
      worker.on_done([&] { log.push_back("added"); });
      verdin::spawn_detached([&] { log.push_back("queued"); });
    });
    later = worker.on_done([&] { log.push_back("never"); });
    EXPECT_TRUE(later.pending());
    for (int i = 0; i < 3; ++i) verdin::yield();
    EXPECT_FALSE(later.pending());
    EXPECT_EQ(log, (Log{"first", "added", "queued"}));
  });
}

TEST(Links, must_not_block_in_the_hub_but_may_on_a_greenlet_and_errors_stay_apart) {
  Log errors;
  verdin::run([&] {
    verdin::Hub::current().on_error([&](std::string_view where, std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const verdin::BlockingSwitchOutError&) {
        errors.push_back("blocks: " + std::string(where));
      } catch (const std::exception& e) {
        errors.push_back(e.what());
      }
    });
    verdin::Event slept;
    auto worker = verdin::spawn([] {});
    worker.set_name("worker");
    worker.on_done([] { verdin::sleep(1ms); });
    worker.on_done([] { throw std::runtime_error("in the hub"); });
    worker.on_done_spawn([&] {
      verdin::sleep(1ms);
      slept.set();
      throw std::runtime_error("on a greenlet");
    });
    slept.wait();
    verdin::yield();
  });
  EXPECT_EQ(errors, (Log{"blocks: link on the end of 'worker'", "in the hub", "on a greenlet"}));
}

TEST(Links, may_ask_for_values_or_failures_only) {
  verdin::run([] {
    Log log;
    const auto link = [&](Greenlet<>& greenlet, const std::string& name) {
      greenlet.on_done([&log, name] { log.push_back(name + " value"); }, When::value);
      greenlet.on_done([&log, name] { log.push_back(name + " failure"); }, When::failure);
    };
    auto good = verdin::spawn([] {});
    auto bad = verdin::spawn([] { throw std::runtime_error("x"); });
    auto killed = verdin::spawn([] { verdin::sleep(1h); });
    link(good, "good");
    link(bad, "bad");
    link(killed, "killed");
    verdin::yield();
    killed.kill();
    verdin::yield();
    EXPECT_EQ(log, (Log{"good value", "bad failure", "killed value"}));
  });
}

TEST(Links, feed_a_queue) {
  verdin::run([] {
    verdin::Queue<Greenlet<int>> ended(8);
    std::vector<Greenlet<int>> workers;
    for (int i : {2, 0, 1}) {
      workers.push_back(verdin::spawn([i] {
        for (int n = 0; n < i; ++n) verdin::yield();
        return i;
      }));
      workers.back().on_done(ended);
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ended.get().get(), i);
  });
}

TEST(Links, settle_verdins_own_promise) {
  verdin::run([] {
    verdin::Promise<int> good;
    verdin::Promise<int> bad;
    verdin::Promise<void> nothing;
    verdin::spawn([] { return 3; }).on_done(good);
    verdin::spawn([]() -> int { throw std::runtime_error("x"); }).on_done(bad);
    verdin::spawn([] {}).on_done(nothing);
    EXPECT_EQ(good.future().get(), 3);
    EXPECT_THROW(bad.future().get(), std::runtime_error);
    nothing.future().get();
  });
}

TEST(Links, settle_a_promise) {
  struct Promise {
    int value = 0;
    std::exception_ptr error;
    void set_value(int v) { value = v; }
    void set_exception(std::exception_ptr e) { error = std::move(e); }
  };
  verdin::run([] {
    Promise good;
    Promise bad;
    verdin::spawn([] { return 3; }).on_done(good);
    verdin::spawn([]() -> int { throw std::runtime_error("x"); }).on_done(bad);
    verdin::yield();
    verdin::yield();
    EXPECT_EQ(good.value, 3);
    EXPECT_FALSE(good.error);
    EXPECT_THROW(std::rethrow_exception(bad.error), std::runtime_error);
  });
}

TEST(Links, of_a_greenlet_that_never_starts_go_with_it) {
  verdin::run([] {
    auto token = std::make_shared<int>(1);
    {
      auto greenlet = verdin::make_greenlet([] {});
      greenlet.on_done([token] {});
      EXPECT_EQ(token.use_count(), 2);
    }
    EXPECT_EQ(token.use_count(), 1);
  });
}

}  // namespace
