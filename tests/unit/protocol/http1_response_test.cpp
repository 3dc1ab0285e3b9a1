// ResponseParser: what a client accepts as an answer, in every cut, and what it refuses.
#include <string>

#include <gtest/gtest.h>

#include "support/http1_response_outcome.hpp"

namespace {

namespace http1 = verdin::protocol::http1;
using verdin::tests::read_response;
using verdin::tests::ResponseOutcome;

/// The outcome, which must be the same for every way of cutting into two or three, and octet by octet.
ResponseOutcome answer_of(const std::string& octets, std::string_view method = "GET",
                          const http1::Limits& limits = {}) {
  const ResponseOutcome whole = read_response(octets, method, limits);
  EXPECT_EQ(whole, read_response(octets, method, limits, [] { return 1; })) << octets;
  for (std::size_t first = 1; first < octets.size() && first < 400; ++first) {
    for (std::size_t second : {octets.size(), std::size_t{1}, std::size_t{2}, first}) {
      int piece = 0;
      const auto next_size = [&] { return ++piece == 1 ? first : piece == 2 ? second : octets.size(); };
      EXPECT_EQ(whole, read_response(octets, method, limits, next_size)) << first << ' ' << octets;
    }
  }
  return whole;
}

std::string error_of(const std::string& octets, const http1::Limits& limits = {}) {
  const ResponseOutcome outcome = answer_of(octets, "GET", limits);
  EXPECT_FALSE(outcome.complete && !outcome.error.empty());
  return outcome.error;
}

std::string with_lines(const std::string& lines, const std::string& body = {}) {
  return "HTTP/1.1 200 OK\r\n" + lines + "\r\n" + body;
}

TEST(Http1Response, GivesWhatWasSent) {
  const ResponseOutcome outcome = answer_of(
      "HTTP/1.1 404 Not  Found\r\nContent-Length: 5\r\nX-Empty:\r\nx: \t a b \r\n\r\nhelloHTTP/1.1 200 "
      "OK\r\n");
  EXPECT_EQ(outcome.heads, "404 Not  Found 1.1 keep\nContent-Length: 5\r\nX-Empty:\r\nx: \t a b \r\n");
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.used, std::string("HTTP/1.1 404 Not  Found\r\nContent-Length: 5\r\nX-Empty:\r\nx: \t a b "
                                      "\r\n\r\nhello")
                              .size());
}

TEST(Http1Response, StatusLines) {
  for (const char* good :
       {"HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 999 \xe4", "HTTP/1.9 100 a\tb"}) {
    EXPECT_EQ(error_of(std::string(good) + "\r\nContent-Length: 0\r\n\r\n"), "") << good;
  }
  for (const char* bad :
       {"", "HTTP/2.0 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 20x OK", "HTTP/1.1 200OK", "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK", " HTTP/1.1 200 OK", "ICY 200 OK", "HTTP/1.1", "HTTP/1.1 200 O\x01K"}) {
    EXPECT_NE(error_of(std::string(bad) + "\r\nContent-Length: 0\r\n\r\n"), "") << bad;
  }
}

