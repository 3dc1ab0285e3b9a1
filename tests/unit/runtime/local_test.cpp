#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/base/log.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::ContextVar;
using verdin::Local;

namespace {

/// Counts the objects that are alive.
struct Counted {
  explicit Counted(int* count) : alive(count) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int* alive;
};

TEST(Local, each_greenlet_has_a_value_of_its_own) {
  verdin::run([] {
    Local<int> number;
    *number = 1;
    auto child = verdin::spawn([&] {
      EXPECT_EQ(*number, 0);  // the parent's value is not seen
      *number = 2;
      verdin::yield();
      return *number;
    });
    verdin::yield();
    EXPECT_EQ(*number, 1);
    EXPECT_EQ(child.get(), 2);
    EXPECT_EQ(*number, 1);
  });
}

TEST(Local, the_value_is_made_once_a_greenlet_and_only_when_asked_for) {
  verdin::run([] {
    int made = 0;
    Local<std::string> name{[&] { return std::to_string(++made); }};
    EXPECT_EQ(name.find(), nullptr);
    EXPECT_EQ(made, 0);
    EXPECT_EQ(*name, "1");
    EXPECT_EQ(name->size(), 1u);
    EXPECT_EQ(verdin::spawn([&] { return *name + *name; }).get(), "22");
    name.reset();
    EXPECT_EQ(name.find(), nullptr);
    EXPECT_EQ(*name, "3");
    name.set("mine");
    EXPECT_EQ(*name, "mine");
  });
}

TEST(Local, the_value_dies_with_the_greenlet) {
  verdin::run([] {
    int alive = 0;
    Local<Counted> local{[&] { return Counted(&alive); }};
    verdin::Event never;
    auto ends = verdin::spawn([&] {
      local.get();
      EXPECT_EQ(alive, 1);
    });
    ends.join();
    EXPECT_EQ(alive, 0);
    auto killed = verdin::spawn([&] {
      local.get();
      never.wait();
    });
    verdin::yield();
    EXPECT_EQ(alive, 1);
    killed.kill();
    EXPECT_EQ(alive, 0);
    auto fails = verdin::spawn([&] {
      local.get();
      throw std::runtime_error("x");
    });
    EXPECT_THROW(fails.get(), std::runtime_error);
    EXPECT_EQ(alive, 0);
  });
}

TEST(Local, the_values_die_with_the_local) {
  verdin::run([] {
    int alive = 0;
    verdin::Event end;
    std::optional<Local<Counted>> local;
    local.emplace([&] { return Counted(&alive); });
    auto other = verdin::spawn([&] {
      local->get();
      end.wait();
    });
    local->get();
    verdin::yield();
    EXPECT_EQ(alive, 2);
    local.reset();
    EXPECT_EQ(alive, 0);
    // The slot is used again; nothing of the dead one is seen.
    Local<int> next;
    EXPECT_EQ(next.find(), nullptr);
    end.set();
    other.join();
  });
}

TEST(Local, the_destructor_may_block_and_no_kill_interrupts_it) {
  verdin::run([] {
    struct Slow {
      verdin::Event* go = nullptr;
      bool* finished = nullptr;
      ~Slow() {
        if (!go) return;
        go->wait();
        *finished = true;
      }
    };
    verdin::Event go;
    bool finished = false;
    Local<Slow> slow;
    auto greenlet = verdin::spawn([&] {
      slow->go = &go;
      slow->finished = &finished;
    });
    verdin::yield();
    EXPECT_FALSE(greenlet.ready());
    greenlet.kill_async();
    verdin::yield();
    verdin::yield();
    EXPECT_FALSE(greenlet.ready());
    go.set();
    greenlet.join();
    EXPECT_TRUE(finished);
  });
}

TEST(Local, the_destructor_of_the_main_greenlets_waits_until_something_can_happen) {
  struct Waits {
    verdin::Event* event = nullptr;
    ~Waits() {
      if (event) event->wait();
    }
  };
  verdin::Event event;
  Local<Waits> last;
  std::thread helper;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view) {
    if (helper.joinable()) return;
    helper = std::thread([&, hub = verdin::Hub::current().ref()] { hub.post([&] { event.set(); }); });
  });
  verdin::run([&] { last->event = &event; });
  verdin::set_log_sink(nullptr);
  EXPECT_TRUE(event.is_set());
  helper.join();
}

TEST(Local, a_destructor_may_use_locals) {
  verdin::run([] {
    Local<int> other;
    struct User {
      Local<int>* other = nullptr;
      ~User() {
        if (other) ++other->get();
      }
    };
    Local<User> user;
    verdin::spawn([&] { user->other = &other; }).join();
  });
}

TEST(Local, values_go_in_the_reverse_order_of_their_making) {
  verdin::run([] {
    struct Logging {
      explicit Logging(const Local<std::string>* older, std::string* log) : name(older), seen(log) {}
      Logging(Logging&& other) noexcept : name(std::exchange(other.name, nullptr)), seen(other.seen) {}
      ~Logging() {
        if (name) *seen += name->find() ? **name : "nothing";
      }
      const Local<std::string>* name;
      std::string* seen;
    };
    Local<Logging> before{[] { return Logging(nullptr, nullptr); }};  // its slot is the first
    Local<std::string> name;
    std::string seen;
    verdin::spawn([&] {
      *name = "first";
      before.set(Logging(&name, &seen));
      name.set("again");  // made last now, and so gone first
    }).join();
    EXPECT_EQ(seen, "nothing");
    seen.clear();
    verdin::spawn([&] {
      *name = "first";
      name.reset();
      *name = "second";
      before.set(Logging(&name, &seen));
    }).join();
    EXPECT_EQ(seen, "second");
  });
}

