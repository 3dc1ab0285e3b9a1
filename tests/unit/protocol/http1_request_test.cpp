// Requests, right and wrong, each read whole, octet by octet and cut in two at every place.
#include <gtest/gtest.h>

#include <verdin/protocol/http1/chars.hpp>

#include "support/http1_outcome.hpp"

namespace {

namespace http1 = verdin::protocol::http1;
using verdin::tests::read_request;
using verdin::tests::RequestOutcome;

/// The outcome, after checking that cutting does not change it.
RequestOutcome outcome_of(std::string_view octets, const http1::Limits& limits = {}) {
  const RequestOutcome whole = read_request(octets, limits);
  EXPECT_EQ(whole, read_request(octets, limits, [] { return std::size_t{1}; })) << "octet by octet";
  const std::size_t step = octets.size() > 2000 ? octets.size() / 50 : 1;
  for (std::size_t cut = 1; cut < octets.size(); cut += step) {
    bool first = true;
    const auto next = [&] { return std::exchange(first, false) ? cut : octets.size(); };
    EXPECT_EQ(whole, read_request(octets, limits, next)) << "cut at " << cut;
  }
  return whole;
}

int status_of(std::string_view octets, const http1::Limits& limits = {}) {
  const RequestOutcome outcome = outcome_of(octets, limits);
  EXPECT_TRUE(outcome.complete || outcome.status)
      << "neither refused nor complete: " << octets.substr(0, 200);
  return outcome.complete ? 200 : outcome.status;
}

int status_of_headers(const std::string& lines) {
  return status_of("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n");
}

std::string with_body(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}

std::string chunked(const std::string& body) { return with_body("Transfer-Encoding: chunked\r\n", body); }

TEST(Http1Head, GivesWhatWasSent) {
  http1::HeadParser parser;
  std::string_view data =
      "PUT /a%20b/c?x=1&y=%32 HTTP/1.1\r\nHost: example.org:8080\r\nX-Empty:\r\nx-more:  two words "
      "\t\r\n\r\nrest";
  ASSERT_EQ(parser.feed(data, {}), http1::ParseState::done);
  EXPECT_EQ(data, "rest");
  EXPECT_EQ(parser.method(), "PUT");
  EXPECT_EQ(parser.target(), "/a%20b/c?x=1&y=%32");
  EXPECT_EQ(parser.raw_path(), "/a%20b/c");
  EXPECT_EQ(parser.raw_query(), "x=1&y=%32");
  EXPECT_EQ(parser.version(), http1::Version::http11);
  EXPECT_EQ(parser.headers().find("host"), "example.org:8080");
  EXPECT_EQ(parser.headers().find("x-empty"), "");
  EXPECT_EQ(parser.headers().find("X-MORE"), "two words");
  EXPECT_EQ(parser.headers().find("more"), std::nullopt);
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_EQ(parser.body_kind(), http1::BodyKind::none);
}

TEST(Http1Head, WalksItsHeadersInOrder) {
  http1::HeadParser parser;
  std::string_view data = "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nB: 3\r\n\r\n";
  ASSERT_EQ(parser.feed(data, {}), http1::ParseState::done);
  std::string seen;
  for (const http1::HeaderField& field : parser.headers()) {
    seen.append(field.name).append("=").append(field.value).append(";");
  }
  EXPECT_EQ(seen, "Host=x;A=1;a=2;B=3;");
  EXPECT_EQ(parser.headers().count("A"), 2u);
}

TEST(Http1Head, KeepAliveByVersionAndTokens) {
  const auto keeps = [](const std::string& version, const std::string& connection) {
    http1::HeadParser parser;
    const std::string head = "GET / HTTP/" + version + "\r\nHost: x\r\n" + connection + "\r\n";
    std::string_view data = head;
    EXPECT_EQ(parser.feed(data, {}), http1::ParseState::done);
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: Upgrade, CLOSE\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_TRUE(keeps("1.1", "Connection: closed\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
  EXPECT_TRUE(keeps("1.2", ""));  // a later minor version of 1 is served as 1.1
}

TEST(Http1Head, Targets) {
  const auto status = [](const std::string& line) { return status_of(line + "\r\nHost: x\r\n\r\n"); };
  EXPECT_EQ(status("GET /?{\"a\":[1|2]}^`\\ HTTP/1.1"), 200);  // browsers send these
  EXPECT_EQ(status("GET http://example.org/a?b HTTP/1.1"), 200);
  EXPECT_EQ(status("GET HTTPS://[::1]:80?b HTTP/1.1"), 200);
  EXPECT_EQ(status("OPTIONS * HTTP/1.1"), 200);
  EXPECT_EQ(status("GET * HTTP/1.1"), 400);
  EXPECT_EQ(status("GET a HTTP/1.1"), 400);
  EXPECT_EQ(status("GET ftp://x/ HTTP/1.1"), 400);
  EXPECT_EQ(status("GET http:///a HTTP/1.1"), 400);
  EXPECT_EQ(status("GET http://u@x/a HTTP/1.1"), 400);
  EXPECT_EQ(status("GET /a#b HTTP/1.1"), 400);
  EXPECT_EQ(status("GET /\xc3\xa9 HTTP/1.1"), 400);
  EXPECT_EQ(status("GET /\x7f HTTP/1.1"), 400);
  EXPECT_EQ(status("CONNECT x:80 HTTP/1.1"), 501);
  EXPECT_EQ(outcome_of("GET http://a?b=c HTTP/1.1\r\nHost: x\r\n\r\n").head.substr(0, 11), "GET /?b=c 1");
}

TEST(Http1Head, RequestLines) {  // reliability: 26
  const auto status = [](const std::string& line) { return status_of(line + "\r\nHost: x\r\n\r\n"); };
  EXPECT_EQ(status("GET / HTTP/1.1"), 200);
  EXPECT_EQ(status("g.e-t_ / HTTP/1.1"), 200);
  EXPECT_EQ(status("GET / http/1.1"), 400);
  EXPECT_EQ(status("GET / HTTP/1.10"), 400);
  EXPECT_EQ(status("GET / HTTP/01.1"), 400);
  EXPECT_EQ(status("GET / HTTP/1"), 400);
  EXPECT_EQ(status("GET / HTTP/1,1"), 400);
  EXPECT_EQ(status("GET / HTTP/1.x"), 400);
  EXPECT_EQ(status("GET / HTTP/2.0"), 505);
  EXPECT_EQ(status("GET / HTTP/0.9"), 505);
  EXPECT_EQ(status("GET /"), 400);
  EXPECT_EQ(status("GET"), 400);
  EXPECT_EQ(status("GET  / HTTP/1.1"), 400);
  EXPECT_EQ(status("GET /  HTTP/1.1"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1 "), 400);
  EXPECT_EQ(status(" GET / HTTP/1.1"), 400);
  EXPECT_EQ(status("GET\t/\tHTTP/1.1"), 400);
  EXPECT_EQ(status("GET /a\tb HTTP/1.1"), 400);
  EXPECT_EQ(status("GE(T / HTTP/1.1"), 400);
  for (char c : {'\0', '\x01', '\x07', '\x0b', '\x1b', '\x7f'}) {
    EXPECT_EQ(status("GET /a" + std::string(1, c) + "b HTTP/1.1"), 400) << int{c};
  }
  EXPECT_EQ(status("PRI * HTTP/2.0"), 505);
}

TEST(Http1Head, OneBlankLineMayComeFirst) {
  EXPECT_EQ(status_of("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
  EXPECT_EQ(status_of("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

TEST(Http1Head, HeaderLines) {  // reliability: 24
  EXPECT_EQ(status_of_headers("X-A: b\r\n"), 200);
  EXPECT_EQ(status_of_headers("X-A:b\r\n"), 200);
  EXPECT_EQ(status_of_headers("X-A:\tb\t\r\n"), 200);
  EXPECT_EQ(status_of_headers("X-A: caf\xc3\xa9 \xff\r\n"), 200);
  EXPECT_EQ(status_of_headers("!#$%&'*+-.^_`|~09: b\r\n"), 200);
  EXPECT_EQ(status_of_headers("X-A : b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X-A\t: b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X-A\r\n"), 400);
  EXPECT_EQ(status_of_headers(": b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X-A: b\r\n folded\r\n"), 400);
  EXPECT_EQ(status_of_headers("X-A: b\r\n\tfolded: x\r\n"), 400);
  EXPECT_EQ(status_of_headers(" X-A: b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X A: b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X[A]: b\r\n"), 400);
  EXPECT_EQ(status_of_headers("X\xc3\xa9: b\r\n"), 400);
  for (char c : {'\0', '\x01', '\x07', '\x0b', '\x1b', '\x7f', '\r', '\n'}) {
    EXPECT_EQ(status_of_headers("X-A: a" + std::string(1, c) + "b\r\n"), 400) << int{c};
    EXPECT_EQ(status_of_headers("X" + std::string(1, c) + "A: b\r\n"), 400) << int{c};
  }
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: x\n\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\n\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\rHost: x\r\r"), 400);
}

TEST(Http1Head, BadOctetsAreRefusedAtOnce) {
  // Not only when the line ends, which it may never do.
  EXPECT_EQ(outcome_of(std::string_view("\x16\x03\x01\x02", 4)).status, 400);
  EXPECT_EQ(outcome_of("GET / HTTP/1.1\r\nHost: x\r\nX: \x01").status, 400);
  EXPECT_EQ(outcome_of("GET / HTTP/1.1\rH").status, 400);
}

TEST(Http1Head, Hosts) {  // reliability: 25
  const auto status = [](const std::string& lines) {
    return status_of("GET / HTTP/1.1\r\n" + lines + "\r\n");
  };
  EXPECT_EQ(status(""), 400);
  EXPECT_EQ(status("Host: a\r\nHost: a\r\n"), 400);
  EXPECT_EQ(status("Host: a\r\nhost: b\r\n"), 400);
  for (const char* bad : {"a/b", "u@h", "a b", "a,b", "a:b", "a:123456", "a:65536", "a:80:80", "[::1", "[]",
                          "[g]", "a?b", "\"a\""}) {
    EXPECT_EQ(status("Host: " + std::string(bad) + "\r\n"), 400) << bad;
  }
  for (const char* good :
       {"", "a", "a.b-c_d:80", "127.0.0.1:5000", "[::1]", "[::ffff:1.2.3.4]:80", "a:", "xn--a.b%20"}) {
    EXPECT_EQ(status("Host: " + std::string(good) + "\r\n"), 200) << good;
  }
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a/b\r\n\r\n"), 400);
}

TEST(Http1Head, TheHostOfAnAbsoluteTargetStandsForHost) {  // RFC 9112, 3.2.2
  const auto headers = [](const std::string& target, const std::string& lines, const char* version = "1.1") {
    const std::string octets = "GET " + target + " HTTP/" + version + "\r\n" + lines + "\r\n";
    const RequestOutcome outcome = outcome_of(octets);
    EXPECT_TRUE(outcome.complete) << octets;
    return outcome.head.substr(outcome.head.find('\n') + 1);
  };
  EXPECT_EQ(headers("http://a.test/x", "A: 1\r\nHost: b\r\nB: 2\r\n"), "A: 1\r\nHost: a.test\r\nB: 2\r\n");
  EXPECT_EQ(headers("http://a.test", "hOST:\t much-longer.test:8080 \r\n"), "hOST:\t a.test \r\n");
  EXPECT_EQ(headers("http://a.test:80?x", "Host:\r\nB: 2\r\n"), "Host:a.test:80\r\nB: 2\r\n");
  EXPECT_EQ(headers("HTTPS://[::1]:8443/?//x", "Host: b\r\n"), "Host: [::1]:8443\r\n");
  EXPECT_EQ(headers("http://A.test/", "Host: a.test\r\n"), "Host: A.test\r\n");
  EXPECT_EQ(headers("http://a.test/", "A: 1\r\n", "1.0"), "Host: a.test\r\nA: 1\r\n");
  EXPECT_EQ(headers("http://a.test/", "Host: b\r\n", "1.0"), "Host: a.test\r\n");
  EXPECT_EQ(headers("/http://a.test/", "Host: b\r\n"), "Host: b\r\n");
  // What is no host is refused, in either place.
  EXPECT_EQ(status_of("GET http://a.test/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET http://a.test/ HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n"), 400);
  for (const char* bad : {"http://u@a.test/", "http://u:p@a.test/", "http://:80/", "http://a.test:x/",
                          "http://a.test:65536/", "http://a,b/", "http://[::1/", "http://?x"}) {
    EXPECT_EQ(status_of("GET " + std::string(bad) + " HTTP/1.1\r\nHost: a.test\r\n\r\n"), 400) << bad;
  }
}

TEST(Http1Framing, ContentLengths) {  // reliability: 19
  for (const char* bad : {"+5", "-5", "0x5", "5,6", "5, 5", "5_0", "5.0", "", "5 5", "\"5\"", "5;", "a",
                          "\x0b"
                          "5"}) {
    EXPECT_EQ(status_of(with_body("Content-Length: " + std::string(bad) + "\r\n", "")), 400) << bad;
  }
  EXPECT_EQ(status_of(with_body("Content-Length: 9223372036854775808\r\n", "")), 413);   // 2^63
  EXPECT_EQ(status_of(with_body("Content-Length: 18446744073709551616\r\n", "")), 413);  // 2^64
  EXPECT_EQ(status_of(with_body("Content-Length: 18446744073709551621\r\n", "")), 413);  // 2^64 + 5
  EXPECT_EQ(status_of(with_body("Content-Length: " + std::string(500, '9') + "\r\n", "")), 413);
  EXPECT_EQ(status_of(with_body("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")), 400);
  EXPECT_EQ(status_of(with_body("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")), 400);
  const RequestOutcome outcome = outcome_of(with_body("Content-Length:  5 \r\n", "helloGET"));
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(outcome_of(with_body("Content-Length: 9223372036854775807\r\n", "abc")).status, 0);
  EXPECT_EQ(outcome_of(with_body("Content-Length: 0\r\n", "abc")).body, "");
}

TEST(Http1Framing, LengthAndCodingTogether) {  // reliability: 17
  const std::string body = "0\r\n\r\n";
  EXPECT_EQ(status_of(with_body("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body)), 400);
  EXPECT_EQ(status_of(with_body("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body)), 400);
  EXPECT_EQ(status_of(with_body("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", body)), 400);
}

TEST(Http1Framing, TransferEncodings) {  // reliability: 18
  const auto status = [](const std::string& lines) { return status_of(with_body(lines, "0\r\n\r\n")); };
  EXPECT_EQ(status("Transfer-Encoding: chunked\r\n"), 200);
  EXPECT_EQ(status("transfer-encoding:\t CHUNKED \r\n"), 200);
  EXPECT_EQ(status("Transfer-Encoding: xchunked\r\n"), 501);
  EXPECT_EQ(status("Transfer-Encoding: identity\r\n"), 501);
  EXPECT_EQ(status("Transfer-Encoding: gzip, chunked\r\n"), 501);
  EXPECT_EQ(status("Transfer-Encoding: chunked, identity\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: chunked, chunked\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: chunked,\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: , chunked\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: \"chunked\"\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: chunked;a=b\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding:\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: \x0b"
                   "chunked\r\n"),
            400);
  EXPECT_EQ(status("Transfer-Encoding : chunked\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding:\r\n chunked\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(status("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
}

TEST(Http1Chunked, Bodies) {
  const auto body = [](const std::string& octets) {
    const RequestOutcome outcome = outcome_of(chunked(octets));
    EXPECT_TRUE(outcome.complete) << octets;
    return outcome.body;
  };
  EXPECT_EQ(body("0\r\n\r\n"), "");
  EXPECT_EQ(body("5\r\nhello\r\n0\r\n\r\nGET"), "hello");
  EXPECT_EQ(body("5\r\nhello\r\n6\r\n world\r\n00\r\n\r\n"), "hello world");
  EXPECT_EQ(body("000000000000000A\r\n0123456789\r\n0\r\n\r\n"), "0123456789");
}

TEST(Http1Chunked, ExtensionsAreSkipped) {
  const RequestOutcome outcome =
      outcome_of(chunked("1;a\r\nx\r\n1;a=b; c=\"d;,\\\" \xff\"\r\ny\r\n0;last\r\n\r\n"));
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "xy");
}

TEST(Http1Chunked, BadSizes) {  // reliability: 20
  for (const char* bad :
       {"0x5", "-5", "+5", " 5", "5 5", "5 ", "5\t", "", "g", "5\x0b", "10000000000000005", ";a", "5,"}) {
    EXPECT_EQ(status_of(chunked(std::string(bad) + "\r\nhello\r\n0\r\n\r\n")), 400) << bad;
  }
  EXPECT_EQ(status_of(chunked("8000000000000000\r\n")), 400);
  EXPECT_EQ(outcome_of(chunked("7fffffffffffffff\r\nabc")).status, 0);
  EXPECT_EQ(status_of(chunked(std::string(100'000, '0') + "\r\n\r\n")), 400);
  EXPECT_EQ(status_of(chunked(std::string(16, '0') + "\r\n\r\n")), 200);
  EXPECT_EQ(status_of(chunked(std::string(17, '0') + "\r\n\r\n")), 400);
}

TEST(Http1Chunked, BadLineEnds) {  // reliability: 21
  for (const char* bad : {"5;a\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n",
                          "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\r\r0\r\n\r\n",
                          "5\r\nhellox\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n",
                          "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", "0\r\n\n", "0\n\r\n", "0\r\n\rx"}) {
    EXPECT_EQ(status_of(chunked(bad)), 400) << bad;
  }
  EXPECT_EQ(status_of(chunked(std::string("5;a\0b\r\nhello\r\n0\r\n\r\n", 20))), 400);
}

TEST(Http1Chunked, BadExtensions) {
  for (const char* bad : {"5;\r\n", "5;=b\r\n", "5;a=\r\n", "5;a b\r\n", "5;a=\"b\"c\r\n", "5;a=b c\r\n",
                          "5;a=\"b\r\n", "5;a=\"\\\x01\"\r\n", "5;a=\"\x7f\"\r\n", "5;a;\r\n", "5;a(\r\n"}) {
    EXPECT_EQ(status_of(chunked(std::string(bad) + "hello\r\n0\r\n\r\n")), 400) << bad;
  }
}

TEST(Http1Chunked, ExtensionsOfABodyAreLimitedTogether) {  // reliability: 22
  EXPECT_EQ(status_of(chunked("1;" + std::string(1 << 20, 'a') + "\r\nx\r\n0\r\n\r\n")), 400);
  EXPECT_LE(outcome_of(chunked("1;" + std::string(1 << 20, 'a'))).used, 17u * 1024);
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "1;" + std::string(99, 'a') + "\r\nx\r\n";
  const RequestOutcome outcome = read_request(chunked(many), {});
  EXPECT_EQ(outcome.status, 400);
  EXPECT_LE(outcome.body.size(), 164u);
  // Both sides: 163 chunks with 100 octets of extensions each, and 84 more.
  std::string most;
  for (int i = 0; i < 163; ++i) most += "1;" + std::string(99, 'a') + "\r\nx\r\n";
  EXPECT_EQ(read_request(chunked(most + "1;" + std::string(83, 'a') + "\r\nx\r\n0\r\n\r\n"), {}).complete,
            true);
  EXPECT_EQ(read_request(chunked(most + "1;" + std::string(84, 'a') + "\r\nx\r\n0\r\n\r\n"), {}).status, 400);
}

TEST(Http1Head, NamesWithUnderscoresAreNamesOfTheirOwn) {
  http1::HeadParser parser;
  std::string_view data = "GET / HTTP/1.1\r\nHost: x\r\nX_User: forged\r\nX-User: real\r\nX_Other: 1\r\n\r\n";
  ASSERT_EQ(parser.feed(data, {}), http1::ParseState::done);
  EXPECT_EQ(parser.headers().find("X-User"), "real");
  EXPECT_EQ(parser.headers().find("x_user"), "forged");
  EXPECT_EQ(parser.headers().find("X-Other"), std::nullopt);
  EXPECT_EQ(status_of_headers("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"), 200);
}

TEST(Http1Chunked, Trailers) {  // reliability: 16
  const RequestOutcome outcome = outcome_of(chunked("1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\nGET"));
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "x");
  EXPECT_EQ(outcome.trailers, "X-Sum: 1\r\nY:\r\n");
  const auto kept = [](const std::string& lines) {
    return outcome_of(chunked("0\r\n" + lines + "\r\n")).trailers;
  };
  EXPECT_EQ(kept(""), "");
  EXPECT_EQ(kept("Content-Length: 5\r\n"), "");
  EXPECT_EQ(kept("A: 1\r\ntransfer-encoding: chunked\r\nB: 2\r\nHOST: x\r\n"), "A: 1\r\nB: 2\r\n");
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Authorization",
                           "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding", "Content-Range",
                           "Trailer", "TE", "Expect", "Range", "Cache-Control", "Date", "Location"}) {
    EXPECT_FALSE(http1::may_be_trailer(name)) << name;
    EXPECT_EQ(kept(std::string(name) + ": 1\r\nX: y\r\n"), "X: y\r\n") << name;
  }
  EXPECT_TRUE(http1::may_be_trailer("ETag"));
  EXPECT_EQ(status_of(chunked("0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")), 400);
  for (const char* bad : {"X : 1\r\n\r\n", " X: 1\r\n\r\n", ": 1\r\n\r\n", "X\r\n\r\n", "X: 1\n\r\n",
                          "X: \x01\r\n\r\n", "X: 1\r\n folded\r\n\r\n", "X: 1\rY: 2\r\n\r\n"}) {
    EXPECT_EQ(status_of(chunked("0\r\n" + std::string(bad))), 400) << bad;
  }
  // "X: " and CRLF: 5 octets of the 8192 beside the value.
  EXPECT_EQ(status_of(chunked("0\r\nX: " + std::string(8188, 'a') + "\r\n\r\n")), 431);
  EXPECT_EQ(status_of(chunked("0\r\nX: " + std::string(8187, 'a') + "\r\n\r\n")), 200);
}

TEST(Http1Chunked, TrailersAreNoneUntilTheyAreWhole) {
  const auto feed = [](http1::BodyDecoder& body, std::string_view octets) {
    for (; !octets.empty(); octets.remove_prefix(1)) {
      EXPECT_TRUE(body.trailers().empty()) << body.trailers().text() << " before " << octets;
      std::string_view one = octets.substr(0, 1), piece;
      body.feed(one, piece, {});
    }
  };
  http1::BodyDecoder body(http1::BodyKind::chunked, 0);
  feed(body, "1\r\nx\r\n0\r\nX-A: 1\r\nAuthorization: Basic eA==\r\n\r\n");
  EXPECT_EQ(body.trailers().text(), "X-A: 1\r\n");
  http1::BodyDecoder bad(http1::BodyKind::chunked, 0);
  feed(bad, "0\r\nX-A: 1\r\nCookie: a\n");
  EXPECT_NE(bad.error().status, 0);
  EXPECT_TRUE(bad.trailers().empty());
}

TEST(Http1Limits, Target) {  // reliability: 27
  const auto status = [](std::size_t size) {
    return status_of("GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  EXPECT_EQ(status(8192), 200);
  EXPECT_EQ(status(8193), 414);
  EXPECT_EQ(status(1 << 20), 414);
  EXPECT_EQ(outcome_of("GET /" + std::string(8192, 'a')).status, 414);  // without an end of line
}

TEST(Http1Limits, Head) {
  const auto status = [](std::size_t size) {
    const std::string front = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    return status_of(front + std::string(size - front.size() - 4, 'a') + "\r\n\r\n");
  };
  EXPECT_EQ(status(16 * 1024), 200);
  EXPECT_EQ(status(16 * 1024 + 1), 431);
  EXPECT_EQ(status(1 << 20), 431);
  const RequestOutcome endless = outcome_of("GET / HTTP/1.1\r\n" + std::string(1 << 20, 'a'));
  EXPECT_EQ(endless.status, 431);
  EXPECT_LE(endless.used, 16u * 1024);
}

TEST(Http1Limits, Headers) {
  const auto status = [](int count) {
    std::string lines;
    for (int i = 1; i < count; ++i) lines += "A: b\r\n";
    return status_of_headers(lines);
  };
  EXPECT_EQ(status(100), 200);
  EXPECT_EQ(status(101), 431);
  EXPECT_EQ(status(10'000), 431);
}

TEST(Http1Limits, Method) {
  EXPECT_EQ(status_of(std::string(32, 'A') + " / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
  EXPECT_EQ(status_of(std::string(33, 'A') + " / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(outcome_of(std::string(1 << 20, 'A')).status, 400);
}

TEST(Http1Limits, AreOptions) {
  http1::Limits limits;
  limits.head = 50;
  limits.headers = 2;
  limits.target = 5;
  EXPECT_EQ(status_of("GET /1234 HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", limits), 200);
  EXPECT_EQ(status_of("GET /12345 HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n", limits), 414);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n", limits), 431);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: bbbbbbbbbbbbbbbbbbb\r\n\r\n", limits), 431);

  const auto with_method = [](std::size_t size, std::uint32_t limit) {
    http1::Limits of_method;
    of_method.method = limit;
    return status_of(std::string(size, 'M') + " / HTTP/1.1\r\nHost: x\r\n\r\n", of_method);
  };
  EXPECT_EQ(with_method(4, 4), 200);
  EXPECT_EQ(with_method(5, 4), 400);
  EXPECT_EQ(with_method(33, 32), 400);
  EXPECT_EQ(with_method(33, 40), 200);

  const auto of_chunks = [](const std::string& chunks, const http1::Limits& of_body) {
    return status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, of_body);
  };
  http1::Limits extended;
  extended.chunk_extensions = 8;  // of all chunks together, with the ";"
  EXPECT_EQ(of_chunks("1;a=b\r\nx\r\n0;a=b\r\n\r\n", extended), 200);
  EXPECT_EQ(of_chunks("1;a=b\r\nx\r\n0;a=bc\r\n\r\n", extended), 400);
  extended.chunk_extensions = 9;
  EXPECT_EQ(of_chunks("1;a=b\r\nx\r\n0;a=bc\r\n\r\n", extended), 200);

  http1::Limits trailing;
  trailing.trailers = 12;
  EXPECT_EQ(of_chunks("0\r\nA: b\r\nC: d\r\n\r\n", trailing), 200);
  EXPECT_EQ(of_chunks("0\r\nA: b\r\nC: de\r\n\r\n", trailing), 431);
  trailing.trailers = 13;
  EXPECT_EQ(of_chunks("0\r\nA: b\r\nC: de\r\n\r\n", trailing), 200);
  trailing.trailers = 0;
  EXPECT_EQ(of_chunks("0\r\n\r\n", trailing), 200);
  EXPECT_EQ(of_chunks("0\r\nA: b\r\n\r\n", trailing), 431);
}

TEST(Http1Head, UpgradeAndExpect) {
  const auto parse = [](const std::string& head) {
    http1::HeadParser parser;
    std::string_view data = head;
    EXPECT_EQ(parser.feed(data, {}), http1::ParseState::done);
    return parser;
  };
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c, WebSocket\r\n\r\n").wants_websocket());
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n").wants_websocket());
  using http1::Expectation;
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n").expectation(),
            Expectation::continue_100);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n").expectation(), Expectation::unknown);
  EXPECT_EQ(parse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectation(), Expectation::none);
  for (const std::string lines : {"Expect: tea\r\nExpect: 100-continue\r\n", "Expect: 100-continue, tea\r\n",
                                  "Expect: tea, 100-continue\r\n"}) {
    EXPECT_EQ(parse("GET / HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n").expectation(), Expectation::unknown)
        << lines;
  }
}

TEST(Http1Chars, TextPrefixStopsAtTheFirstControlCharacter) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        ASSERT_EQ(http1::text_prefix(text), control ? at : size) << size << ' ' << at << ' ' << c;
      }
    }
  }
}

/// Calls with texts of every size up to 40, with every octet at every place.
template <typename F>
void with_each_octet(char filler, F&& call) {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int octet = 0; octet < 256; ++octet) {
        std::string text(size, filler);
        text[at] = static_cast<char>(octet);
        call(text, at, static_cast<char>(octet));
      }
    }
  }
}

TEST(Http1Chars, EachOctetCountsAtEachPlaceOfAToken) {
  EXPECT_FALSE(http1::is_token(""));
  with_each_octet('a', [](const std::string& text, std::size_t at, char octet) {
    ASSERT_EQ(http1::is_token(text), http1::is_token_char(octet)) << text << " at " << at;
  });
}

TEST(Http1Chars, NamesCompareInAnyCase) {
  EXPECT_TRUE(http1::is_name("hOsT", "host"));
  EXPECT_TRUE(http1::is_name("EXPECT", "expect"));
  EXPECT_TRUE(http1::is_name("Transfer-Encoding", "transfer-encoding"));
  EXPECT_FALSE(http1::is_name("hosts", "host"));
  EXPECT_FALSE(http1::is_name("", "host"));
  const std::string name = "content-length";
  for (std::size_t at = 0; at < name.size(); ++at) {
    for (int octet = 0; octet < 256; ++octet) {
      const char c = static_cast<char>(octet);
      if (!http1::is_token_char(c)) continue;
      std::string other = name;
      other[at] = c;
      ASSERT_EQ(http1::is_name(other, "content-length"), http1::equals_ignoring_case(other, name)) << other;
    }
  }
}

TEST(Http1Head, EachOctetCountsAtEachPlaceOfATarget) {
  with_each_octet('a', [](const std::string& text, std::size_t at, char octet) {
    http1::HeadParser parser;
    const std::string head = "GET /" + text + " HTTP/1.1\r\nHost: x\r\n\r\n";
    std::string_view data = head;
    const bool good = octet > ' ' && octet < 0x7f && octet != '#';
    const http1::ParseState state = parser.feed(data, {});
    ASSERT_EQ(state, good ? http1::ParseState::done : http1::ParseState::failed) << head;
    if (!good) return;
    const bool has_query = octet == '?';
    ASSERT_EQ(parser.raw_path(), "/" + (has_query ? text.substr(0, at) : text));
    ASSERT_EQ(parser.raw_query(), has_query ? text.substr(at + 1) : "");
  });
}

TEST(Http1Head, EachOctetCountsAtEachPlaceOfAHost) {
  constexpr std::string_view kMarks = "-._~%!$&'()*+;=";
  with_each_octet('1', [&](const std::string& text, std::size_t at, char octet) {
    const bool is_host =
        http1::is_alpha(octet) || http1::is_digit(octet) || kMarks.find(octet) != kMarks.npos;
    const bool is_port = octet == ':' && text.size() - at - 1 <= 5;  // of ones: 11111 is one
    const bool is_blank = http1::is_blank(octet) && (at == 0 || at + 1 == text.size());  // is no part of it
    http1::HeadParser parser;
    const std::string head = "GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n";
    std::string_view data = head;
    const bool good = is_host || is_port || is_blank;
    ASSERT_EQ(parser.feed(data, {}), good ? http1::ParseState::done : http1::ParseState::failed) << head;
  });
}

}  // namespace