TEST(Http1Response, LinesAreStrict) {
  for (const char* bad : {"a\r\n", ": a\r\n", "a : b\r\n", " a: b\r\n", "a: b\r\n c\r\n", "a: b\n",
                          "a: b\rc\r\n", "a: \x01\r\n", "a[]: b\r\n", "a: b\r\r\n"}) {
    EXPECT_NE(error_of(with_lines(bad)), "") << bad;
  }
  EXPECT_NE(error_of("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"), "");
  EXPECT_NE(error_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"), "");
}

TEST(Http1Response, FramingIsUnambiguous) {
  for (const char* bad :
       {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n",
        "Content-Length:\r\n", "Content-Length: 1x\r\n", "Content-Length: 9223372036854775808\r\n",
        "Content-Length: 18446744073709551617\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n"}) {
    EXPECT_NE(error_of(with_lines(bad, "x")), "") << bad;
  }
  EXPECT_NE(error_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "");
}

TEST(Http1Response, Bodies) {
  ResponseOutcome outcome = answer_of(
      with_lines("transfer-encoding: Chunked\r\n", "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\nrest"));
  EXPECT_EQ(outcome.body, "hello!");
  EXPECT_TRUE(outcome.complete);
  outcome = answer_of(with_lines("", "everything there is"));
  EXPECT_EQ(outcome.body, "everything there is");
  EXPECT_TRUE(outcome.until_close && !outcome.complete);
  outcome = answer_of(with_lines("Content-Length: 10\r\n", "too few"));
  EXPECT_EQ(outcome.body, "too few");
  EXPECT_TRUE(!outcome.until_close && !outcome.complete && outcome.error.empty());
  EXPECT_NE(error_of(with_lines("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n")), "");
}

TEST(Http1Response, SomeHaveNoBodyWhateverTheySay) {
  const auto body_of = [](const std::string& octets, std::string_view method = "GET") {
    const ResponseOutcome outcome = answer_of(octets, method);
    EXPECT_TRUE(outcome.error.empty()) << outcome.error;
    return outcome.body + (outcome.complete ? "." : "");
  };
  for (const std::string lines : {"", "Content-Length: 4\r\n", "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(body_of(with_lines(lines, "0\r\n\r\n"), "HEAD"), lines.empty() ? "." : ".") << lines;
    EXPECT_EQ(body_of("HTTP/1.1 204 No\r\n" + lines + "\r\n0\r\n\r\n"), ".") << lines;
    EXPECT_EQ(body_of("HTTP/1.1 304 Same\r\n" + lines + "\r\n0\r\n\r\n"), ".") << lines;
    EXPECT_EQ(body_of("HTTP/1.1 101 Go\r\n" + lines + "\r\n0\r\n\r\n"), ".") << lines;
    EXPECT_EQ(body_of(with_lines(lines, "0\r\n\r\n"), "CONNECT"), ".") << lines;
  }
  EXPECT_EQ(body_of("HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno", "CONNECT"), "no.");
}

TEST(Http1Response, InterimOnesComeFirst) {
  const ResponseOutcome outcome =
      answer_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" +
                with_lines("Content-Length: 2\r\n", "ok"));
  EXPECT_EQ(outcome.heads,
            "100 Continue 1.1 keep\n103 Hints 1.1 keep\nLink: a\r\n200 OK 1.1 keep\nContent-Length: 2\r\n");
  EXPECT_EQ(outcome.body, "ok");
}

TEST(Http1Response, KeepAlive) {
  const auto keeps = [](const std::string& head) {
    return answer_of(head + "Content-Length: 0\r\n\r\n").heads.find(" keep\n") != std::string::npos;
  };
  EXPECT_TRUE(keeps("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0 200 OK\r\n"));
  EXPECT_TRUE(keeps("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n"));
}

TEST(Http1Response, Limits) {
  http1::Limits limits;
  limits.head = 60;
  limits.headers = 2;
  limits.trailers = 10;
  const std::string ends = "Content-Length: 0\r\n\r\n";  // 21 octets, behind 17
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(17, 'a') + "\r\n" + ends, limits), "");
  EXPECT_NE(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(18, 'a') + "\r\n" + ends, limits), "");
  EXPECT_NE(error_of("HTTP/1.1 200 " + std::string(1000, 'a'), limits), "");
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nX: a\r\n" + ends, limits), "");
  EXPECT_NE(error_of("HTTP/1.1 200 OK\r\nX: a\r\nX: a\r\n" + ends, limits), "");
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  EXPECT_EQ(error_of(chunked + "X: abc\r\n\r\n", limits), "");
  EXPECT_NE(error_of(chunked + "X: abcdefgh\r\n\r\n", limits), "");
}

}  // namespace
