#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/frame_decoder.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_transcript.hpp"

namespace verdin::protocol::websocket {
namespace {

using test::client_binary;
using test::client_close;
using test::client_frame;
using test::client_ping;
using test::client_text;
using test::decode_in_pieces;
using test::raw_frame;
using test::Transcript;

using Events = std::vector<std::string>;

constexpr unsigned kText = 0x81, kBinary = 0x82, kFirstText = 0x01, kFirstBinary = 0x02;
constexpr unsigned kMiddle = 0x00, kLast = 0x80, kPing = 0x89, kPong = 0x8A, kClose = 0x88;

struct Case {
  const char* name;
  std::string octets;
  Events events;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const std::string kGreek = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";

std::string text_in_fragments(std::string_view text, std::size_t size) {
  std::string octets = client_frame(kFirstText, text.substr(0, size));
  for (std::size_t at = size; at < text.size(); at += size)
    octets += client_frame(kMiddle, text.substr(at, size));
  return octets + client_frame(kLast, "");
}

// What the sections 1 to 7 and 10 of the usual conformance suites ask for, each seen by the decoder. What a
// connection answers is in unit/websocket/connection_test.cpp.
std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&all](const char* name, std::string octets, Events events) {
    all.push_back({name, std::move(octets), std::move(events)});
  };
  // Sizes at the edges of each length form.
  for (std::size_t size : {0, 1, 125, 126, 127, 128, 65535, 65536}) {
    add("text size", client_text(std::string(size, '*')), {"text:" + std::string(size, '*')});
    add("binary size", client_binary(std::string(size, '\xFE')), {"binary:" + std::string(size, '\xFE')});
  }
  // Control frames.
  add("empty ping", client_ping(""), {"ping:"});
  add("ping", client_ping("Hello"), {"ping:Hello"});
  add("binary ping", client_ping(std::string("\0\xFF\xFE\xFD\xFC\xFB\0\xFF", 8)),
      {"ping:" + std::string("\0\xFF\xFE\xFD\xFC\xFB\0\xFF", 8)});
  add("longest ping", client_ping(std::string(125, '\xFE')), {"ping:" + std::string(125, '\xFE')});
  add("too long ping", client_ping(std::string(126, '\xFE')), {"failed:1002"});
  add("unasked pong", client_frame(kPong, "x"), {"pong:x"});
  add("pong then ping", client_frame(kPong, "x") + client_ping("y"), {"pong:x", "ping:y"});
  add("ten pings",
      [] {
        std::string octets;
        for (int i = 0; i < 10; ++i) octets += client_ping(std::string(1, static_cast<char>('0' + i)));
        return octets;
      }(),
      {"ping:0", "ping:1", "ping:2", "ping:3", "ping:4", "ping:5", "ping:6", "ping:7", "ping:8", "ping:9"});
  // Reserved bits, after good frames and in control frames.
  for (unsigned bits : {0x10u, 0x20u, 0x30u, 0x40u, 0x50u, 0x60u, 0x70u}) {
    add("reserved bit in text", client_text("a") + client_frame(kText | bits, "b") + client_ping(""),
        {"text:a", "failed:1002"});
    add("reserved bit in binary", client_frame(kBinary | bits, "b"), {"failed:1002"});
    add("reserved bit in ping", client_frame(kPing | bits, "b"), {"failed:1002"});
    add("reserved bit in close", client_frame(kClose | bits, "b"), {"failed:1002"});
    add("reserved bit in continuation", client_frame(kFirstText, "a") + client_frame(kLast | bits, "b"),
        {"failed:1002"});
  }
  for (unsigned opcode : {3u, 4u, 5u, 6u, 7u, 11u, 12u, 13u, 14u, 15u}) {
    add("reserved opcode", client_text("a") + client_frame(0x80 | opcode, ""), {"text:a", "failed:1002"});
  }
  // Fragments.
  add("fragmented ping", client_frame(0x09, "a") + client_frame(kLast, "b"), {"failed:1002"});
  add("fragmented pong", client_frame(0x0A, "a") + client_frame(kLast, "b"), {"failed:1002"});
  add("fragmented close", client_frame(0x08, ""), {"failed:1002"});
  add("two fragments", client_frame(kFirstText, "ab") + client_frame(kLast, "cd"), {"text:abcd"});
  add("ping between fragments", client_frame(kFirstText, "ab") + client_ping("p") + client_frame(kLast, "cd"),
      {"ping:p", "text:abcd"});
  add("pings and fragments",
      client_frame(kFirstBinary, "a") + client_ping("1") + client_frame(kMiddle, "b") + client_ping("2") +
          client_frame(kPong, "3") + client_frame(kLast, "c") + client_text("d"),
      {"ping:1", "ping:2", "pong:3", "binary:abc", "text:d"});
  add("continuation of nothing", client_frame(kLast, "x") + client_text("y"), {"failed:1002"});
  add("unfinished continuation of nothing", client_frame(kMiddle, "x"), {"failed:1002"});
  add("continuation after the end",
      client_frame(kFirstText, "a") + client_frame(kLast, "b") + client_frame(kLast, "c"),
      {"text:ab", "failed:1002"});
  add("text inside a message", client_frame(kFirstText, "a") + client_text("b"), {"failed:1002"});
  add("binary inside a message", client_frame(kFirstText, "a") + client_frame(kFirstBinary, "b"),
      {"failed:1002"});
  add("empty fragments", client_frame(kFirstText, "") + client_frame(kMiddle, "") + client_frame(kLast, ""),
      {"text:"});
  add("empty, full, empty",
      client_frame(kFirstText, "") + client_frame(kMiddle, "x") + client_frame(kLast, ""), {"text:x"});
  add("full at the end", client_frame(kFirstText, "") + client_frame(kMiddle, "") + client_frame(kLast, "x"),
      {"text:x"});
  add("two messages in fragments",
      client_frame(kFirstText, "a") + client_frame(kLast, "b") + client_frame(kFirstBinary, "c") +
          client_frame(kLast, "d"),
      {"text:ab", "binary:cd"});
  add("fragments of one octet", text_in_fragments(std::string(500, 'q'), 1),
      {"text:" + std::string(500, 'q')});
  add("65536 octets in fragments of 1300", text_in_fragments(std::string(65536, 'q'), 1300),
      {"text:" + std::string(65536, 'q')});
  // UTF-8.
  add("Greek", client_text(kGreek), {"text:" + kGreek});
  add("Greek cut at each octet", text_in_fragments(kGreek, 1), {"text:" + kGreek});
  add("surrogate",
      client_text(kGreek + "\xED\xA0\x80"
                           "edited"),
      {"failed:1007"});
  add("surrogate in fragments",
      text_in_fragments(kGreek + "\xED\xA0\x80"
                                 "edited",
                        1),
      {"failed:1007"});
  add("above Unicode", client_text("\xF4\x90\x80\x80"), {"failed:1007"});
  add("cut short", client_text("\xE2\x82"), {"failed:1007"});
  add("cut short at the end of fragments", client_frame(kFirstText, "a\xE2") + client_frame(kLast, "\x82"),
      {"failed:1007"});
  add("a character over a ping",
      client_frame(kFirstText, "\xE2\x82") + client_ping("") + client_frame(kLast, "\xAC"),
      {"ping:", "text:\xE2\x82\xAC"});
  add("state of the last message is forgotten", client_binary("\xE2") + client_text("a"),
      {"binary:\xE2", "text:a"});
  // Close.
  add("close", client_close(1000, "bye"), {"close:" + test::close_payload(1000, "bye")});
  add("empty close", client_frame(kClose, ""), {"close:"});
  add("longest close", client_close(1000, std::string(123, 'x')),
      {"close:" + test::close_payload(1000, std::string(123, 'x'))});
  add("too long close", client_close(1000, std::string(124, 'x')), {"failed:1002"});
  // Masks and lengths.
  add("unmasked",
      std::string("\x81\x01"
                  "a"),
      {"failed:1002"});
  add("unmasked after masked", client_text("a") + std::string("\x89\x00", 2), {"text:a", "failed:1002"});
  add("mask of zeros", client_frame(kText, "abc", std::string_view("\0\0\0\0", 4)), {"text:abc"});
  add("length not shortest", raw_frame(kText, std::string("\x7E\x00\x01", 3), "a"), {"failed:1002"});
  add("long length not shortest", raw_frame(kText, std::string("\x7F\0\0\0\0\0\0\0\x7F", 9), "a"),
      {"failed:1002"});
  add("top bit", raw_frame(kBinary, std::string("\x7F\x80\0\0\0\0\0\0\0", 9), "a"), {"failed:1002"});
  add("2^63-1", raw_frame(kBinary, std::string("\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9), "a"),
      {"failed:1009"});
  add("2^32+5", raw_frame(kBinary, std::string("\x7F\0\0\0\1\0\0\0\5", 9), "abcde"), {"failed:1009"});
  add("2^64-1 as a continuation",
      client_frame(kFirstBinary, "x") + raw_frame(kLast, "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "a"),
      {"failed:1002"});
  return all;
}

class FrameDecoderCase : public testing::TestWithParam<Case> {};

TEST_P(FrameDecoderCase, GivesTheSameHoweverItIsCut) {
  const Case& c = GetParam();
  std::vector<std::size_t> pieces = {c.octets.size(), 1, 2, 3, 7, 64, 1000};
  if (c.octets.size() < 400) {
    for (std::size_t piece = 4; piece < c.octets.size(); ++piece) pieces.push_back(piece);
  }
  for (std::size_t piece : pieces) {
    const Transcript transcript = decode_in_pieces(c.octets, piece);
    ASSERT_EQ(transcript.events, c.events) << c.name << " in pieces of " << piece;
    const bool failed = !c.events.empty() && c.events.back().starts_with("failed");
    EXPECT_TRUE(failed || transcript.idle) << c.name << " in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(All, FrameDecoderCase, testing::ValuesIn(cases()));

TEST(FrameDecoder, AWholeMessageIsHandedOutInPlace) {
  std::string octets = client_text("first") + client_binary("second") + std::string(kMessagePadding, '\0');
  std::span<char> input(octets.data(), octets.size() - kMessagePadding);
  FrameDecoder decoder(Role::server, 100);
  const DecoderEvent first = decoder.next(input);
  EXPECT_EQ(first.payload.data(), octets.data() + 6);
  const DecoderEvent second = decoder.next(input);
  EXPECT_EQ(second.payload.data(), octets.data() + 17);
  EXPECT_EQ(decoder.memory(), 0u);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(decoder.next(input).kind, DecoderEvent::Kind::need_more);
}

TEST(FrameDecoder, TheLimitIsTheLargestMessage) {
  EXPECT_EQ(decode_in_pieces(client_text(std::string(300, 'a')), 4096, 300).events,
            (Events{"text:" + std::string(300, 'a')}));
  EXPECT_EQ(decode_in_pieces(client_text(std::string(301, 'a')), 4096, 300).events, (Events{"failed:1009"}));
  const std::string parts = client_frame(kFirstText, std::string(200, 'a'));
  EXPECT_EQ(decode_in_pieces(parts + client_frame(kLast, std::string(100, 'a')), 4096, 300).events,
            (Events{"text:" + std::string(300, 'a')}));
  EXPECT_EQ(decode_in_pieces(parts + client_frame(kLast, std::string(101, 'a')), 4096, 300).events,
            (Events{"failed:1009"}));
  EXPECT_EQ(decode_in_pieces(client_ping(std::string(100, 'a')), 4096, 10).events,
            (Events{"ping:" + std::string(100, 'a')}));
}

TEST(FrameDecoder, TheLimitIsJudgedByTheHeaderAlone) {
  const std::string octets = client_frame(kText, std::string(301, 'a'));
  const Transcript transcript = decode_in_pieces(octets, 1, 300);
  EXPECT_EQ(transcript.events, (Events{"failed:1009"}));
  EXPECT_EQ(transcript.octets_taken, 8u);  // two, the length's two, the mask's four
}

TEST(FrameDecoder, AllocatesForWhatWasReceivedOnly) {
  const std::string header = raw_frame(kBinary, test::length_octets(900'000), "");
  EXPECT_LE(decode_in_pieces(header + std::string(100, 'x'), 50).most_memory, 4096u);
  EXPECT_LE(decode_in_pieces(header + std::string(100'000, 'x'), 1000).most_memory, 2 * 100'000u + 4096u);
}

TEST(FrameDecoder, LargeMessagesOneBehindTheOther) {
  const auto message = [](int number) {
    std::string text(static_cast<std::size_t>(70'000 + 90'000 * (number % 7)),
                     static_cast<char>('a' + number));
    text.back() = '.';
    return text;
  };
  for (int number = 0; number < 20; ++number) {
    const Transcript transcript = decode_in_pieces(client_text(message(number)), 65536, 1 << 20);
    ASSERT_EQ(transcript.events.size(), 1u);
    ASSERT_TRUE(transcript.events[0] == "text:" + message(number)) << number;
    EXPECT_LE(transcript.most_memory, 2 * message(number).size() + 4096) << "whatever the thread has kept";
    EXPECT_TRUE(transcript.idle);
  }
}

TEST(FrameDecoder, SeveralLargeMessagesAtATime) {
  constexpr std::size_t kAtATime = 12;
  std::vector<std::unique_ptr<FrameDecoder>> decoders;
  std::vector<std::string> frames;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kAtATime; ++i) {
    decoders.push_back(std::make_unique<FrameDecoder>(Role::server, std::size_t{1} << 20));
    texts.emplace_back(std::size_t{900'000}, static_cast<char>('a' + i));
    frames.push_back(client_text(texts.back()));
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t at = 0; at < frames[0].size(); at += 60'000) {
      for (std::size_t i = 0; i < kAtATime; ++i) {
        std::string piece = frames[i].substr(at, 60'000);
        const bool last = at + piece.size() == frames[i].size();
        std::span<char> input(piece);
        const DecoderEvent event = decoders[i]->next(input);
        ASSERT_EQ(event.kind, last ? DecoderEvent::Kind::text : DecoderEvent::Kind::need_more);
        const std::string_view got(event.payload.data(), event.payload.size());
        ASSERT_TRUE(got == (last ? std::string_view(texts[i]) : std::string_view()));
      }
    }
  }
}

TEST(FrameDecoder, TinyFragmentsCostNothingEach) {
  constexpr std::size_t kCount = 131'000;
  std::string octets = client_frame(kFirstBinary, "x");
  for (std::size_t i = 1; i < kCount; ++i) octets += client_frame(kMiddle, "x");
  EXPECT_LE(decode_in_pieces(octets, 65536).most_memory, 2 * kCount + 4096);
  octets = client_frame(kFirstBinary, "");
  for (std::size_t i = 1; i < kCount; ++i) octets += client_frame(kMiddle, "");
  EXPECT_LE(decode_in_pieces(octets, 65536).most_memory, 4096u);
}

TEST(FrameDecoder, FourMegabytesInSmallFragments) {
  const std::string payload(4 << 20, 'z');
  const Transcript transcript = decode_in_pieces(text_in_fragments(payload, 64), 65536, 4 << 20);
  ASSERT_EQ(transcript.events.size(), 1u);
  EXPECT_EQ(transcript.events[0], "text:" + payload);
  EXPECT_LE(transcript.most_memory, 2 * payload.size() + 4096);
  EXPECT_TRUE(transcript.idle);
}

TEST(FrameDecoder, InvalidTextFailsAtTheOctetThatMakesItSo) {
  // "\xF4\x90": the second octet puts it above Unicode, whatever would follow.
  const std::string one_frame = client_text(kGreek +
                                            "\xF4\x90\x80\x80"
                                            "edited");
  EXPECT_EQ(decode_in_pieces(one_frame, 1).octets_taken, 6 + kGreek.size() + 2);
  const std::string first = client_frame(kFirstText, kGreek);
  const std::string in_fragments =
      first + client_frame(kMiddle, "\xF4\x90\x80\x80") + client_frame(kLast, "edited");
  EXPECT_EQ(decode_in_pieces(in_fragments, 1).octets_taken, first.size() + 6 + 2);
}

TEST(FrameDecoder, NothingIsDecodedAfterAFailure) {
  FrameDecoder decoder(Role::server, 100);
  std::string octets = client_frame(0x83, "") + client_text("a");
  std::span<char> input(octets);
  EXPECT_EQ(decoder.next(input).kind, DecoderEvent::Kind::failed);
  EXPECT_EQ(decoder.next(input).kind, DecoderEvent::Kind::need_more);
  EXPECT_TRUE(input.empty());
}

TEST(FrameDecoder, AClientReadsFramesWithoutMasks) {
  const std::string octets =
      std::string("\x01\x03") + "abc" + std::string("\x80\x02") + "de" + std::string("\x8A\x00", 2);
  for (std::size_t piece : {1, 2, 3, 100}) {
    EXPECT_EQ(decode_in_pieces(octets, piece, 100, Role::client).events, (Events{"text:abcde", "pong:"}));
  }
  EXPECT_EQ(decode_in_pieces(client_text("a"), 100, 100, Role::client).events, (Events{"failed:1002"}));
}

TEST(FrameDecoder, RandomConversationsDoNotDependOnTheCuts) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string octets;
    for (int i = 0; i < 20; ++i) {
      const std::string payload(random() % (i % 5 == 0 ? 3000 : 60), static_cast<char>('a' + i));
      switch (random() % 4) {
        case 0:
          octets += client_text(payload);
          break;
        case 1:
          octets += client_binary(payload);
          break;
        case 2:
          octets += text_in_fragments(payload, 1 + random() % 50);
          break;
        default:
          octets += client_ping(payload.substr(0, 125));
      }
    }
    const Transcript whole = decode_in_pieces(octets, octets.size());
    ASSERT_EQ(whole.events.size(), 20u);
    const std::size_t piece = 1 + random() % 300;
    ASSERT_EQ(decode_in_pieces(octets, piece).events, whole.events) << "pieces of " << piece;
  }
}

}  // namespace
}  // namespace verdin::protocol::websocket
