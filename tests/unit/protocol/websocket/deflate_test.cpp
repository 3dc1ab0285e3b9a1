#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include <verdin/protocol/websocket/deflate_offer.hpp>
#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_transcript.hpp"

namespace verdin::protocol::websocket {
namespace {

using namespace std::string_literals;
using test::client_frame;
using test::decode_in_pieces;
using Events = std::vector<std::string>;

constexpr unsigned kText = 0x81, kBinary = 0x82, kCompressedText = 0xC1, kCompressedBinary = 0xC2;

/// As much is left to the client as can be.
DeflateOptions open_options() {
  DeflateOptions options;
  options.server_no_context_takeover = false;
  options.client_no_context_takeover = false;
  return options;
}

std::string answer_to(std::string_view offers, const DeflateOptions& options = open_options()) {
  const auto agreement = agree_on_deflate(offers, options);
  return agreement ? agreement->answer : "declined";
}

struct OfferCase {
  const char* offers;
  const char* answer;
};

TEST(DeflateOffer, IsHonouredOrDeclined) {
  const OfferCase cases[] = {
      {"permessage-deflate", "permessage-deflate"},
      {"permessage-deflate; client_max_window_bits", "permessage-deflate"},
      {"permessage-deflate; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=10"},
      {"permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_max_window_bits=8"},
      {"permessage-deflate; client_max_window_bits=\"12\"", "permessage-deflate; client_max_window_bits=12"},
      {"permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"},
      {"permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15"},
      {"permessage-deflate;server_no_context_takeover", "permessage-deflate; server_no_context_takeover"},
      {"permessage-deflate ; client_no_context_takeover ; server_max_window_bits = 10",
       "permessage-deflate; client_no_context_takeover; server_max_window_bits=10"},
      // zlib makes 9 of 8; the next offer is taken.
      {"permessage-deflate; server_max_window_bits=8", "declined"},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate", "permessage-deflate"},
      {"x-webkit-deflate-frame, permessage-deflate; client_no_context_takeover",
       "permessage-deflate; client_no_context_takeover"},
      {"foo; bar=\"a\", permessage-deflate", "permessage-deflate"},
      {"permessage-deflate; unknown", "declined"},
      {"permessage-deflate; server_no_context_takeover=1", "declined"},
      {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", "declined"},
      {"permessage-deflate; server_max_window_bits", "declined"},
      {"permessage-deflate; server_max_window_bits=", "declined"},
      {"permessage-deflate; server_max_window_bits=7", "declined"},
      {"permessage-deflate; server_max_window_bits=16", "declined"},
      {"permessage-deflate; server_max_window_bits=09", "declined"},
      {"permessage-deflate; server_max_window_bits=100", "declined"},
      {"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", "declined"},
      {"permessage-deflate; client_max_window_bits=0", "declined"},
      {"permessage-deflate; client_max_window_bits; client_max_window_bits=9", "declined"},
      {"permessage-deflate; client_max_window_bits=9; client_max_window_bits", "declined"},
      {"Permessage-deflate2", "declined"},
      {"", "declined"},
  };
  for (const OfferCase& each : cases) EXPECT_EQ(answer_to(each.offers), each.answer) << each.offers;
}

TEST(DeflateOffer, TheServersWishesCount) {
  DeflateOptions options;
  EXPECT_EQ(answer_to("permessage-deflate", options),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  options = open_options();
  options.server_max_window_bits = 11;
  options.client_max_window_bits = 12;
  EXPECT_EQ(answer_to("permessage-deflate", options), "permessage-deflate; server_max_window_bits=11");
  EXPECT_EQ(answer_to("permessage-deflate; client_max_window_bits", options),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits=12");
  EXPECT_EQ(answer_to("permessage-deflate; client_max_window_bits=9; server_max_window_bits=13", options),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits=9");
}

/// What comes out of frames that a client with `params` sent, for each way of cutting them the same.
Events decoded(std::string_view octets, const DeflateParams& params = {}, std::size_t limit = 1'000'000) {
  const auto decode = [&](std::size_t piece) {
    return decode_in_pieces(octets, piece, limit, Role::server, params).events;
  };
  Events events = decode(octets.size() + 1);
  for (std::size_t piece : {1, 2, 3, 7, 64}) EXPECT_EQ(decode(piece), events) << piece;
  return events;
}

// RFC 7692, section 7.2.3.
const std::string kHello = "\xF2\x48\xCD\xC9\xC9\x07\x00"s;

TEST(Deflate, ReadsTheExamplesOfTheRfc) {
  const std::string again = "\xF2\x00\x11\x00\x00"s;
  const std::string stored = "\x00\x05\x00\xFA\xFFHello\x00"s;
  const std::string last_block = "\xF3\x48\xCD\xC9\xC9\x07\x00\x00"s;
  const std::string two_blocks = "\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00"s;
  const Events hello = {"text:Hello"};
  EXPECT_EQ(decoded(client_frame(kCompressedText, kHello)), hello);
  EXPECT_EQ(decoded(client_frame(0x41, kHello.substr(0, 3)) + client_frame(0x80, kHello.substr(3))), hello);
  EXPECT_EQ(decoded(client_frame(kCompressedText, kHello) + client_frame(kCompressedText, again)),
            (Events{"text:Hello", "text:Hello"}));
  EXPECT_EQ(decoded(client_frame(kCompressedText, stored)), hello);
  EXPECT_EQ(decoded(client_frame(kCompressedText, last_block)), hello);
  EXPECT_EQ(decoded(client_frame(kCompressedText, two_blocks)), hello);
  EXPECT_EQ(decoded(client_frame(kCompressedBinary, "\x00"s)), (Events{"binary:"}));
}

TEST(Deflate, AMessageMayEndInALastBlockAndTheWindowStays) {
  const std::string last_block = "\xF3\x48\xCD\xC9\xC9\x07\x00"s;  // without the empty block behind it
  const std::string again = "\xF2\x00\x11\x00\x00"s;               // refers to what was before
  EXPECT_EQ(decoded(client_frame(kCompressedText, last_block) + client_frame(kCompressedText, again)),
            (Events{"text:Hello", "text:Hello"}));
}

TEST(Deflate, PlainMessagesAndControlFramesGoBetween) {
  const std::string octets = client_frame(kText, "plain") + client_frame(0x41, kHello.substr(0, 2)) +
                             client_frame(0x89, "ping") + client_frame(0x80, kHello.substr(2)) +
                             client_frame(kBinary, "more");
  EXPECT_EQ(decoded(octets), (Events{"text:plain", "ping:ping", "text:Hello", "binary:more"}));
}

TEST(Deflate, TheBitIsRefusedWhereItMayNotBe) {
  const Events fault = {"failed:1002"};
  EXPECT_EQ(decoded(client_frame(0xC9, "ping")), fault);
  EXPECT_EQ(decoded(client_frame(0xC8, "")), fault);
  EXPECT_EQ(decoded(client_frame(0x01, "a") + client_frame(0xC0, "b")), fault);
  EXPECT_EQ(decoded(client_frame(0x41, kHello) + client_frame(0xC0, "")), fault);
  EXPECT_EQ(decoded(client_frame(0xA1, "rsv2")), fault);
  EXPECT_EQ(decoded(client_frame(0x91, "rsv3")), fault);
  EXPECT_EQ(decode_in_pieces(client_frame(kCompressedText, kHello), 100).events, fault);  // not agreed on
}

TEST(Deflate, InvalidDataIsTheClientsFault) {
  const Events fault = {"failed:1007"};
  EXPECT_EQ(decoded(client_frame(kCompressedText, "\xFF\xFF\xFF\xFF")), fault);
  EXPECT_EQ(decoded(client_frame(kCompressedText, kHello.substr(0, 4))), fault);  // ends inside a block
  const std::string not_utf8 = "\x00\x02\x00\xFD\xFF\xC3\x28\x00"s;
  EXPECT_EQ(decoded(client_frame(kCompressedText, not_utf8)), fault);
  EXPECT_EQ(decoded(client_frame(kCompressedBinary, not_utf8)), (Events{"binary:\xC3("}));
  // Without takeover what was before is not there to be referred to.
  DeflateParams alone;
  alone.client_no_context_takeover = true;
  EXPECT_EQ(
      decoded(client_frame(kCompressedText, kHello) + client_frame(kCompressedText, "\xF2\x00\x11\x00\x00"s),
              alone),
      (Events{"text:Hello", "failed:1007"}));
}

std::string deflated(std::string_view message, const DeflateParams& params = {},
                     const DeflateOptions& options = open_options()) {
  std::string payload;
  Deflater(params, options).deflate(message, payload);
  return payload;
}

TEST(Deflate, ABombIsStoppedAtTheLimit) {
  const std::string bomb = deflated(std::string(50'000'000, 'x'));
  ASSERT_LT(bomb.size(), 60'000u);
  const auto transcript =
      decode_in_pieces(client_frame(kCompressedBinary, bomb), 65'536, 100'000, Role::server, DeflateParams{});
  EXPECT_EQ(transcript.events, (Events{"failed:1009"}));
  EXPECT_LT(transcript.most_memory, 400'000u);
}

// Memory is looked at when all is over. What lies behind the limit shows whether it was read before: all that
// is read to its end is "invalid" here, and "too big" if not.
TEST(Deflate, BehindTheLimitNothingIsRestored) {
  constexpr std::size_t kLimit = 100'000;
  const std::string invalid(100, '\xFF');  // more than inflate() looks at
  const std::string bomb = deflated(std::string(50'000'000, 'x')) + invalid;
  const std::string exact = deflated(std::string(kLimit, 'x')) + invalid;
  for (const std::size_t piece : {bomb.size() + 100, std::size_t{64}}) {
    for (const bool fragmented : {false, true}) {
      const auto sent = [&](const std::string& payload) {
        const std::string octets =
            fragmented ? client_frame(0x42, payload.substr(0, 10)) + client_frame(0x80, payload.substr(10))
                       : client_frame(kCompressedBinary, payload);
        return decode_in_pieces(octets, piece, kLimit, Role::server, DeflateParams{}).events;
      };
      EXPECT_EQ(sent(bomb), (Events{"failed:1009"})) << piece << fragmented;
      EXPECT_EQ(sent(exact), (Events{"failed:1007"})) << piece << fragmented;
    }
  }
}

/// Seconds of CPU that a compressed message takes, the least of some rounds.
double cost(const std::string& message) {
  const std::string frame = client_frame(kCompressedText, message);
  double least = 1e9;
  for (int round = 0; round < 5; ++round) {
    const std::clock_t start = std::clock();
    const auto transcript =
        decode_in_pieces(frame, frame.size() + 1, 1'000'000, Role::server, DeflateParams{});
    EXPECT_EQ(transcript.events, Events{"text:" + std::string(40'000, 'a')});
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

// Each ends zlib's stream, behind which the window is still needed. It was copied, for two octets.
TEST(Deflate, FinalBlocksCostNoMoreThanOthers) {
  std::string final_blocks = deflated(std::string(40'000, 'a')) + "\x00\x00\xFF\xFF"s;
  std::string stored_blocks = final_blocks;
  while (final_blocks.size() < 100'000) final_blocks += "\x03\x00"s;
  while (stored_blocks.size() < 100'000) stored_blocks += "\x00\x00\x00\xFF\xFF"s;
  stored_blocks += "\x00"s;
  EXPECT_LT(cost(final_blocks), 20 * cost(stored_blocks) + 0.01);
}

TEST(Deflate, TheLimitIsOfTheMessageItself) {
  std::mt19937 random(1);
  std::string noise(1000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::string payload = deflated(noise);
  ASSERT_GT(payload.size(), noise.size());  // it cannot be compressed
  EXPECT_EQ(decoded(client_frame(kCompressedBinary, payload), {}, 1000), (Events{"binary:" + noise}));
  EXPECT_EQ(decoded(client_frame(kCompressedBinary, payload), {}, 999), (Events{"failed:1009"}));
  const std::string promised = client_frame(kCompressedBinary, std::string(1200, 'x'));
  EXPECT_EQ(decoded(promised.substr(0, 8), {}, 1000), (Events{"failed:1009"}));  // from its header
}

/// Restores what a server's Deflater made, with zlib itself and no larger a window than was agreed on.
class Client {
 public:
  explicit Client(int window_bits) { inflateInit2(&stream_, -window_bits); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { inflateEnd(&stream_); }

  std::optional<std::string> read(std::string payload) {
    payload += "\x00\x00\xFF\xFF"s;
    std::string message;
    char piece[4096];
    stream_.next_in = reinterpret_cast<Bytef*>(payload.data());
    stream_.avail_in = static_cast<uInt>(payload.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(piece);
      stream_.avail_out = sizeof piece;
      const int status = inflate(&stream_, Z_SYNC_FLUSH);
      if (status != Z_OK && status != Z_BUF_ERROR) return std::nullopt;
      message.append(piece, sizeof piece - stream_.avail_out);
    } while (stream_.avail_out == 0 || stream_.avail_in > 0);
    return message;
  }

 private:
  z_stream stream_{};
};

/// Words that come again, near and far.
std::string prose(std::mt19937& random, std::size_t size) {
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random() % 3000) + ' ';
  text.resize(size);
  return text;
}

TEST(Deflate, WhatIsSentKeepsToTheWindowAndTheTakeover) {
  std::mt19937 random(2);
  for (int bits : {9, 10, 12, 15}) {
    for (bool takeover : {false, true}) {
      DeflateParams params;
      params.server_max_window_bits = bits;
      params.server_no_context_takeover = !takeover;
      Deflater server(params, open_options());
      Deflater other(params, open_options());  // shares the context, if there is no takeover
      Client client(bits);
      for (std::size_t size : {1, 10, 5000, 70'000, 300, 0, 0, 40'000}) {
        const std::string message = prose(random, size);
        std::string payload, unused;
        server.deflate(message, payload);
        other.deflate("between", unused);
        EXPECT_EQ(client.read(payload), message) << bits << ' ' << takeover << ' ' << size;
        if (!takeover) {
          EXPECT_EQ(Client(bits).read(payload), message);  // each stands alone
        }
      }
    }
  }
}

TEST(Deflate, TakeoverMakesTheSecondMessageSmaller) {
  std::mt19937 random(3);
  const std::string message = prose(random, 3000);
  DeflateParams params;
  std::string first, second;
  Deflater server(params, open_options());
  server.deflate(message, first);
  server.deflate(message, second);
  EXPECT_LT(second.size() * 10, first.size());
}

TEST(Deflate, LevelsDecideHowSmall) {
  std::mt19937 random(6);
  const std::string message = prose(random, 60'000);
  for (const bool takeover : {false, true}) {
    DeflateParams params;
    params.server_no_context_takeover = !takeover;
    const auto size_at = [&](int level, int memory_level) {
      DeflateOptions options = open_options();
      options.level = level;
      options.memory_level = memory_level;
      std::string payload;
      Deflater(params, options).deflate(message, payload);
      EXPECT_EQ(Client(15).read(payload), message) << level << ' ' << memory_level;
      return payload.size();
    };
    EXPECT_LT(size_at(9, 8), size_at(1, 8));
    EXPECT_LT(size_at(6, 9), size_at(6, 1));
  }
}

TEST(Deflate, PartsAreReadAsTheyComeAndTogether) {
  std::mt19937 random(4);
  for (int bits : {9, 15}) {
    for (bool takeover : {false, true}) {
      DeflateParams params;
      params.server_max_window_bits = bits;
      params.server_no_context_takeover = !takeover;
      Deflater server(params, open_options());
      Deflater other(params, open_options());  // shares the context, if there is no takeover
      Client at_once(bits), at_the_end(bits);
      for (int message = 0; message < 3; ++message) {
        std::string text, payload;
        for (std::size_t size : {7, 5000, 1, 70'000, 70'000, 300}) {
          const std::string part = prose(random, size);
          std::string made, unused;
          if (!takeover && size % 2 == 1) {
            Deflater::store_part(part, made);
          } else {
            server.deflate_part(part, made);
          }
          other.deflate("between", unused);
          EXPECT_EQ(at_once.read(made + std::string(Deflater::kEnd)), part) << bits << takeover << size;
          text += part;
          payload += made;
        }
        EXPECT_EQ(at_the_end.read(payload += Deflater::kEnd), text) << bits << takeover;
        // A whole one goes on from there.
        const std::string whole = prose(random, 2000);
        std::string behind;
        server.deflate(whole, behind);
        EXPECT_EQ(at_once.read(behind), whole);
        EXPECT_EQ(at_the_end.read(behind), whole);
      }
    }
  }
}

TEST(Deflate, PartsThatAreStoredMayBeOfAnySize) {
  for (std::size_t size : {1, 0xFFFF, 0x10000, 200'000}) {
    const std::string part(size, 's');
    std::string payload;
    Deflater::store_part(part, payload);
    EXPECT_EQ(payload.size(), size + (size + 0xFFFE) / 0xFFFF * 5);
    EXPECT_EQ(Client(15).read(payload += Deflater::kEnd), part);
  }
}

TEST(Deflate, PartsReferToThoseBeforeWhereTheContextIsTakenOver) {
  std::mt19937 random(5);
  const std::string part = prose(random, 3000);
  std::string first, second;
  DeflateParams params;
  Deflater server(params, open_options());
  server.deflate_part(part, first);
  server.deflate_part(part, second);
  EXPECT_LT(second.size() * 10, first.size());
  params.server_no_context_takeover = true;
  Deflater alone(params, open_options());
  first.clear();
  second.clear();
  alone.deflate_part(part, first);
  alone.deflate_part(part, second);
  EXPECT_EQ(second, first);
}

/// `text` as a client sends it in parts of `size` octets, each compressed by itself.
std::string in_small_frames(std::string_view text, std::size_t size, const DeflateParams& params) {
  Deflater client(params, open_options(), Role::client);
  std::string octets;
  unsigned first = 0x41;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    std::string payload;
    client.deflate_part(text.substr(0, size), payload);
    octets += client_frame(std::exchange(first, 0x00), payload);
  }
  return octets += client_frame(0x80, Deflater::kEnd);
}

TEST(Deflate, SmallFramesMayComeAsMoreThanTheLimit) {
  std::mt19937 random(9);
  std::string text;
  for (int i = 0; i < 600; ++i) text += static_cast<char>('a' + random() % 26);
  for (const bool takeover : {false, true}) {
    DeflateParams params;
    params.client_no_context_takeover = !takeover;
    const std::string octets = in_small_frames(text, 3, params);
    ASSERT_GT(octets.size(), 200 * 6 + 2 * text.size());
    // Another behind it, and in the same context.
    EXPECT_EQ(decoded(octets + client_frame(kText, "more"), params, 600),
              (Events{"text:" + text, "text:more"}));
    EXPECT_EQ(decoded(octets, params, 599), (Events{"failed:1009"}));
    const std::string bad = in_small_frames(text.substr(0, 599) + '\xC3', 3, params);
    EXPECT_EQ(decoded(bad, params, 600), (Events{"failed:1007"}));
  }
}

TEST(Deflate, FramesThatStandForNothingTakeNoMemory) {
  std::string octets = client_frame(0x42, kHello + "\x00\x00\xFF\xFF"s);
  for (int i = 0; i < 20'000; ++i) octets += client_frame(0x00, "\x00\x00\x00\xFF\xFF"s);
  const auto transcript =
      decode_in_pieces(octets + client_frame(0x80, Deflater::kEnd), 4096, 100, Role::server, DeflateParams{});
  EXPECT_EQ(transcript.events, (Events{"binary:Hello"}));
  EXPECT_LT(transcript.most_memory, 60'000u);
}

TEST(Deflate, ABombInSeveralFramesIsStoppedAtTheLimit) {
  const DeflateParams params;
  Deflater client(params, open_options(), Role::client);
  std::string bomb;
  client.deflate(std::string(10'000'000, '\0'), bomb);
  std::string octets = client_frame(0x42, std::string());
  for (int i = 0; i < 100; ++i) octets += client_frame(0x00, "\x00\x00\x00\xFF\xFF"s);
  for (std::size_t at = 0; at < bomb.size(); at += 60) octets += client_frame(0x00, bomb.substr(at, 60));
  const auto transcript = decode_in_pieces(octets, octets.size(), 300, Role::server, params);
  EXPECT_EQ(transcript.events, (Events{"failed:1009"}));
  EXPECT_LT(transcript.most_memory, 60'000u);
}

}  // namespace
}  // namespace verdin::protocol::websocket
