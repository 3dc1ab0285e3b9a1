// The helpers around requests and responses: dates, targets, cookies, conditional headers, escaping.
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/http1/date.hpp>
#include <verdin/protocol/http1/media.hpp>
#include <verdin/protocol/http1/negotiation.hpp>
#include <verdin/protocol/http1/response_head.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace {

namespace http1 = verdin::protocol::http1;

TEST(Http1Date, FormatsAndParses) {
  EXPECT_EQ(http1::format_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http1::parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(http1::format_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http1::format_date(253402300800), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(http1::format_date(-99999999999), "Sat, 01 Jan 0000 00:00:00 GMT");
  for (const char* bad :
       {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_EQ(http1::parse_date(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(http1::parse_date(http1::current_date()));
  const http1::DateLine& line = http1::current_date_line();
  const std::string_view text(line.data(), line.size());
  EXPECT_EQ(text, "Date: " + std::string(http1::current_date()) + "\r\n");
}

/// What the line is made from: up to 4 ms behind time().
std::time_t coarse_second() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

TEST(Http1Date, TheLineGoesWithTheClock) {
  const auto second_in_line = [] { return http1::parse_date(http1::current_date()).value_or(0); };
  const std::time_t before = coarse_second();
  const std::time_t first = second_in_line();
  EXPECT_GE(first, before);
  while (coarse_second() <= first) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GT(second_in_line(), first);
  EXPECT_LE(second_in_line(), coarse_second());
}

TEST(Http1Response, HeadersThatCouldSplitAreRefused) {  // reliability: 29
  for (const std::string& bad :
       {std::string("a\r\nb"), std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("a\x7f"), std::string(" a"), std::string("a ")}) {
    EXPECT_THROW(http1::check_header("X", bad), std::invalid_argument);
  }
  for (const std::string& bad :
       {std::string(""), std::string("a b"), std::string("a:"), std::string("a\r\n"), std::string("\xc3")}) {
    EXPECT_THROW(http1::check_header(bad, "x"), std::invalid_argument);
  }
  EXPECT_NO_THROW(http1::check_header("X-Y", "caf\xc3\xa9 \t x"));
  EXPECT_NO_THROW(http1::check_header("X-Y", ""));
}

TEST(Http1Response, StatusLine) {
  std::string text;
  http1::append_status_line(text, 200);
  http1::append_status_line(text, 404);
  http1::append_status_line(text, 299);
  http1::append_content_length(text, 18446744073709551615u);
  EXPECT_EQ(text,
            "HTTP/1.1 200 OK\r\nHTTP/1.1 404 Not Found\r\nHTTP/1.1 299 \r\nContent-Length: "
            "18446744073709551615\r\n");
  EXPECT_THROW(http1::append_status_line(text, 99), std::invalid_argument);
  EXPECT_THROW(http1::append_status_line(text, 1000), std::invalid_argument);
}

TEST(Http1Uri, PercentDecoding) {
  EXPECT_EQ(http1::percent_decode("a%20b%2Fc+"), "a b/c+");
  EXPECT_EQ(http1::percent_decode(""), "");
  for (const char* bad : {"%", "%2", "%zz", "a%2", "%00", "%-1"})
    EXPECT_EQ(http1::percent_decode(bad), std::nullopt) << bad;
  EXPECT_EQ(http1::percent_encode("a b/\xc3\xa9~"), "a%20b%2F%C3%A9~");
}

TEST(Http1Uri, DotSegments) {
  const auto normal = [](std::string_view path) { return http1::remove_dot_segments(path); };
  EXPECT_EQ(normal("/"), "/");
  EXPECT_EQ(normal(""), "/");
  EXPECT_EQ(normal("/a/./b/../c"), "/a/c");
  EXPECT_EQ(normal("/a/b/.."), "/a/");
  EXPECT_EQ(normal("/a/b/."), "/a/b/");
  EXPECT_EQ(normal("/../../etc/passwd"), "/etc/passwd");
  EXPECT_EQ(normal("/%2e%2E/%2e/x"), "/x");
  EXPECT_EQ(normal("/.%2e/x"), "/x");
  EXPECT_EQ(normal("/a//b/"), "/a//b/");
  EXPECT_EQ(normal("/a//../b"), "/a/b");
  EXPECT_EQ(normal("/.../x"), "/.../x");
  EXPECT_EQ(normal("/..a/.b"), "/..a/.b");
  EXPECT_EQ(normal("*"), "/*");
}

TEST(Http1Uri, CanonicalEscapes) {
  for (const auto& [text, canonical] : {std::pair{"/a/b", "/a/b"},
                                        {"/%61%2Db/%7e", "/a-b/~"},
                                        {"/%2f%2F%25%2561", "/%2F%2F%25%2561"},
                                        {"/a%40b%20c%C3%a9", "/a@b c\xC3\xA9"},
                                        {"/%", "/%25"},
                                        {"/%6", "/%256"},
                                        {"/%g1%61", "/%25g1a"},
                                        {"", ""}}) {
    EXPECT_EQ(http1::canonical_escapes(text), canonical) << text;
    EXPECT_EQ(http1::canonical_escapes(canonical), canonical) << text;
  }
}

TEST(Http1Uri, PlainPathsAreWhatDecodingLeavesAsTheyAre) {
  EXPECT_FALSE(http1::is_plain_path(""));
  EXPECT_FALSE(http1::is_plain_path("a"));
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char c : std::string_view("%./a")) {
        for (const char before : std::string_view("/a")) {
          std::string path = "/" + std::string(size, 'a');
          path[at] = before;
          path[at + 1] = c;
          const bool plain = path[0] == '/' && c != '%' && !(c == '.' && before == '/');
          ASSERT_EQ(http1::is_plain_path(path), plain) << path;
          ASSERT_TRUE(!plain || http1::remove_dot_segments(path) == path) << path;
        }
      }
    }
  }
}

TEST(Http1Uri, FilePaths) {
  EXPECT_EQ(http1::safe_file_path("/a/b%20c.js"), "/a/b c.js");
  EXPECT_EQ(http1::safe_file_path("/a/"), "/a/");
  EXPECT_EQ(http1::safe_file_path("/"), "/");
  for (const char* bad : {"", "a", "/../a", "/a/../b", "/a/%2e%2e/b", "/..%2fetc", "/%2e%2e%2fetc", "/a%2fb",
                          "/a%5cb", "/a\\b", "/a%00.js", "//etc", "/a//b", "/./a", "/%zz"}) {
    EXPECT_EQ(http1::safe_file_path(bad), std::nullopt) << bad;
  }
}

TEST(Http1Uri, Queries) {
  EXPECT_EQ(http1::query_value("a=1&b=x+y%21&a=2", "a"), "1");
  EXPECT_EQ(http1::query_value("a=1&b=x+y%21", "b"), "x y!");
  EXPECT_EQ(http1::query_value("a&b=", "a"), "");
  EXPECT_EQ(http1::query_value("a&b=", "b"), "");
  EXPECT_EQ(http1::query_value("a=1", "c"), std::nullopt);
  EXPECT_EQ(http1::query_value("", ""), std::nullopt);
  EXPECT_EQ(http1::query_value("%61=1=2", "a"), "1=2");
  EXPECT_EQ(http1::query_value("a=%zz%", "a"), "%zz%");
  EXPECT_EQ(http1::query_value("&&a=1&", "a"), "1");
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(http1::parse_query("a=1&&b&a=2"), (Pairs{{"a", "1"}, {"b", ""}, {"a", "2"}}));
  EXPECT_EQ(http1::parse_query("a=1&b=2&c=3", 2).size(), 2u);
}

TEST(Http1Cookie, Reads) {
  EXPECT_EQ(http1::cookie_value("a=1; b=\"two\"; a=3", "a"), "1");
  EXPECT_EQ(http1::cookie_value("a=1;b=\"two\"", "b"), "two");
  EXPECT_EQ(http1::cookie_value("a=1", "A"), std::nullopt);
  EXPECT_EQ(http1::cookie_value("a; =b; ;", "a"), std::nullopt);
  EXPECT_EQ(http1::cookie_value("sid=x=y", "sid"), "x=y");
}

TEST(Http1Cookie, Writes) {  // reliability: 29
  EXPECT_EQ(http1::set_cookie_value("a", "1"), "a=1; Path=/; HttpOnly; SameSite=Lax");
  http1::CookieAttributes attributes;
  attributes.path = "/x";
  attributes.domain = "example.org";
  attributes.max_age = std::chrono::seconds(60);
  attributes.secure = true;
  attributes.http_only = false;
  attributes.same_site = http1::SameSite::none;
  EXPECT_EQ(http1::set_cookie_value("a", "1", attributes),
            "a=1; Path=/x; Domain=example.org; Max-Age=60; Secure; SameSite=None");
  EXPECT_THROW(http1::set_cookie_value("a b", "1"), std::invalid_argument);
  EXPECT_THROW(http1::set_cookie_value("", "1"), std::invalid_argument);
  for (const char* bad : {"a;b", "a\r\nb", "a b", "a,b", "\"", "\\", "\xc3"}) {
    EXPECT_THROW(http1::set_cookie_value("a", bad), std::invalid_argument) << bad;
  }
  for (const char* name : {"__Host-a", "__host-a", "__Secure-a", "__SECURE-a"}) {
    http1::CookieAttributes promised;
    EXPECT_THROW(http1::set_cookie_value(name, "1", promised), std::invalid_argument) << name;
    promised.secure = true;
    EXPECT_NO_THROW(http1::set_cookie_value(name, "1", promised)) << name;
    const bool host = http1::cookie_is_named(name, http1::kHostPrefix);
    promised.path = "/x";
    if (host) {
      EXPECT_THROW(http1::set_cookie_value(name, "1", promised), std::invalid_argument) << name;
    }
    promised.path = "/";
    promised.domain = "a.test";
    if (host) {
      EXPECT_THROW(http1::set_cookie_value(name, "1", promised), std::invalid_argument) << name;
    } else {
      EXPECT_NO_THROW(http1::set_cookie_value(name, "1", promised)) << name;
    }
  }
  attributes.path = "/; Secure";
  EXPECT_THROW(http1::set_cookie_value("a", "1", attributes), std::invalid_argument);
  attributes.path = "/";
  attributes.domain = "a\nb";
  EXPECT_THROW(http1::set_cookie_value("a", "1", attributes), std::invalid_argument);
}

TEST(Http1Negotiation, Etags) {
  EXPECT_TRUE(http1::etag_matches("\"a\"", "\"a\""));
  EXPECT_TRUE(http1::etag_matches("W/\"a\"", "\"a\""));
  EXPECT_TRUE(http1::etag_matches("\"x\", W/\"a,b\" ,\"y\"", "\"a,b\""));
  EXPECT_TRUE(http1::etag_matches(" * ", "\"a\""));
  EXPECT_FALSE(http1::etag_matches("\"ab\"", "\"a\""));
  EXPECT_FALSE(http1::etag_matches("", "\"a\""));
  EXPECT_FALSE(http1::etag_matches("\"a", "\"a\""));
}

TEST(Http1Negotiation, Encodings) {
  EXPECT_EQ(http1::encoding_weight("gzip, br", "gzip"), 1000);
  EXPECT_EQ(http1::encoding_weight("gzip;q=0.5, BR;Q=0.25", "br"), 250);
  EXPECT_EQ(http1::encoding_weight("gzip;q=0, *", "gzip"), 0);
  EXPECT_EQ(http1::encoding_weight("*;q=0.1", "gzip"), 100);
  EXPECT_EQ(http1::encoding_weight("br", "gzip"), 0);
  EXPECT_EQ(http1::encoding_weight("", "gzip"), 0);
  EXPECT_EQ(http1::encoding_weight("", "identity"), 1000);
  EXPECT_EQ(http1::encoding_weight("identity;q=0", "identity"), 0);
  for (const char* bad :
       {"gzip;q=2", "gzip;q=1.001", "gzip;q=", "gzip;q=0.1234", "gzip;x=1", "gzip;q=0x1", "gzip;"}) {
    EXPECT_EQ(http1::encoding_weight(bad, "gzip"), 0) << bad;
  }
}

TEST(Http1Negotiation, Ranges) {
  using http1::RangeResult;
  const auto range = [](std::string_view text, std::uint64_t size) {
    http1::ByteRange part;
    switch (http1::match_range(text, size, part)) {
      case RangeResult::whole:
        return std::string("whole");
      case RangeResult::unsatisfiable:
        return std::string("416");
      case RangeResult::part:
        break;
    }
    return std::to_string(part.first) + "+" + std::to_string(part.size);
  };
  EXPECT_EQ(range("bytes=8-99999999999999999999", 10), "8+2");
  EXPECT_EQ(range("bytes=8-18446744073709551625", 10), "8+2");  // 2^64 + 9
  EXPECT_EQ(range("bytes=00000000000000000000008-9", 10), "8+2");
  EXPECT_EQ(range("bytes=18446744073709551615-", 10), "416");
  EXPECT_EQ(range("bytes=99999999999999999999-99999999999999999999", 10), "416");
  EXPECT_EQ(range("bytes=-99999999999999999999", 10), "0+10");
  EXPECT_EQ(range("bytes=99999999999999999999-1", 10), "whole");
  EXPECT_EQ(range("bytes=0-0", 10), "0+1");
  EXPECT_EQ(range("bytes=2-", 10), "2+8");
  EXPECT_EQ(range("bytes=2-100", 10), "2+8");
  EXPECT_EQ(range("bytes=-3", 10), "7+3");
  EXPECT_EQ(range("bytes=-30", 10), "0+10");
  EXPECT_EQ(range("bytes=9-9", 10), "9+1");
  EXPECT_EQ(range("bytes=10-", 10), "416");
  EXPECT_EQ(range("bytes=-0", 10), "416");
  EXPECT_EQ(range("bytes=0-", 0), "416");
  for (const char* odd : {"bytes=3-2", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b",
                          "bytes=-9a", "bytes=99999999999999999999a-", ""}) {
    EXPECT_EQ(range(odd, 10), "whole") << odd;
  }
}

TEST(Http1Media, Types) {
  EXPECT_EQ(http1::media_type("a/b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(http1::media_type("socket.io.js.map"), "application/json");
  EXPECT_EQ(http1::media_type("x.d/y"), "application/octet-stream");
  EXPECT_EQ(http1::media_type(""), "application/octet-stream");
}

TEST(Http1Media, Html) {
  EXPECT_EQ(http1::escape_html("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
}

TEST(Http1Chars, Lists) {
  EXPECT_TRUE(http1::list_contains("a, B ,c", "b"));
  EXPECT_FALSE(http1::list_contains("\"a, b\"", "b"));
  EXPECT_FALSE(http1::list_contains(" ,, ", ""));
  EXPECT_FALSE(http1::list_contains("\"a\\", "a"));
}

}  // namespace
