#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/handshake.hpp>

namespace verdin::protocol::websocket {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

HandshakeRequest good_request() {
  HandshakeRequest request;
  request.method = "GET";
  request.upgrade = "websocket";
  request.connection = "Upgrade";
  request.key = kKey;
  request.version = "13";
  return request;
}

template <typename Change>
int status_after(Change change) {
  HandshakeRequest request = good_request();
  change(request);
  return check_handshake(request).status;
}

TEST(Handshake, AGoodRequestIsAccepted) {
  EXPECT_TRUE(check_handshake(good_request()).ok());
  EXPECT_EQ(status_after([](auto& r) { r.upgrade = "WebSocket"; }), 101);
  EXPECT_EQ(status_after([](auto& r) { r.upgrade = "h2c, websocket"; }), 101);
  EXPECT_EQ(status_after([](auto& r) { r.connection = "keep-alive,\tUPGRADE"; }), 101);
  EXPECT_EQ(status_after([](auto& r) { r.protocols = "chat, superchat"; }), 101);
  EXPECT_EQ(status_after([](auto& r) { r.extensions = "permessage-deflate; client_max_window_bits"; }), 101);
  EXPECT_EQ(status_after([](auto& r) { r.extensions = "__proto__; constructor=1"; }), 101);
}

TEST(Handshake, RefusesEachFaultByItsStatus) {
  EXPECT_EQ(status_after([](auto& r) { r.method = "POST"; }), 405);
  EXPECT_EQ(status_after([](auto& r) { r.method = "get"; }), 405);
  EXPECT_EQ(status_after([](auto& r) { r.http_1_1 = false; }), 400);
  EXPECT_EQ(status_after([](auto& r) { r.upgrade.reset(); }), 426);
  for (const char* value : {"", "websockets", "web socket", "h2c", "websocket/13"}) {
    EXPECT_EQ(status_after([=](auto& r) { r.upgrade = value; }), 400) << value;
  }
  EXPECT_EQ(status_after([](auto& r) { r.connection.reset(); }), 400);
  for (const char* value : {"", "keep-alive", "Upgraded", "keep-alive Upgrade"}) {
    EXPECT_EQ(status_after([=](auto& r) { r.connection = value; }), 400) << value;
  }
  EXPECT_EQ(status_after([](auto& r) { r.version.reset(); }), 426);
  for (const char* value : {"", "12", "14", "8", "0", "-1", "013", "13.0", "13, 8", "13, 13", "thirteen"}) {
    EXPECT_EQ(status_after([=](auto& r) { r.version = value; }), 426) << value;
  }
  EXPECT_EQ(status_after([](auto& r) { r.key.reset(); }), 400);
}

TEST(Handshake, TheKeyIsSixteenOctetsInBase64) {
  EXPECT_EQ(status_after([](auto& r) { r.key = " \tdGhlIHNhbXBsZSBub25jZQ== "; }), 101);
  for (const char* value :
       {"", "x", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBsZSBub25jZQA=",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "=GhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="}) {
    EXPECT_EQ(status_after([=](auto& r) { r.key = value; }), 400) << value;
  }
}

TEST(Handshake, ProtocolListsAreTokensEachOnce) {
  for (const char* value : {"chat", "chat,superchat", "a , b", "v10.stomp, v11.stomp"}) {
    EXPECT_TRUE(is_protocol_list(value)) << value;
  }
  for (const char* value :
       {"", " ", ",", "a,", ",a", "a,,b", "a b", "a;b", "a=b", "\"a\"", "a, a", "caf\xC3\xA9", "a/b"}) {
    EXPECT_FALSE(is_protocol_list(value)) << value;
    EXPECT_EQ(status_after([=](auto& r) { r.protocols = value; }), 400) << value;
  }
  EXPECT_FALSE(is_protocol_list(std::string_view("a\0b", 3)));
}

TEST(Handshake, ExtensionListsFollowTheGrammar) {
  for (const char* value :
       {"foo", "foo, bar", "foo; a", "foo; a=1", "foo; a=\"1\"", "foo;a;b = c , bar ;x", "foo; a=\"\\1\"",
        "foo, foo", "permessage-deflate; server_max_window_bits=10, permessage-deflate"}) {
    EXPECT_TRUE(is_extension_list(value)) << value;
  }
  for (const char* value : {"",
                            " ",
                            ",",
                            "foo,",
                            ",foo",
                            "foo,,bar",
                            "foo;",
                            "foo;;a",
                            "foo; =1",
                            "foo; a=",
                            "foo; a=\"\"",
                            "foo; a=\"1",
                            "foo; a=1\"",
                            "foo; a=\"b c\"",
                            "foo; a=\"1\"2",
                            "foo bar",
                            "foo; a b",
                            "foo=1",
                            ";a",
                            "foo; a=\"\\",
                            "f\xC3\xA4",
                            "foo; a=1=2"}) {
    EXPECT_FALSE(is_extension_list(value)) << value;
    EXPECT_EQ(status_after([=](auto& r) { r.extensions = value; }), 400) << value;
  }
}

/// Seconds of CPU.
template <typename F>
double cost_of(F&& call) {
  const std::clock_t start = std::clock();
  call();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// Lists that make a parser look back or ahead, each of about `size` octets.
std::vector<std::string> hostile_lists(std::size_t size) {
  std::string names, same, parameters = "a";
  for (int i = 0; names.size() < size; ++i) names += "p" + std::to_string(i) + ",";
  while (same.size() < size) same += "chat,";
  while (parameters.size() < size) parameters += ";b=\"c\"";
  return {std::string(size, ' '),
          "a" + std::string(size, ' ') + "b",
          std::string(size, ','),
          std::string(size, '"'),
          "a;" + std::string(size, '='),
          "a; b=\"" + std::string(size, '\\'),
          std::string(size, 'a'),
          names + "z",
          same + "z",
          parameters};
}

// A list of 32 KB against the same octets in 16 of 2 KB: what looks at each pair of octets takes 16 times as
// long. As the least of each counts, and only until the bound is kept, a machine that is busy with other
// things changes nothing.
TEST(Handshake, HostileListsCostNoMorePerOctetThanShortOnes) {
  constexpr std::size_t kShort = 2048;
  constexpr int kTimes = 16;
  const std::vector<std::string> supported = {"other"};
  const std::vector<std::string> shorts = hostile_lists(kShort), longs = hostile_lists(kTimes * kShort);
  const std::vector<void (*)(const std::string&, const std::vector<std::string>&)> readers = {
      [](const std::string& list, const auto&) { is_protocol_list(list); },
      [](const std::string& list, const auto&) { is_extension_list(list); },
      [](const std::string& list, const auto& known) { EXPECT_EQ(select_subprotocol(list, known), ""); }};
  for (std::size_t i = 0; i < shorts.size(); ++i) {
    for (std::size_t j = 0; j < readers.size(); ++j) {
      double least_short = 1e9, least_long = 1e9;
      for (int round = 0; round < 20 && (round == 0 || least_long > 6 * least_short + 0.0005); ++round) {
        least_short = std::min(least_short, cost_of([&] {
                                 for (int n = 0; n < kTimes; ++n) readers[j](shorts[i], supported);
                               }));
        least_long = std::min(least_long, cost_of([&] { readers[j](longs[i], supported); }));
      }
      ASSERT_LE(least_long, 6 * least_short + 0.0005) << "list " << i << ", reader " << j;
    }
  }
}

TEST(Handshake, TheClientsFirstKnownSubprotocolIsChosen) {
  const std::vector<std::string> supported = {"b", "c"};
  EXPECT_EQ(select_subprotocol("a, c ,b", supported), "c");
  EXPECT_EQ(select_subprotocol("a", supported), "");
  EXPECT_EQ(select_subprotocol("B", supported), "");
  EXPECT_EQ(select_subprotocol("b", {}), "");
}

TEST(Handshake, TheAcceptKeyIsThatOfTheRfc) {
  EXPECT_EQ(as_text(accept_key(kKey)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(as_text(accept_key(" dGhlIHNhbXBsZSBub25jZQ== ")), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, TheAcceptKeyOfOtherKeys) {
  EXPECT_EQ(as_text(accept_key("AAAAAAAAAAAAAAAAAAAAAA==")), "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
  EXPECT_EQ(as_text(accept_key("/////////////////////w==")), "XXpj4jYzLM2yUE0C7TIgMwTQh2g=");
  EXPECT_EQ(as_text(accept_key("x3JJHMbDL1EzLkh9GBhXDw==")), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
  EXPECT_EQ(as_text(accept_key("AQIDBAUGBwgJCgsMDQ4PEA==")), "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
}

}  // namespace
}  // namespace verdin::protocol::websocket
