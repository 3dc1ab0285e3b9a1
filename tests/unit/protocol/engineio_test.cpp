#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/engineio/handshake.hpp>
#include <verdin/protocol/engineio/packet.hpp>
#include <verdin/protocol/engineio/payload.hpp>
#include <verdin/protocol/json/document.hpp>

namespace verdin::protocol::eio {
namespace {

TEST(EngineIoPacket, KnowsSevenTypes) {
  for (int i = 0; i <= 6; ++i) {
    std::string frame = std::to_string(i) + "data";
    Packet packet;
    ASSERT_EQ(parse_packet(frame, packet), PacketError::none);
    EXPECT_EQ(static_cast<int>(packet.type), i);
    EXPECT_EQ(packet.text(), "data");
    EXPECT_FALSE(packet.binary);
    std::string again;
    append_packet(again, packet.type, packet.text());
    EXPECT_EQ(again, frame);
    EXPECT_FALSE(describe(packet.type).empty());
  }
}

TEST(EngineIoPacket, RefusesTheRest) {
  Packet packet;
  EXPECT_EQ(parse_packet({}, packet), PacketError::empty);
  for (int c = 0; c < 256; ++c) {
    if (c >= '0' && c <= '6') continue;
    std::string frame(1, static_cast<char>(c));
    frame += "x";
    EXPECT_EQ(parse_packet(frame, packet), PacketError::unknown_type) << c;
  }
}

TEST(EngineIoPacket, MayHaveNoData) {
  std::string frame = "2";
  Packet packet;
  ASSERT_EQ(parse_packet(frame, packet), PacketError::none);
  EXPECT_EQ(packet.type, PacketType::ping);
  EXPECT_TRUE(packet.data.empty());
}

struct Read {
  std::vector<std::string> packets;  // "<type><t|b>:<data>"
  PacketError error;
};

Read read(std::string body, std::size_t max_packet = 1000) {
  Read result;
  PayloadReader reader(body, max_packet);
  Packet packet;
  while (reader.next(packet)) {
    result.packets.push_back(std::string(1, digit(packet.type)) + (packet.binary ? "b:" : "t:") +
                             std::string(packet.text()));
  }
  EXPECT_FALSE(reader.next(packet));
  result.error = reader.error();
  return result;
}

using Packets = std::vector<std::string>;

TEST(EngineIoPayload, SplitsPackets) {
  EXPECT_EQ(read("4hello").packets, Packets{"4t:hello"});
  const Read several = read(
      "4hello\x1e"
      "2\x1e"
      "4\xE2\x82\xAC\x1e"
      "bAQIDBA==\x1e"
      "b\x1e"
      "1");
  EXPECT_EQ(several.error, PacketError::none);
  EXPECT_EQ(several.packets,
            (Packets{"4t:hello", "2t:", "4t:\xE2\x82\xAC", "4b:\x01\x02\x03\x04", "4b:", "1t:"}));
}

TEST(EngineIoPayload, StopsAtWhatIsMalformed) {
  EXPECT_EQ(read("").error, PacketError::empty);
  EXPECT_EQ(read("\x1e").error, PacketError::empty);
  EXPECT_EQ(read("4a\x1e").error, PacketError::empty);
  EXPECT_EQ(read("4a\x1e").packets, Packets{"4t:a"});
  EXPECT_EQ(read("4a\x1e\x1e"
                 "4b")
                .error,
            PacketError::empty);
  EXPECT_EQ(read("\x1e"
                 "4a")
                .error,
            PacketError::empty);
  EXPECT_EQ(read("abc").error, PacketError::unknown_type);
  EXPECT_EQ(read("4a\x1e"
                 "7\x1e"
                 "4b")
                .error,
            PacketError::unknown_type);
  EXPECT_EQ(read("4a\x1e"
                 "7\x1e"
                 "4b")
                .packets,
            Packets{"4t:a"});
  for (const char* bad : {"bA", "bAQ", "bAQI", "b====", "bAQ=I", "b-_==", "bAQ==\n", "bB64 ", "bAB=="}) {
    EXPECT_EQ(read(bad).error, PacketError::bad_base64) << bad;
  }
  EXPECT_EQ(read("bAQID").error, PacketError::none);
}

TEST(EngineIoPayload, LimitsAPacket) {
  EXPECT_EQ(read("41234", 4).error, PacketError::none);
  EXPECT_EQ(read("412345", 4).error, PacketError::too_large);
  EXPECT_EQ(read("bAQIDBA==", 4).error, PacketError::none);
  EXPECT_EQ(read("bAQIDBA==", 3).error, PacketError::too_large);
  EXPECT_EQ(read("41234\x1e"
                 "412345",
                 4)
                .packets,
            Packets{"4t:1234"});
}

TEST(EngineIoPayload, IsBuiltAsItIsRead) {
  std::string payload;
  std::size_t size = 0;
  append_to_payload(payload, PacketType::message, "hello");
  size += payload_size_of_text(5);
  append_to_payload(payload, PacketType::noop);
  size += payload_size_of_text(0);
  for (const std::string_view bytes : {"", "a", "ab", "abc", "abcd"}) {
    append_binary_to_payload(payload, bytes);
    size += payload_size_of_binary(bytes.size());
  }
  append_encoded_to_payload(payload, "42[\"x\"]");
  size += payload_size_of_text(6);
  EXPECT_EQ(payload,
            "4hello\x1e"
            "6\x1e"
            "b\x1e"
            "bYQ==\x1e"
            "bYWI=\x1e"
            "bYWJj\x1e"
            "bYWJjZA==\x1e"
            "42[\"x\"]");
  EXPECT_EQ(payload.size() + 1, size);  // the first has no separator
  EXPECT_EQ(read(payload).packets,
            (Packets{"4t:hello", "6t:", "4b:", "4b:a", "4b:ab", "4b:abc", "4b:abcd", "4t:2[\"x\"]"}));
}

TEST(EngineIoPayload, HasNoLimitOfPackets) {
  std::string payload;
  for (int i = 0; i < 100'000; ++i) append_to_payload(payload, PacketType::noop);
  EXPECT_EQ(read(payload).packets.size(), 100'000u);
}

TEST(EngineIoHandshake, WritesTheOpenPacket) {
  const std::string_view upgrades[] = {"websocket"};
  std::string out;
  append_open(out, {"lv_VI97HAXpY6yYWAAAC", upgrades, std::chrono::milliseconds(300),
                    std::chrono::milliseconds(200), 1'000'000});
  EXPECT_EQ(
      out,
      R"(0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000})");
  json::Document document;
  ASSERT_EQ(document.parse(std::string_view(out).substr(1)), json::ParseError::none);
  OpenReceived received;
  ASSERT_TRUE(decode_open(document.root(), received));
  EXPECT_EQ(received.open.sid, "lv_VI97HAXpY6yYWAAAC");
  EXPECT_EQ(received.open.ping_interval, std::chrono::milliseconds(300));
  EXPECT_EQ(received.open.ping_timeout, std::chrono::milliseconds(200));
  EXPECT_EQ(received.open.max_payload, 1'000'000u);
  EXPECT_TRUE(received.can_upgrade);
  out.clear();
  append_open(out, {.sid = "x", .upgrades = {}});
  EXPECT_EQ(out,
            R"(0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
}

TEST(EngineIoHandshake, ChecksTheOpenPacket) {
  json::Document document;
  OpenReceived received;
  const auto accepts = [&](std::string_view text) {
    EXPECT_EQ(document.parse(text), json::ParseError::none);
    return decode_open(document.root(), received);
  };
  EXPECT_TRUE(accepts(R"({"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":2})"));
  EXPECT_FALSE(received.can_upgrade);
  EXPECT_EQ(received.open.max_payload, 0u);
  EXPECT_FALSE(accepts(R"({"sid":"","upgrades":[],"pingInterval":1,"pingTimeout":2})"));
  EXPECT_FALSE(accepts(R"({"sid":5,"upgrades":[],"pingInterval":1,"pingTimeout":2})"));
  EXPECT_FALSE(accepts(R"({"sid":"x","pingInterval":1,"pingTimeout":2})"));
  EXPECT_FALSE(accepts(R"({"sid":"x","upgrades":[],"pingInterval":-1,"pingTimeout":2})"));
  EXPECT_FALSE(accepts(R"({"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":1e15})"));
  EXPECT_FALSE(accepts(R"({"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":2,"maxPayload":-1})"));
  EXPECT_FALSE(accepts("[]"));
}

TEST(EngineIoHandshake, NamesErrorsAsTheProtocolDoes) {
  EXPECT_EQ(error_json(ErrorCode::unknown_transport), R"({"code":0,"message":"Transport unknown"})");
  EXPECT_EQ(error_json(ErrorCode::unknown_sid), R"({"code":1,"message":"Session ID unknown"})");
  EXPECT_EQ(error_json(ErrorCode::bad_handshake_method), R"({"code":2,"message":"Bad handshake method"})");
  EXPECT_EQ(error_json(ErrorCode::bad_request), R"({"code":3,"message":"Bad request"})");
  EXPECT_EQ(error_json(ErrorCode::forbidden), R"({"code":4,"message":"Forbidden"})");
  EXPECT_EQ(error_json(ErrorCode::unsupported_protocol_version),
            R"({"code":5,"message":"Unsupported protocol version"})");
  EXPECT_EQ(error_json(ErrorCode::forbidden, "go \"away\""), R"({"code":4,"message":"go \"away\""})");
  EXPECT_EQ(http_status(ErrorCode::forbidden), 403);
  EXPECT_EQ(http_status(ErrorCode::unknown_sid), 400);
}

}  // namespace
}  // namespace verdin::protocol::eio
