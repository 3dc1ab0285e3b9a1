// The fault schedule: plays a scenario again and again, and throws something into one of its greenlets at
// each possible moment.
//
// A scenario has roles: greenlets whose work can be taken up where it was left. For each role, each kind of
// fault and each number k, the scenario is played with that fault thrown at the k-th moment, where a moment
// lies between any two things that the hub does: before a wake-up, between it and the moment when the
// greenlet runs, after it. Whoever was hit is replaced by another that does the rest of its work. Then
// everybody must come to an end (nobody is stuck), the scenario's own checks must hold (nothing is lost or
// there twice), and neither a greenlet nor a stack may be left. Time is virtual: link support/virtual_time.c.
// See ticker.hpp for how the moments are found. A scenario that waits for threads or processes has an
// Outside.
#pragma once

#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/run_info.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/ticker.hpp"

extern "C" int virtual_time_patience;

namespace verdin::test {

/// While one is alive, the hub really waits for events, and time passes as they take.
struct Outside {
  Outside() { virtual_time_patience = 60'000; }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  ~Outside() { virtual_time_patience = 0; }
};

enum class Fault { kill, exception, timeout, two_kills, own_limit };

inline const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::kill:
      return "a kill";
    case Fault::exception:
      return "an exception";
    case Fault::timeout:
      return "an outer timeout";
    case Fault::two_kills:
      return "two kills";
    case Fault::own_limit:
      return "an outer timeout of its own accord";
  }
  return "?";
}

class Trial {
 public:
  struct Plan {
    std::size_t victim = 0;
    Fault fault = Fault::kill;
    int moment = 0;
  };

  explicit Trial(const Plan& plan) : plan_(plan) {}

  /// `work` is called again, on another greenlet, when a fault has ended it.
  void role(std::function<void()> work) { roles_.push_back(Role{std::move(work), {}, nullptr}); }
  std::size_t roles() const { return roles_.size(); }

  /// Plays all roles to their end.
  void run() {
    const Ticker ticker([this] { tick(); });
    // Who waits for another thread is not found by LoopExit.
    loop::DeadlineTimer watchdog(Hub::current().loop(), &Trial::on_stuck, this);
    watchdog.set_ref(false);
    watchdog.start(loop::Clock::now() + std::chrono::hours(100));
    for (std::size_t i = 0; i < roles_.size(); ++i) {
      roles_[i].greenlet = spawn([this, i] { i == plan_.victim ? play_victim() : play(roles_[i].work); });
      // The names are what a report of those who wait for ever shows.
      roles_[i].greenlet.set_name("role " + std::to_string(i));
    }
    try {
      join_all_roles();
    } catch (const LoopExit& e) {
      ADD_FAILURE() << e.what();
      kill_everybody();
    }
  }

  /// Was there such a moment before the end?
  bool happened() const { return happened_; }

 private:
  struct Injected {};

  struct Role {
    std::function<void()> work;
    Greenlet<> greenlet;
    const Timeout* scope;
  };

  static void on_stuck(void* self) {
    ADD_FAILURE() << "somebody is stuck:\n" << format_run_info(run_info());
    static_cast<Trial*>(self)->kill_everybody();
  }

  void kill_everybody() {
    if (replacement_) replacement_->kill_async();
    for (Role& role : roles_) role.greenlet.kill_async();
  }

  void join_all_roles() {
    if (plan_.victim < roles_.size()) roles_[plan_.victim].greenlet.join();
    if (hit_) {
      replacement_ = spawn([this] { play(roles_[plan_.victim].work); });
      replacement_->set_name("the victim's replacement");
      replacement_->join();
    }
    for (Role& role : roles_) role.greenlet.join();
  }

