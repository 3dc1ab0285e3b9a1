#include "http_reply.hpp"

#include <string>

#include <gtest/gtest.h>

namespace bench {
namespace {

using namespace std::string_literals;

TEST(TakeReply, TakesOneOfTwo) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\nHelloHTTP/1.1 200 OK\r\nContent-Length: "
      "0\r\n\r\n";
  std::string_view input = text;
  std::string_view body;
  ASSERT_EQ(take_reply(input, body), ReplyStatus::kReply);
  EXPECT_EQ(body, "Hello");
  ASSERT_EQ(take_reply(input, body), ReplyStatus::kReply);
  EXPECT_EQ(body, "");
  EXPECT_TRUE(input.empty());
}

TEST(TakeReply, WaitsForEveryOctet) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
  for (std::size_t size = 0; size < text.size(); ++size) {
    std::string_view input = std::string_view(text).substr(0, size);
    std::string_view body;
    EXPECT_EQ(take_reply(input, body), ReplyStatus::kIncomplete);
    EXPECT_EQ(input.size(), size);
  }
}

TEST(TakeReply, RefusesWhatIsNone) {
  for (const std::string& text :
       {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"s, "HTTP/1.1 200 OK\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"s, std::string(20000, 'x')}) {
    std::string_view input = text;
    std::string_view body;
    EXPECT_EQ(take_reply(input, body), ReplyStatus::kInvalid);
  }
}

}  // namespace
}  // namespace bench
