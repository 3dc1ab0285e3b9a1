#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/close_code.hpp>

#include "support/websocket_client_frames.hpp"

namespace verdin::protocol::websocket {
namespace {

using test::close_payload;

TEST(CloseCode, SendableCodesAreThoseOfTheRegistry) {
  for (int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    EXPECT_TRUE(is_sendable_close_code(static_cast<std::uint16_t>(code))) << code;
  }
  for (int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_FALSE(is_sendable_close_code(static_cast<std::uint16_t>(code))) << code;
  }
}

TEST(CloseCode, ParsesCodeAndReason) {
  const std::string payload = close_payload(4001, "gone f\xC3\xBCr good");
  const ClosePayload close = parse_close_payload(payload);
  EXPECT_EQ(close.error, 0);
  EXPECT_EQ(close.code, 4001);
  EXPECT_EQ(close.reason, "gone f\xC3\xBCr good");
}

TEST(CloseCode, AnEmptyPayloadHasNoStatus) {
  const ClosePayload close = parse_close_payload({});
  EXPECT_EQ(close.error, 0);
  EXPECT_EQ(close.code, close_code::kNoStatus);
}

TEST(CloseCode, NamesTheFaultOfABadPayload) {
  EXPECT_EQ(parse_close_payload(std::string(1, '\x03')).error, close_code::kProtocolError);
  EXPECT_EQ(parse_close_payload(close_payload(999)).error, close_code::kProtocolError);
  EXPECT_EQ(parse_close_payload(close_payload(1005)).error, close_code::kProtocolError);
  EXPECT_EQ(parse_close_payload(close_payload(65535)).error, close_code::kProtocolError);
  EXPECT_EQ(parse_close_payload(close_payload(1000, "\xCE\xBA\xED\xA0\x80")).error, close_code::kInvalidData);
  EXPECT_EQ(parse_close_payload(close_payload(1000, "\xC3")).error, close_code::kInvalidData);
}

std::string written(std::uint16_t code, std::string_view reason) {
  char to[kMaxControlPayload];
  return {to, write_close_payload(to, code, reason)};
}

TEST(CloseCode, WritesWhatIsParsed) {
  EXPECT_EQ(written(1000, ""), close_payload(1000));
  EXPECT_EQ(written(4999, "bye"), close_payload(4999, "bye"));
}

TEST(CloseCode, ACodeThatMayNotBeSentWritesNothing) {
  EXPECT_EQ(written(1005, "x"), "");
  EXPECT_EQ(written(1006, "x"), "");
  EXPECT_EQ(written(0, "x"), "");
}

TEST(CloseCode, CutsALongReasonAtACharacter) {
  std::string reason(122, 'a');
  reason += "\xC3\xA9";  // octets 123 and 124: one too many
  EXPECT_EQ(written(1000, reason), close_payload(1000, std::string(122, 'a')));
  EXPECT_EQ(written(1000, std::string(124, 'b')).size(), kMaxControlPayload);
  EXPECT_EQ(written(1000, std::string(123, 'b')).size(), kMaxControlPayload);
}

TEST(CloseCode, LeavesOutAReasonThatIsNotUtf8) { EXPECT_EQ(written(1000, "\xFF"), close_payload(1000)); }

}  // namespace
}  // namespace verdin::protocol::websocket
