#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/channel_mux.hpp>

namespace verdin::protocol::websocket {
namespace {

using EventKind = ChannelEvent::Kind;

std::string next(ChannelMux& mux) {
  std::string frame;
  return mux.next_frame(frame).made ? frame : "nothing";
}

std::string frame_of(int kind, std::uint32_t channel, std::string_view rest) {
  std::string frame(1, static_cast<char>(kind));
  for (int i = 3; i >= 0; --i) frame.push_back(static_cast<char>(channel >> (8 * i) & 0xFF));
  return frame.append(rest);
}

TEST(ChannelMux, WritesItsFrames) {
  ChannelMux mux(Role::client, {});
  EXPECT_EQ(mux.open("chat"), 1u);
  EXPECT_EQ(mux.open("\xC3\xA9"), 3u);
  int token = 0;
  EXPECT_TRUE(mux.send(1, "hi", true, &token));
  EXPECT_TRUE(mux.send(1, "", false, nullptr));
  mux.end(1);
  EXPECT_FALSE(mux.send(1, "more", true, nullptr));
  mux.reset(3, 1000);
  EXPECT_EQ(next(mux), frame_of(1, 1, "chat"));
  EXPECT_EQ(next(mux), frame_of(1, 3, "\xC3\xA9"));
  EXPECT_EQ(next(mux), frame_of(5, 3, "\x03\xE8"));
  std::string frame;
  const ChannelMux::Step step = mux.next_frame(frame);
  EXPECT_EQ(step.finished, &token);
  EXPECT_EQ(frame, frame_of(2, 1, "\x03hi"));
  EXPECT_EQ(next(mux), frame_of(2, 1, "\x01"));
  EXPECT_EQ(next(mux), frame_of(4, 1, ""));
  EXPECT_EQ(next(mux), "nothing");
  EXPECT_EQ(mux.size(), 1u);  // the peer has not ended it
  EXPECT_TRUE(mux.feed(frame_of(4, 1, "")).over);
  EXPECT_EQ(mux.size(), 0u);
  EXPECT_EQ(ChannelMux(Role::server, {}).open(""), 2u);
}

TEST(ChannelMux, ChannelsTakeTurnsAndControlGoesFirst) {
  ChannelMux mux(Role::server, {});
  const std::string large(100'000, 'l');
  for (int i = 0; i < 3; ++i) mux.open("c");
  for (int i = 0; i < 3; ++i) next(mux);
  mux.send(2, large, false, nullptr);
  mux.send(4, large, false, nullptr);
  std::vector<std::uint32_t> order;
  const auto turn = [&] { order.push_back(static_cast<unsigned char>(next(mux)[4])); };
  turn();
  turn();
  turn();
  mux.send(6, "small", true, nullptr);
  turn();
  turn();
  mux.open("more");
  EXPECT_EQ(next(mux)[0], 1);
  turn();
  EXPECT_EQ(order, (std::vector<std::uint32_t>{2, 4, 2, 4, 2, 6}));
}

TEST(ChannelMux, WhoHasNoCreditWaitsAndOthersDoNot) {
  ChannelMux sender(Role::client, {});
  ChannelMux receiver(Role::server, {});
  const std::uint32_t slow = sender.open("slow"), fast = sender.open("fast");
  std::string frame;
  const auto carry = [&] {
    int messages = 0;
    while (sender.next_frame(frame).made) messages += receiver.feed(frame).kind == EventKind::message ? 1 : 0;
    return messages;
  };
  const std::string message(10'000, 'm');
  for (int i = 0; i < 100; ++i) sender.send(slow, message, false, nullptr);
  EXPECT_EQ(carry(), 26);  // 256 KiB
  sender.send(fast, message, false, nullptr);
  EXPECT_EQ(carry(), 1);
  // Taking one is not enough; when all are taken there is credit again.
  for (int i = 0; i < 25; ++i) receiver.taken(slow);
  EXPECT_FALSE(receiver.next_frame(frame).made);
  receiver.taken(slow);
  ASSERT_TRUE(receiver.next_frame(frame).made);
  EXPECT_EQ(sender.feed(frame).kind, EventKind::writable);
  EXPECT_GE(carry(), 25);
}

TEST(ChannelMux, AMessageLargerThanTheCreditArrives) {
  ChannelMux sender(Role::client, {}), receiver(Role::server, {});
  const std::uint32_t channel = sender.open("");
  const std::string message(999'999, 'm');
  sender.send(channel, message, true, nullptr);
  std::string frame;
  std::string got;
  for (bool moved = true; moved;) {
    moved = false;
    while (sender.next_frame(frame).made) {
      moved = true;
      ChannelEvent event = receiver.feed(frame);
      if (event.kind == EventKind::message) got = event.text;
    }
    while (receiver.next_frame(frame).made) {
      moved = true;
      sender.feed(frame);
    }
  }
  EXPECT_EQ(got, message);
}

TEST(ChannelMux, EmptyMessagesAreNotFree) {
  ChannelMux sender(Role::client, {}), receiver(Role::server, {});
  const std::uint32_t channel = sender.open("");
  for (int i = 0; i < 100'000; ++i) sender.send(channel, "", true, nullptr);
  std::string frame;
  int frames = 0;
  while (sender.next_frame(frame).made) ++frames;
  EXPECT_LE(frames, 1 + 8192);
}

TEST(ChannelMux, AMessageAboveTheLimitResetsItsChannelOnly) {
  ChannelMux sender(Role::client, {}), receiver(Role::server, {.channels = 10, .message_size = 20'000});
  const std::uint32_t channel = sender.open(""), other = sender.open("");
  sender.send(channel, std::string_view(std::string(20'001, 'x')), false, nullptr);
  std::string frame;
  ChannelEvent event;
  const std::string message(20'001, 'x');
  ChannelMux again(Role::client, {});
  again.open("");
  again.open("");
  again.send(channel, message, false, nullptr);
  while (again.next_frame(frame).made && event.kind != EventKind::reset) event = receiver.feed(frame);
  EXPECT_EQ(event.kind, EventKind::reset);
  EXPECT_EQ(event.code, 1009);
  EXPECT_FALSE(receiver.has(channel));
  EXPECT_TRUE(receiver.has(other));
  EXPECT_EQ(next(receiver), frame_of(5, channel, "\x03\xF1"));
  EXPECT_EQ(receiver.feed(frame_of(2, channel, "\x01x")).kind, EventKind::none);  // it could not know
}

TEST(ChannelMux, WithdrawsWhatHasNotBegun) {
  ChannelMux mux(Role::client, {});
  const std::uint32_t channel = mux.open("");
  next(mux);
  int first = 0, second = 0;
  const std::string large(100'000, 'x');
  mux.send(channel, large, false, &first);
  mux.send(channel, "two", false, &second);
  next(mux);
  EXPECT_FALSE(mux.withdraw(channel, &first));
  EXPECT_TRUE(mux.withdraw(channel, &second));
  EXPECT_TRUE(mux.withdraw(channel, &second));
  mux.reset(channel, 1011);
  EXPECT_EQ(next(mux), frame_of(5, channel, "\x03\xF3"));
  EXPECT_EQ(next(mux), "nothing");
}

TEST(ChannelMux, OneChannelTooManyIsResetAndNoOther) {
  ChannelMux mux(Role::server, {.channels = 2});
  mux.open("ours");
  for (std::uint32_t number : {1u, 3u, 5u}) {
    EXPECT_EQ(mux.feed(frame_of(1, number, "")).kind, number == 5 ? EventKind::none : EventKind::opened);
  }
  next(mux);
  EXPECT_EQ(next(mux), frame_of(5, 5, "\x03\xF5"));
  EXPECT_EQ(mux.feed(frame_of(2, 5, "\x01x")).kind, EventKind::none);
  mux.feed(frame_of(5, 3, "\x03\xE8"));
  EXPECT_EQ(mux.feed(frame_of(1, 7, "")).kind, EventKind::opened);
  EXPECT_EQ(mux.open(""), 4u);
  EXPECT_EQ(mux.open(""), 0u);
}

TEST(ChannelMux, WhatIsCollectedOnAllChannelsIsLimited) {
  ChannelMux mux(Role::server, {.channels = 10, .message_size = 30'000, .collected = 40'000});
  const std::string piece = std::string(1, '\0') + std::string(10'000, 'x');
  for (std::uint32_t number = 1; number < 10; number += 2) {
    mux.feed(frame_of(1, number, ""));
    const ChannelEvent event = mux.feed(frame_of(2, number, piece));
    EXPECT_EQ(event.kind, number == 9 ? EventKind::reset : EventKind::none);
  }
  // What ends, in whichever way, makes room.
  EXPECT_EQ(mux.feed(frame_of(2, 1, "\x01")).kind, EventKind::message);
  EXPECT_EQ(mux.feed(frame_of(2, 3, piece)).kind, EventKind::none);
  mux.feed(frame_of(5, 3, "\x03\xE8"));
  EXPECT_EQ(mux.feed(frame_of(2, 5, piece)).kind, EventKind::none);
  EXPECT_EQ(mux.feed(frame_of(2, 7, piece)).kind, EventKind::none);
  EXPECT_EQ(mux.feed(frame_of(2, 7, piece)).kind, EventKind::reset);
}

TEST(ChannelMux, RefusesWhatBreaksTheRules) {
  const auto code = [](std::vector<std::string> frames) {
    ChannelMux mux(Role::server, {.channels = 2, .message_size = 100'000});
    mux.open("ours");  // 2
    ChannelEvent event;
    for (const std::string& frame : frames) event = mux.feed(frame);
    return event.kind == EventKind::failed ? event.code : std::uint16_t{0};
  };
  const std::string opened = frame_of(1, 1, "");
  EXPECT_EQ(code({opened}), 0);
  EXPECT_EQ(code({""}), 1002);
  EXPECT_EQ(code({std::string("\x01\0\0\0", 4)}), 1002);
  EXPECT_EQ(code({frame_of(0, 1, "")}), 1002);
  EXPECT_EQ(code({frame_of(6, 1, "")}), 1002);
  EXPECT_EQ(code({frame_of(1, 0, "")}), 1002);
  EXPECT_EQ(code({frame_of(1, 2, "")}), 1002);                      // ours to open
  EXPECT_EQ(code({opened, opened}), 1002);                          // twice
  EXPECT_EQ(code({frame_of(1, 5, ""), frame_of(1, 3, "")}), 1002);  // not in turn
  EXPECT_EQ(code({frame_of(1, 1, std::string(256, 'x'))}), 1002);
  EXPECT_EQ(code({frame_of(1, 1, "\xFF")}), 1002);
  EXPECT_EQ(code({opened, frame_of(1, 3, ""), frame_of(1, 5, "")}), 0);  // too many: see below
  EXPECT_EQ(code({frame_of(2, 1, "\x01x")}), 1002);                      // not opened
  EXPECT_EQ(code({frame_of(2, 4, "\x01x")}), 1002);                      // not opened by us
  EXPECT_EQ(code({frame_of(4, 0, "")}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, "")}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, std::string("\0", 1))}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, "\x04x")}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, "\x01" + std::string(16 * 1024 + 1, 'x'))}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, "\x03\xFF")}), 1007);
  EXPECT_EQ(code({opened, frame_of(3, 1, "\0\0\0\1")}), 1002);
  EXPECT_EQ(code({opened, frame_of(3, 1, std::string("\0\0\0\1", 4))}), 1002);  // it has all that it can have
  EXPECT_EQ(code({opened, frame_of(5, 1, "")}), 1002);
  EXPECT_EQ(code({opened, frame_of(4, 1, ""), frame_of(4, 1, "")}), 1002);
  EXPECT_EQ(code({opened, frame_of(4, 1, ""), frame_of(2, 1, "\x01x")}), 1002);
  EXPECT_EQ(code({opened, frame_of(2, 1, std::string("\0x", 2)), frame_of(4, 1, "")}), 1002);
  std::vector<std::string> greedy = {opened};
  for (int i = 0; i < 17; ++i) greedy.push_back(frame_of(2, 1, "\x01" + std::string(16 * 1024, 'x')));
  EXPECT_EQ(code(greedy), 1002);
}

/// Two ends that do anything, with frames under way in order: what is sent on a channel arrives, in order.
TEST(ChannelMux, RandomCourses) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    struct End {
      explicit End(Role role)
          : mux(role, {.channels = 20, .message_size = 200'000, .collected = 4'000'000}) {}
      ChannelMux mux;
      std::deque<std::string> wire;  // to the other
      std::vector<std::uint32_t> numbers;
      std::map<std::uint32_t, std::deque<std::string>> sent;  // and not received by the other
      std::map<std::uint32_t, int> untaken;
      std::deque<std::unique_ptr<std::string>> messages;
    };
    End ends[2] = {End(Role::server), End(Role::client)};
    bool resets = seed % 2 == 0;
    const auto deliver = [&](int to) {
      End& from = ends[1 - to];
      End& here = ends[to];
      if (from.wire.empty()) return false;
      const ChannelEvent event = here.mux.feed(from.wire.front());
      from.wire.pop_front();
      EXPECT_NE(event.kind, EventKind::failed) << event.text;
      if (event.kind == EventKind::opened) here.numbers.push_back(event.channel);
      if (event.kind == EventKind::message) {
        auto& expected = from.sent[event.channel];
        EXPECT_FALSE(expected.empty());
        if (!expected.empty()) {
          EXPECT_EQ(event.text, expected.front());
          expected.pop_front();
        }
        ++here.untaken[event.channel];
      }
      return true;
    };
    const auto pull = [&](int at) {
      std::string frame;
      if (!ends[at].mux.next_frame(frame).made) return false;
      ends[at].wire.push_back(frame);
      return true;
    };
    for (int step = 0; step < 4000; ++step) {
      const int at = static_cast<int>(below(2));
      End& end = ends[at];
      const std::uint32_t channel = end.numbers.empty() ? 0 : end.numbers[below(end.numbers.size())];
      switch (below(12)) {
        case 0:
          if (end.numbers.size() < 15) {
            if (const std::uint32_t made = end.mux.open("x")) end.numbers.push_back(made);
          }
          break;
        case 1:
        case 2: {
          auto text = std::make_unique<std::string>(below(3) == 0 ? below(150'000) : below(100),
                                                    static_cast<char>('a' + below(26)));
          if (channel && end.mux.send(channel, *text, below(2) == 0, nullptr)) {
            end.sent[channel].push_back(*text);
            end.messages.push_back(std::move(text));
          }
          break;
        }
        case 3:
          if (channel && below(8) == 0) end.mux.end(channel);
          break;
        case 4:
          if (resets && channel && below(10) == 0) end.mux.reset(channel, 1000);
          break;
        case 5:
        case 6:
          if (channel && end.untaken[channel] > 0) {
            --end.untaken[channel];
            end.mux.taken(channel);
          }
          break;
        case 7:
        case 8:
        case 9:
          pull(at);
          break;
        default:
          deliver(at);
      }
    }
    // Everything that is left arrives when all is taken.
    for (bool moved = true; moved;) {
      moved = false;
      for (int at = 0; at < 2; ++at) {
        while (pull(at)) moved = true;
        while (deliver(at)) moved = true;
        for (auto& [channel, count] : ends[at].untaken) {
          for (; count > 0; --count) ends[at].mux.taken(channel);
        }
      }
    }
    if (resets) continue;
    for (End& end : ends) {
      for (const auto& [channel, left] : end.sent) EXPECT_TRUE(left.empty()) << seed << ": " << channel;
    }
  }
}

}  // namespace
}  // namespace verdin::protocol::websocket
