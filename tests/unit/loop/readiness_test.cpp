#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>

#include "unit/loop/backends.hpp"

using namespace verdin::loop;

namespace {

class ReadinessTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (fell_back(*loop, GetParam())) GTEST_SKIP() << "there is no " << GetParam() << " here";
  }
  ReadinessTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~ReadinessTest() override {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void write() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void read() {
    char octet = 0;
    EXPECT_EQ(::read(ends[0], &octet, 1), 1);
  }
  void turns(int how_many) {
    for (int i = 0; i < how_many; ++i) loop->turn(false);
  }

  std::unique_ptr<Loop> loop = Loop::make(GetParam());
  int ends[2];
  int told = 0;
  Readiness::Callback count = [](void* number) { ++*static_cast<int*>(number); };
};

INSTANTIATE_TEST_SUITE_P(Backends, ReadinessTest, testing::ValuesIn(kBackends), name_of_backend);

TEST_P(ReadinessTest, tells_once_each_time_it_is_asked) {
  const ReadinessPtr readiness = loop->readiness(ends[0], Interest::read, count, &told);
  write();
  turns(3);
  EXPECT_EQ(told, 0);  // nobody asked
  readiness->arm();
  readiness->arm();
  EXPECT_TRUE(loop->has_work());
  while (told == 0) loop->turn(true);
  EXPECT_FALSE(readiness->armed());
  EXPECT_FALSE(loop->has_work());
  turns(3);
  EXPECT_EQ(told, 1);
  readiness->arm();  // what was ready before still is
  while (told == 1) loop->turn(true);
  read();
  readiness->arm();
  turns(3);
  EXPECT_EQ(told, 2);
  write();
  while (told == 2) loop->turn(true);
  EXPECT_EQ(told, 3);
}

TEST_P(ReadinessTest, asked_again_after_it_was_left_alone) {
  const ReadinessPtr readiness = loop->readiness(ends[0], Interest::read, count, &told);
  for (int i = 1; i < 10; ++i) {
    readiness->arm();
    readiness->disarm();
    EXPECT_FALSE(loop->has_work());
    write();
    turns(3);  // it is found ready, with nobody waiting
    readiness->arm();
    while (told < i) loop->turn(true);
    EXPECT_EQ(told, i);
    read();
  }
}

TEST_P(ReadinessTest, both_ways_of_one_descriptor_are_apart) {
  int writable = 0;
  const ReadinessPtr reading = loop->readiness(ends[0], Interest::read, count, &told);
  const ReadinessPtr writing = loop->readiness(ends[0], Interest::write, count, &writable);
  reading->arm();
  writing->arm();
  while (writable == 0) loop->turn(true);
  turns(3);
  EXPECT_EQ(told, 0);
  EXPECT_EQ(writable, 1);
  write();
  while (told == 0) loop->turn(true);
  EXPECT_EQ(writable, 1);
}

TEST_P(ReadinessTest, the_end_of_the_peer_is_readiness_of_both) {
  int writable = 0;
  const ReadinessPtr reading = loop->readiness(ends[0], Interest::read, count, &told);
  const ReadinessPtr writing = loop->readiness(ends[0], Interest::write, count, &writable);
  std::string much(1'000'000, 'x');
  while (::write(ends[0], much.data(), much.size()) > 0) {
  }
  reading->arm();
  writing->arm();
  turns(3);
  EXPECT_EQ(told + writable, 0);
  ::close(ends[1]);
  while (told == 0 || writable == 0) loop->turn(true);
  ends[1] = ::dup(ends[0]);
}

TEST_P(ReadinessTest, may_be_destroyed_with_others_in_a_callback) {
  struct Both {
    ReadinessPtr one;
    ReadinessPtr other;
    int told = 0;
  } both;
  const Readiness::Callback destroy = [](void* context) {
    auto& self = *static_cast<Both*>(context);
    ++self.told;
    self.one.reset();
    self.other.reset();
  };
  both.one = loop->readiness(ends[0], Interest::read, destroy, &both);
  both.other = loop->readiness(ends[1], Interest::write, destroy, &both);
  both.one->arm();
  both.other->arm();
  write();
  while (both.told == 0) loop->turn(true);
  turns(3);
  EXPECT_EQ(both.told, 1);
  EXPECT_FALSE(loop->has_work());
}

TEST_P(ReadinessTest, its_end_lets_the_number_be_used_anew) {
  ReadinessPtr readiness = loop->readiness(ends[0], Interest::read, count, &told);
  readiness->arm();
  turns(1);
  readiness.reset();
  ::close(ends[0]);
  char octet;
  EXPECT_EQ(::read(ends[1], &octet, 1), 0);  // the peer is told at once
  ::close(ends[1]);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  readiness = loop->readiness(ends[0], Interest::read, count, &told);
  readiness->arm();
  turns(2);
  EXPECT_EQ(told, 0);
  write();
  while (told == 0) loop->turn(true);
}

TEST_P(ReadinessTest, outlives_its_loop_and_is_silent_then) {
  const ReadinessPtr armed = loop->readiness(ends[0], Interest::read, count, &told);
  const ReadinessPtr idle = loop->readiness(ends[1], Interest::read, count, &told);
  armed->arm();
  turns(1);
  EXPECT_EQ(armed->loop(), loop.get());
  loop.reset();
  EXPECT_EQ(armed->loop(), nullptr);
  EXPECT_EQ(idle->loop(), nullptr);
  EXPECT_FALSE(armed->armed());
  armed->arm();
  armed->disarm();
  EXPECT_EQ(told, 0);
}

TEST_P(ReadinessTest, those_that_became_ready_first_are_told_first) {
  // poll(2) and select(2) do not tell what was first.
  if (GetParam() == std::string("poll") || GetParam() == std::string("select")) return;
  constexpr int kMany = 20;
  std::vector<int> order;
  struct One {
    std::vector<int>* order;
    int number;
    int ends[2];
    ReadinessPtr readiness;
  };
  std::vector<One> all(kMany);
  for (int i = 0; i < kMany; ++i) {
    One& one = all[static_cast<std::size_t>(i)];
    one.order = &order;
    one.number = i;
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, one.ends), 0);
    one.readiness = loop->readiness(
        one.ends[0], Interest::read,
        [](void* context) {
          auto& self = *static_cast<One*>(context);
          self.order->push_back(self.number);
        },
        &one);
    one.readiness->arm();
  }
  turns(1);
  for (One& one : all) EXPECT_EQ(::write(one.ends[1], "x", 1), 1);
  while (order.size() < kMany) loop->turn(true);
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  for (One& one : all) {
    one.readiness.reset();
    ::close(one.ends[0]);
    ::close(one.ends[1]);
  }
}

}  // namespace