TEST(Local, what_a_greenlet_returns_that_nobody_asks_for_goes_before_its_values) {
  verdin::run([] {
    struct Result {
      Result(const Local<int>& of, int& to) : local(&of), seen(&to) {}
      Result(Result&& other) noexcept : local(std::exchange(other.local, nullptr)), seen(other.seen) {}
      ~Result() {
        if (local) *seen = **local;
      }
      const Local<int>* local;
      int* seen;
    };
    Local<int> number;
    int seen = 0;
    verdin::spawn([&] {
      *number = 5;
      return Result(number, seen);
    });
    verdin::yield();
    EXPECT_EQ(seen, 5);
  });
}

struct Ping;
struct Pong;
struct Ping {
  const Local<Pong>* other = nullptr;
  const Local<Ping>* mine = nullptr;
  ~Ping();
};
struct Pong {
  const Local<Ping>* other = nullptr;
  const Local<Pong>* mine = nullptr;
  ~Pong();
};
Ping::~Ping() {
  if (!other) return;
  (*other)->other = mine;
  (*other)->mine = other;
}
Pong::~Pong() {
  if (!other) return;
  (*other)->other = mine;
  (*other)->mine = other;
}

TEST(Local, two_that_make_one_another_as_they_go_are_given_up) {
  int logged = 0;
  verdin::set_log_sink([&](verdin::LogLevel, std::string_view) {
    if (verdin::Hub::current_or_null()) ++logged;  // not what another thread says of a machine that is slow
  });
  verdin::run([] {
    Local<Ping> ping;
    Local<Pong> pong;
    verdin::spawn([&] {
      ping->other = &pong;
      ping->mine = &ping;
    }).join();
  });
  verdin::set_log_sink(nullptr);
  EXPECT_EQ(logged, 1);
}

TEST(Local, has_one_value_for_the_thread_outside_greenlets) {
  Local<int> number;
  *number = 7;
  verdin::run([&] {
    verdin::Event done;
    int seen = 0;
    verdin::Hub::current().post([&] {
      seen = *number;
      *number = 8;
      done.set();
    });
    done.wait();
    EXPECT_EQ(seen, 7);
    EXPECT_EQ(*number, 0);
  });
  EXPECT_EQ(*number, 8);
  std::thread([&] {
    EXPECT_EQ(*number, 0);
    *number = 9;
  }).join();
  EXPECT_EQ(*number, 8);
}

TEST(Local, a_warm_worker_hands_none_to_its_next_task) {
  verdin::run([] {
    Local<int> number;
    verdin::Hub& hub = verdin::Hub::current();
    std::vector<int> seen;
    for (int i = 0; i < 3; ++i) {
      hub.start_now([&] { seen.push_back(++*number); });
      verdin::yield();
    }
    EXPECT_EQ(seen, (std::vector<int>{1, 1, 1}));
  });
}

TEST(Local, a_global_one_serves_several_hubs) {
  static const Local<int> number;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([i] {
      verdin::run([i] {
        *number = i;
        auto child = verdin::spawn([] { return ++*number; });
        EXPECT_EQ(child.get(), 1);
        EXPECT_EQ(*number, i);
      });
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(ContextVar, starts_empty_unless_inherited) {
  verdin::run([] {
    const ContextVar<std::string> request{"none"};
    EXPECT_FALSE(request.is_set());
    request.set("42");
    EXPECT_EQ(*request, "42");
    EXPECT_EQ(verdin::spawn([&] { return *request; }).get(), "none");
    EXPECT_EQ(verdin::spawn(
                  verdin::inherit_context, [&](int) { return request.get(); }, 1)
                  .get(),
              "42");
    request.reset();
    EXPECT_EQ(*request, "none");
  });
}

TEST(ContextVar, what_either_side_sets_afterwards_the_other_does_not_see) {
  verdin::run([] {
    const ContextVar<int> a{0};
    const ContextVar<int> b{0};
    a.set(1);
    b.set(1);
    auto child = verdin::spawn(verdin::inherit_context, [&] {
      EXPECT_EQ(*a, 1);  // as it was when it was spawned
      a.set(10);
      verdin::yield();
      b.reset();
      return *a + *b;
    });
    a.set(2);
    verdin::yield();
    EXPECT_EQ(*a, 2);
    EXPECT_EQ(child.get(), 10);
    EXPECT_EQ(*b, 1);
  });
}

TEST(ContextVar, a_scope_puts_the_value_back) {
  verdin::run([] {
    const ContextVar<int> level{0};
    {
      const verdin::ContextScope outer(level, 1);
      EXPECT_EQ(*level, 1);
      {
        const verdin::ContextScope inner(level, 2);
        EXPECT_EQ(*level, 2);
      }
      EXPECT_EQ(*level, 1);
    }
    EXPECT_FALSE(level.is_set());
  });
}

TEST(ContextVar, a_greenlet_that_never_runs_frees_what_it_inherited) {
  verdin::run([] {
    const ContextVar<std::shared_ptr<int>> shared;
    const auto value = std::make_shared<int>(1);
    shared.set(value);
    auto child = verdin::spawn(verdin::inherit_context, [] {});
    child.kill();
    shared.reset();
    child = {};
    EXPECT_EQ(value.use_count(), 1);
  });
}

}  // namespace
