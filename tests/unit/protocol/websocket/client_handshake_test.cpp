#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/client_handshake.hpp>
#include <verdin/protocol/websocket/handshake.hpp>

namespace verdin::protocol::websocket {
namespace {

constexpr std::string_view kSampleKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455, section 1.3
constexpr std::string_view kSampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

HandshakeAnswer good() {
  HandshakeAnswer answer;
  answer.status = 101;
  answer.upgrade = "WebSocket";
  answer.connection = "keep-alive, upgrade";
  answer.accept = kSampleAccept;
  return answer;
}

AnswerVerdict check(const HandshakeAnswer& answer, const std::vector<std::string>& subprotocols = {},
                    const std::optional<DeflateOptions>& deflate = {}) {
  return check_answer(answer, kSampleKey, subprotocols, deflate);
}

TEST(ClientHandshake, KeyIsBase64) {
  std::array<unsigned char, 16> octets{};
  std::string_view text = "the sample nonce";
  std::copy(text.begin(), text.end(), octets.begin());
  EXPECT_EQ(handshake_key(octets), kSampleKey);
}

TEST(ClientHandshake, Headers) {
  EXPECT_EQ(handshake_headers(kSampleKey, {}, {}),
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n");
  const std::vector<std::string> names = {"v2", "v1"};
  const std::string headers = handshake_headers(kSampleKey, names, DeflateOptions{});
  EXPECT_NE(headers.find("\r\nSec-WebSocket-Protocol: v2, v1\r\n"), std::string::npos);
  EXPECT_NE(headers.find("\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                         "client_no_context_takeover; client_max_window_bits\r\n"),
            std::string::npos);
}

/// What we offer is what our own server takes: whatever the options.
TEST(ClientHandshake, ServersUnderstandEveryOffer) {
  for (int bits = 8; bits <= 15; ++bits) {
    for (int flags = 0; flags < 4; ++flags) {
      DeflateOptions client;
      client.server_max_window_bits = bits;
      client.client_max_window_bits = 23 - bits;
      client.server_no_context_takeover = (flags & 1) != 0;
      client.client_no_context_takeover = (flags & 2) != 0;
      const std::string offer = deflate_offer(client);
      ASSERT_TRUE(is_extension_list(offer)) << offer;
      for (int server_flags = 0; server_flags < 4; ++server_flags) {
        DeflateOptions server;
        server.server_no_context_takeover = (server_flags & 1) != 0;
        server.client_no_context_takeover = (server_flags & 2) != 0;
        const auto agreement = agree_on_deflate(offer, server);
        ASSERT_TRUE(agreement) << offer;
        const auto params = accept_deflate(agreement->answer, client);
        ASSERT_TRUE(params) << offer << " / " << agreement->answer;
        // What each side sends, the other can read.
        EXPECT_EQ(params->server_no_context_takeover, agreement->params.server_no_context_takeover);
        EXPECT_EQ(params->server_max_window_bits, agreement->params.server_max_window_bits);
        EXPECT_LE(params->client_max_window_bits, agreement->params.client_max_window_bits);
        EXPECT_GE(params->client_no_context_takeover, agreement->params.client_no_context_takeover);
      }
    }
  }
}

TEST(ClientHandshake, AnAnswerThatFits) {
  const AnswerVerdict verdict = check(good());
  EXPECT_EQ(verdict.problem, "");
  EXPECT_EQ(verdict.subprotocol, "");
  EXPECT_FALSE(verdict.deflate);
  HandshakeAnswer answer = good();
  answer.protocol = " v1 ";
  answer.extensions = "permessage-deflate; server_no_context_takeover; server_max_window_bits=10";
  const AnswerVerdict more = check(answer, {"v2", "v1"}, DeflateOptions{});
  EXPECT_EQ(more.problem, "");
  EXPECT_EQ(more.subprotocol, "v1");
  ASSERT_TRUE(more.deflate);
  EXPECT_EQ(more.deflate->server_max_window_bits, 10);
  EXPECT_TRUE(more.deflate->client_no_context_takeover);  // we want it so
}

TEST(ClientHandshake, AnswersThatDoNot) {
  const auto problem = [](auto change) {
    HandshakeAnswer answer = good();
    change(answer);
    return std::string(check(answer, {"v1"}, DeflateOptions{}).problem);
  };
  EXPECT_EQ(problem([](HandshakeAnswer&) {}), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.status = 200; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.upgrade.reset(); }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.upgrade = "h2c"; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.connection.reset(); }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.connection = "close"; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.accept.reset(); }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.accept = "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.protocol = "v2"; }), "");
  EXPECT_NE(problem([](HandshakeAnswer& a) { a.protocol = ""; }), "");
  for (const char* extensions :
       {"x-webkit-deflate-frame", "permessage-deflate;;", "permessage-deflate, permessage-deflate",
        "permessage-deflate", "permessage-deflate; server_no_context_takeover; x=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1",
        "foo, permessage-deflate; server_no_context_takeover"}) {
    EXPECT_NE(problem([&](HandshakeAnswer& a) { a.extensions = extensions; }), "") << extensions;
  }
  HandshakeAnswer unasked = good();
  unasked.extensions = "permessage-deflate";
  EXPECT_NE(check(unasked).problem, "");
  unasked = good();
  unasked.protocol = "v1";
  EXPECT_NE(check(unasked).problem, "");
}

TEST(ClientHandshake, AWindowThatWasAskedForMustBeAnswered) {
  DeflateOptions options;
  options.server_no_context_takeover = false;
  options.server_max_window_bits = 10;
  EXPECT_FALSE(accept_deflate("permessage-deflate", options));
  EXPECT_FALSE(accept_deflate("permessage-deflate; server_max_window_bits=11", options));
  EXPECT_TRUE(accept_deflate("permessage-deflate; server_max_window_bits=\"10\"", options));
  EXPECT_TRUE(accept_deflate("permessage-deflate; server_max_window_bits=8", options));
}

}  // namespace
}  // namespace verdin::protocol::websocket
