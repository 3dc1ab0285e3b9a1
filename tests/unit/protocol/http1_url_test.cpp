// URLs: what a client may be sent to, and where a reference leads.
#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/http1/url.hpp>

namespace {

namespace http1 = verdin::protocol::http1;

std::string text_of(std::string_view url) {
  const auto parsed = http1::parse_url(url);
  if (!parsed) return "none";
  const auto again = http1::parse_url(parsed->text());  // what it writes it reads
  EXPECT_TRUE(again && again->text() == parsed->text()) << url;
  return parsed->text();
}

TEST(Http1Url, Parts) {
  const auto url = http1::parse_url("HTTPS://Example.ORG:8443/a%20b/../c?d=%E4&e#f");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->secure);
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/c?d=%E4&e");
  EXPECT_EQ(url->path(), "/c");
  EXPECT_EQ(url->authority(), "example.org:8443");
  EXPECT_EQ(url->origin(), "https://example.org:8443");
  const auto address = http1::parse_url("http://[2001:DB8::1]");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "2001:db8::1");
  EXPECT_EQ(address->authority(), "[2001:db8::1]");
  EXPECT_EQ(address->host_and_port(), "[2001:db8::1]:80");
}

TEST(Http1Url, WhatIsOneAndWhatIsNot) {
  EXPECT_EQ(text_of("http://a"), "http://a/");
  EXPECT_EQ(text_of("http://a:80/"), "http://a/");
  EXPECT_EQ(text_of("https://a:80/"), "https://a:80/");
  EXPECT_EQ(text_of("https://a:443?b"), "https://a/?b");
  EXPECT_EQ(text_of("http://a:"), "http://a/");
  EXPECT_EQ(text_of("http://a/b|c\xc3\xa4"), "http://a/b%7Cc%C3%A4");
  EXPECT_EQ(text_of("http://a/b?c#d?e"), "http://a/b?c");
  for (const std::string& bad : {std::string(),
                                 std::string("a"),
                                 std::string("/a"),
                                 std::string("http:/a"),
                                 std::string("http://"),
                                 std::string("http:///a"),
                                 std::string("http://u@a/"),
                                 std::string("http://u:p@a/"),
                                 std::string("http://a b/"),
                                 std::string("http://a/b c"),
                                 std::string("http://a/\r\nX: y"),
                                 std::string("http://a/\0", 10),
                                 std::string("http://a:0/"),
                                 std::string("http://a:65536/"),
                                 std::string("http://a:1:2/"),
                                 std::string("http://a:x/"),
                                 std::string("http://[::1/"),
                                 std::string("http://[]/"),
                                 std::string("http://[1:2]/"),
                                 std::string("http://[::1]x/"),
                                 std::string("http://a%62/"),
                                 std::string("http://a/%4"),
                                 std::string("http://a/%zz"),
                                 std::string("ftp://a/"),
                                 std::string("javascript:a"),
                                 std::string("http://a\\b/"),
                                 "http://" + std::string(256, 'a') + "/",
                                 "http://a/" + std::string(8000, 'a')}) {
    EXPECT_EQ(text_of(bad), "none") << bad;
  }
}

TEST(Http1Url, References) {  // RFC 3986 section 5.4
  const auto base = http1::parse_url("http://a/b/c/d;p?q");
  const auto to = [&](std::string_view reference) {
    const auto url = http1::resolve_url(*base, reference);
    return url ? url->text() : "none";
  };
  const char* const cases[][2] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"http://h/i", "http://h/i"},
      {"https://h", "https://h/"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"//u@g", "none"},
      {"mailto:a", "none"},
      {"http:g", "none"},
      {"a b", "none"},
      {"g:h", "none"},
      {"/a:b", "http://a/a:b"},
  };
  for (const auto& [reference, result] : cases) EXPECT_EQ(to(reference), result) << reference;
}

TEST(Http1Url, Origins) {
  const auto same = [](std::string_view a, std::string_view b) {
    return http1::parse_url(a)->same_origin(*http1::parse_url(b));
  };
  EXPECT_TRUE(same("http://a/x", "http://A:80/y"));
  EXPECT_FALSE(same("http://a", "https://a"));
  EXPECT_FALSE(same("http://a", "http://a:81"));
  EXPECT_FALSE(same("http://a", "http://b.a"));
}

}  // namespace