  void play(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& e) {
      ADD_FAILURE() << "a role has failed: " << e.what();
    }
  }

  void play_victim() {
    using namespace std::chrono_literals;
    const bool by_itself = plan_.fault == Fault::own_limit;
    if (by_itself) happened_ = true;
    Timeout scope(by_itself ? loop::Clock::duration(plan_.moment * 250us) : 1000h);
    scope_ = &scope;
    try {
      play(roles_[plan_.victim].work);
    } catch (const GreenletExit&) {
      EXPECT_TRUE(plan_.fault == Fault::kill || plan_.fault == Fault::two_kills);
      hit_ = true;
    } catch (const Injected&) {
      EXPECT_EQ(plan_.fault, Fault::exception);
      hit_ = true;
    } catch (const TimeoutExpired& expired) {
      EXPECT_TRUE(scope.is(expired));
      hit_ = true;
    }
    scope_ = nullptr;
    if (by_itself && !hit_) happened_ = false;
    if (hit_ && plan_.fault == Fault::two_kills) expect_another_kill();
  }

  void expect_another_kill() {
    try {
      for (int i = 0; i < 3; ++i) yield();
      ADD_FAILURE() << "the second kill is lost";
    } catch (const GreenletExit&) {  // as it should be
    }
  }

  void tick() {
    if (plan_.fault == Fault::own_limit || ++moments_ != plan_.moment) return;
    Greenlet<>& greenlet = roles_.at(plan_.victim).greenlet;
    if (!greenlet.valid() || greenlet.ready()) return;
    happened_ = true;
    if (greenlet.base().state() == impl::GreenletBase::State::pending) hit_ = true;  // it never starts
    switch (plan_.fault) {
      case Fault::two_kills:
        greenlet.kill_async();
        [[fallthrough]];
      case Fault::kill:
        return greenlet.kill_async();
      case Fault::exception:
        return greenlet.kill_async(std::make_exception_ptr(Injected{}));
      case Fault::timeout:
        return greenlet.kill_async(std::make_exception_ptr(TimeoutExpired(scope_)));
      case Fault::own_limit:
        return;
    }
  }

  Plan plan_;
  std::deque<Role> roles_;
  std::optional<Greenlet<>> replacement_;
  const Timeout* scope_ = nullptr;
  int moments_ = 0;
  bool happened_ = false;
  bool hit_ = false;
};

struct Scenario {
  const char* name;
  std::function<void(Trial&)> play;
};

inline std::string name_of_scenario(const testing::TestParamInfo<Scenario>& info) { return info.param.name; }

inline void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

/// One playing; false if the scenario was over before the moment came.
inline bool play_once(const Scenario& scenario, const Trial::Plan& plan, std::size_t* roles = nullptr) {
  bool happened = false;
  HubOptions options;
  options.loop_backend = "libev:epoll";  // where time is virtual
  options.warm_workers = 0;              // they would be greenlets that are left
  verdin::run(options, [&] {
    {
      Trial trial(plan);
      try {
        scenario.play(trial);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
      happened = trial.happened();
      if (roles) *roles = trial.roles();
    }
    EXPECT_EQ(Hub::current().greenlet_count(), 1U) << "greenlets are left";
    EXPECT_EQ(Hub::current().stacks_in_use(), 1U) << "stacks are left";
  });
  return happened;
}

// ThreadSanitizer looks for races, which no single moment decides: some will do, and cost a third.
#if defined(__SANITIZE_THREAD__)
inline constexpr int kMomentStep = 3;
#else
inline constexpr int kMomentStep = 1;
#endif
/// So many at least, or the schedule finds no moments.
inline constexpr int kFewestPlayings = 50 / kMomentStep;

/// How many playings it took.
inline int play_all(const Scenario& scenario) {
  constexpr int kMostMoments = 2000;
  constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
  std::size_t roles = 0;
  play_once(scenario, {kNobody, Fault::kill, 0}, &roles);
  int played = 1;
  for (std::size_t victim = 0; victim < roles && !testing::Test::HasFailure(); ++victim) {
    for (const Fault fault :
         {Fault::kill, Fault::exception, Fault::timeout, Fault::two_kills, Fault::own_limit}) {
      for (int moment = 1;; moment += kMomentStep) {
        ++played;
        SCOPED_TRACE(std::string(scenario.name) + ": " + name_of(fault) + " in role " +
                     std::to_string(victim) + " at moment " + std::to_string(moment));
        const bool happened = play_once(scenario, {victim, fault, moment});
        if (testing::Test::HasFailure()) return played;
        if (!happened) break;
        if (moment >= kMostMoments) {
          ADD_FAILURE() << "the scenario does not end";
          return played;
        }
      }
    }
  }
  return played;
}

}  // namespace verdin::test
