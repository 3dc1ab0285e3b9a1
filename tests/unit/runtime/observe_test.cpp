#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/observe.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/run_info.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;
using verdin::GreenletSwitch;

namespace {

using Log = std::vector<std::string>;

std::string name_of(GreenletSwitch::Kind kind) {
  switch (kind) {
    case GreenletSwitch::Kind::entered:
      return "entered";
    case GreenletSwitch::Kind::thrown:
      return "thrown";
    case GreenletSwitch::Kind::left:
      return "left";
    case GreenletSwitch::Kind::ended:
      return "ended";
  }
  return "?";
}

verdin::GreenletTracer into(Log& log) {
  return [&log](const GreenletSwitch& event) {
    if (event.greenlet.name() != "main")
      log.push_back(std::string(event.greenlet.name()) + " " + name_of(event.kind));
  };
}

verdin::Greenlet<> named(const char* name, void (*function)()) {
  auto greenlet = verdin::spawn(function);
  greenlet.set_name(name);
  return greenlet;
}

TEST(GreenletTrace, tells_of_every_switch_in_order) {
  Log log;
  verdin::run([&] {
    EXPECT_FALSE(verdin::trace_greenlets(into(log)));
    auto a = named("a", [] { verdin::yield(); });
    auto b = named("b", [] { verdin::yield(); });
    auto c = named("c", [] { verdin::sleep(1h); });
    a.join();
    b.join();
    c.kill();
    EXPECT_TRUE(verdin::trace_greenlets(nullptr));
    named("unseen", [] {}).join();
  });
  EXPECT_EQ(log, (Log{"a entered", "a left", "b entered", "b left", "c entered", "c left", "a entered",
                      "a ended", "b entered", "b ended", "c thrown", "c ended"}));
}

TEST(GreenletTrace, does_not_change_the_order) {
  const auto play = [](bool traced) {
    Log log;
    verdin::run([&] {
      Log seen;
      if (traced) verdin::trace_greenlets(into(seen));
      verdin::Event event;
      std::vector<verdin::Greenlet<>> all;
      for (int i = 0; i < 3; ++i) {
        all.push_back(verdin::spawn([&, i] {
          log.push_back("start " + std::to_string(i));
          event.wait();
          log.push_back("told " + std::to_string(i));
          if (i == 0) all[2].kill();
          verdin::yield();
          log.push_back("end " + std::to_string(i));
        }));
        all.back().on_done([&log, i] { log.push_back("done " + std::to_string(i)); });
      }
      verdin::yield();
      event.set();
      for (auto& greenlet : all) greenlet.join();
      if (traced) {
        EXPECT_FALSE(seen.empty());
      }
      verdin::trace_greenlets(nullptr);
    });
    return log;
  };
  EXPECT_EQ(play(true), play(false));
}

TEST(GreenletTrace, one_that_throws_is_reported_and_removed) {
  std::vector<std::string> errors;
  verdin::run([&] {
    verdin::Hub::current().on_error(
        [&](std::string_view where, const std::exception_ptr&) { errors.emplace_back(where); });
    verdin::trace_greenlets([](const GreenletSwitch&) { throw std::runtime_error("tracer"); });
    named("a", [] { verdin::yield(); }).join();
    EXPECT_FALSE(verdin::trace_greenlets(nullptr));
  });
  EXPECT_EQ(errors, std::vector<std::string>{"tracer of greenlets"});
}

TEST(GreenletTrace, may_take_itself_away) {
  int told = 0;
  verdin::run([&] {
    verdin::trace_greenlets([&](const GreenletSwitch&) {
      ++told;
      verdin::trace_greenlets(nullptr);
    });
    named("a", [] { verdin::yield(); }).join();
    EXPECT_FALSE(verdin::trace_greenlets(nullptr));
  });
  EXPECT_EQ(told, 1);
}

TEST(HoldTimes, count_how_long_greenlets_hold_the_hub) {
  verdin::run({.measure_holds = true}, [] {
    auto slow = named("slow", [] { std::this_thread::sleep_for(20ms); });
    for (int i = 0; i < 50; ++i) verdin::yield();
    slow.join();
    const auto holds = verdin::hold_times();
    ASSERT_TRUE(holds);
    EXPECT_GE(holds->count, 51U);
    EXPECT_GE(holds->longest, 20ms);
    EXPECT_GE(holds->at_most(1), 20ms);
    EXPECT_LE(holds->at_most(0.5), holds->at_most(0.99));
    const std::string text = verdin::format_run_info(verdin::run_info());
    EXPECT_NE(text.find("  held " + std::to_string(holds->count) + " times"), std::string::npos) << text;
  });
}

TEST(HoldTimes, are_not_measured_unless_asked_for) {
  verdin::run([] { EXPECT_FALSE(verdin::hold_times()); });
}

TEST(HoldTimes, are_kept_by_powers_of_two) {
  verdin::HoldTimes holds;
  for (int i = 0; i < 98; ++i) holds.add(100ns, "quick");
  holds.add(5us, "middling");
  holds.add(3ms, "slow");
  EXPECT_EQ(holds.count, 100U);
  EXPECT_EQ(holds.counts[7], 98U);
  EXPECT_EQ(holds.at_most(0.5), 128ns);
  EXPECT_EQ(holds.at_most(0.99), 8192ns);
  EXPECT_EQ(holds.at_most(1), 3ms);
  EXPECT_EQ(holds.longest_by, "slow");
}

TEST(MinimalIdent, is_the_smallest_that_is_free) {
  verdin::run([] {
    auto a = named("a", [] { verdin::sleep(1h); });
    auto b = named("b", [] { verdin::sleep(1h); });
    auto never_asked = named("never asked", [] { verdin::sleep(1h); });
    const unsigned first = a.minimal_ident();
    EXPECT_EQ(b.minimal_ident(), first + 1);
    EXPECT_EQ(a.minimal_ident(), first) << "it stays the same";
    a.kill();
    auto c = named("c", [] { verdin::sleep(1h); });
    EXPECT_EQ(c.minimal_ident(), first);
    EXPECT_EQ(verdin::AnyGreenlet(b).minimal_ident(), first + 1);
    never_asked.kill();
    EXPECT_EQ(never_asked.minimal_ident(), 0U);
    EXPECT_EQ(verdin::make_greenlet([] {}).minimal_ident(), 0U);
    b.kill();
    c.kill();
  });
}

}  // namespace
