// CookieJar: what comes back, to whom, and for how long.
#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/http1/cookie_jar.hpp>
#include <verdin/protocol/http1/date.hpp>

namespace {

namespace http1 = verdin::protocol::http1;
using http1::CookieJar;

constexpr std::time_t kNow = 1'000'000'000;

struct Jar {
  Jar& store(std::string_view url, std::string_view set_cookie, std::time_t now = kNow) {
    jar.store(*http1::parse_url(url), set_cookie, now);
    return *this;
  }
  std::string at(std::string_view url, std::time_t now = kNow) const {
    return jar.header_for(*http1::parse_url(url), now);
  }
  CookieJar jar;
};

TEST(CookieJar, GoesBackToItsOwnHost) {
  Jar jar;
  jar.store("http://a.test/x/y", "n=v");
  EXPECT_EQ(jar.at("http://a.test/x/z"), "n=v");
  EXPECT_EQ(jar.at("http://A.TEST:8080/x"), "n=v");
  EXPECT_EQ(jar.at("http://a.test/"), "");
  EXPECT_EQ(jar.at("http://b.a.test/x/z"), "");
  EXPECT_EQ(jar.at("http://b.test/x/z"), "");
}

TEST(CookieJar, Domains) {
  Jar jar;
  jar.store("http://b.a.test/", "n=v; Domain=.A.test");
  EXPECT_EQ(jar.at("http://a.test/"), "n=v");
  EXPECT_EQ(jar.at("http://c.b.a.test/"), "n=v");
  EXPECT_EQ(jar.at("http://xa.test/"), "");
  for (const char* domain : {"test", "b.test", "c.b.a.test", "xb.a.test", ".test"}) {
    EXPECT_EQ(Jar().store("http://b.a.test/", std::string("n=v; Domain=") + domain).jar.size(), 0u) << domain;
  }
  EXPECT_EQ(Jar().store("http://127.0.0.1/", "n=v; Domain=0.1").jar.size(), 0u);
  EXPECT_EQ(Jar().store("http://127.0.0.1/", "n=v; Domain=127.0.0.1").at("http://127.0.0.1/"), "n=v");
  EXPECT_EQ(Jar().store("http://localhost/", "n=v; Domain=localhost").at("http://localhost/"), "n=v");
}

TEST(CookieJar, Paths) {
  Jar jar;
  jar.store("http://a/", "long=1; Path=/x/y").store("http://a/", "short=2; Path=/x");
  EXPECT_EQ(jar.at("http://a/x/y/z"), "long=1; short=2");
  EXPECT_EQ(jar.at("http://a/x"), "short=2");
  EXPECT_EQ(jar.at("http://a/xy"), "");
  EXPECT_EQ(Jar().store("http://a/b/c", "n=v; Path=relative").at("http://a/b/d"), "n=v");
}

TEST(CookieJar, SecureOnes) {
  Jar jar;
  jar.store("http://a/", "n=v; Secure");
  EXPECT_EQ(jar.jar.size(), 0u);
  jar.store("https://a/", "n=v; Secure");
  EXPECT_EQ(jar.at("https://a/"), "n=v");
  EXPECT_EQ(jar.at("http://a/"), "");
  jar.store("http://a/", "n=other");
  EXPECT_EQ(jar.at("https://a/"), "n=v") << "a plain answer has replaced it";
  EXPECT_EQ(Jar().store("https://a/", "__Secure-n=v").jar.size(), 0u);
  EXPECT_EQ(Jar().store("https://a/", "__Secure-n=v; Secure").jar.size(), 1u);
  EXPECT_EQ(Jar().store("https://a/", "__Host-n=v; Secure").jar.size(), 0u);
  EXPECT_EQ(Jar().store("https://a/", "__Host-n=v; Secure; Path=/").jar.size(), 1u);
  EXPECT_EQ(Jar().store("https://a.b/", "__Host-n=v; Secure; Path=/; Domain=a.b").jar.size(), 0u);
}

TEST(CookieJar, Expiry) {
  Jar jar;
  jar.store("http://a/", "n=v; Max-Age=10");
  EXPECT_EQ(jar.at("http://a/", kNow + 9), "n=v");
  EXPECT_EQ(jar.at("http://a/", kNow + 10), "");
  jar.store("http://a/", "n=v; Expires=" + http1::format_date(kNow + 5));
  EXPECT_EQ(jar.at("http://a/", kNow + 4), "n=v");
  EXPECT_EQ(jar.at("http://a/", kNow + 5), "");
  jar.store("http://a/", "n=v; Max-Age=10; Expires=" + http1::format_date(kNow - 5));
  EXPECT_EQ(jar.at("http://a/", kNow + 9), "n=v");
  jar.store("http://a/", "n=; Max-Age=0");
  EXPECT_EQ(jar.jar.size(), 0u);
  EXPECT_EQ(Jar().store("http://a/", "n=v; Max-Age=-1").jar.size(), 0u);
  EXPECT_EQ(Jar().store("http://a/", "n=v; Max-Age=999999999999999999999").at("http://a/", kNow * 2), "n=v");
  EXPECT_EQ(Jar().store("http://a/", "n=v; Max-Age=x; Expires=never").at("http://a/", kNow * 2), "n=v");
}

TEST(CookieJar, Dates) {
  constexpr std::time_t kDate = 784111777;
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994", "6 nov 1994 8:49:37", "08:49:37 6-NOVEMBER-1994"}) {
    EXPECT_EQ(http1::parse_cookie_date(text), kDate) << text;
  }
  for (const char* text : {"", "never", "06 Nov 1994", "06 Nov 08:49:37", "32 Nov 1994 08:49:37",
                           "06 Nov 1600 08:49:37", "06 Nov 1994 24:49:37", "06 Nov 19945 08:49:37"}) {
    EXPECT_EQ(http1::parse_cookie_date(text), std::nullopt) << text;
  }
}

TEST(CookieJar, SuffixesAreNobodys) {
  for (const char* domain : {"com", ".com", "com.", ".com.", "..com", "a.com.", ".a.com.", ".", ".."})
    EXPECT_EQ(Jar().store("http://b.a.com/", std::string("n=v; Domain=") + domain).jar.size(),
              domain == std::string(".") ? 1u : 0u)
        << domain;
  EXPECT_EQ(Jar().store("http://a.com./", "n=v; Domain=com.").jar.size(), 0u);
  EXPECT_EQ(Jar().store("http://a.com./", "n=v; Domain=a.com.").jar.size(), 0u);
  Jar local;
  local.store("http://localhost/", "n=v; Domain=localhost");
  EXPECT_EQ(local.at("http://localhost/"), "n=v");
  EXPECT_EQ(local.at("http://evil.localhost/"), "") << "a label alone is a suffix";
}

TEST(CookieJar, NamesThatPromise) {
  const auto stored = [](const char* url, const std::string& cookie) {
    return Jar().store(url, cookie).jar.size();
  };
  for (const std::string name : {"__Host-n", "__HOST-n", "__host-n"}) {
    EXPECT_EQ(stored("https://a.test/", name + "=v; Secure; Path=/"), 1u) << name;
    EXPECT_EQ(stored("https://a.test/", name + "=v; Path=/"), 0u) << name;
    EXPECT_EQ(stored("https://a.test/", name + "=v; Secure"), 0u) << name;
    EXPECT_EQ(stored("https://a.test/", name + "=v; Secure; Path=/x"), 0u) << name;
    EXPECT_EQ(stored("https://a.test/", name + "=v; Secure; Path=/; Domain=a.test"), 0u) << name;
    EXPECT_EQ(stored("http://a.test/", name + "=v; Secure; Path=/"), 0u) << name;
  }
  for (const std::string name : {"__Secure-n", "__secure-n"}) {
    EXPECT_EQ(stored("https://a.test/", name + "=v; Secure; Domain=a.test"), 1u) << name;
    EXPECT_EQ(stored("https://a.test/", name + "=v"), 0u) << name;
    EXPECT_EQ(stored("http://a.test/", name + "=v; Secure"), 0u) << name;
  }
}

TEST(CookieJar, WhoGoesFirst) {
  Jar jar;
  const std::string url = "https://a.test/";
  for (std::size_t i = 0; i < CookieJar::kMostOfDomain; ++i) {
    const bool plain = i == 20 || i == 30;
    jar.store(url, "n" + std::to_string(i) + (plain ? "=1" : "=1; Secure"),
              kNow + static_cast<std::time_t>(i));
  }
  const auto has = [&](const std::string& name, std::time_t now) {
    return ("; " + jar.at(url, now) + ";").find("; " + name + "=") != std::string::npos;
  };
  const auto count = [&] { return jar.jar.size(); };
  jar.store(url, "dead=1; Max-Age=10; Secure", kNow + 100).store(url, "n40=1; Max-Age=0; Secure", kNow + 100);
  EXPECT_EQ(count(), CookieJar::kMostOfDomain - 1) << "20 had to go, and 40 went";
  jar.store(url, "a=1; Secure", kNow + 110);  // in the place of the one that has expired
  EXPECT_EQ(count(), CookieJar::kMostOfDomain - 1);
  jar.store(url, "b=1; Secure", kNow + 110);
  EXPECT_EQ(count(), CookieJar::kMostOfDomain);
  jar.store(url, "c=1; Secure", kNow + 110);
  jar.store(url, "plain=1", kNow + 111);
  EXPECT_FALSE(has("plain", kNow + 200)) << "all others are Secure";
  EXPECT_FALSE(has("n20", kNow + 200));
  EXPECT_FALSE(has("n30", kNow + 200));
  EXPECT_TRUE(has("n0", kNow + 200));
  EXPECT_EQ(count(), CookieJar::kMostOfDomain);
  // All have been sent at once; then n0 and another path's are not.
  jar.store(url, "other=1; Secure; Path=/other", kNow + 300);
  EXPECT_FALSE(has("n0", kNow + 400)) << "the first of those that were used last together";
  jar.at(url, kNow + 500);
  jar.store(url, "d=1; Secure", kNow + 600);
  EXPECT_EQ(jar.at("https://a.test/other", kNow + 700).find("other=1"), std::string::npos)
      << "not used since";
}

TEST(CookieJar, AnotherValueKeepsItsPlace) {
  Jar jar;
  jar.store("http://a/", "a=1").store("http://a/", "b=1").store("http://a/", "a=2");
  EXPECT_EQ(jar.at("http://a/"), "a=2; b=1");
}

TEST(CookieJar, OneReplacesAnotherAndAllAreBounded) {
  Jar jar;
  jar.store("http://a/", "n=1").store("http://a/", "n=2");
  EXPECT_EQ(jar.at("http://a/"), "n=2");
  for (int i = 0; i < 60; ++i) jar.store("http://a/", "n" + std::to_string(i) + "=1");
  EXPECT_EQ(jar.jar.size(), CookieJar::kMostOfDomain);
  EXPECT_EQ(jar.at("http://a/").find("n9="), std::string::npos);
  for (int i = 0; i < 2000; ++i) jar.store("http://h" + std::to_string(i) + "/", "n=v");
  EXPECT_EQ(jar.jar.size(), CookieJar::kMost);
  EXPECT_EQ(Jar().store("http://a/", "n=" + std::string(5000, 'x')).jar.size(), 0u);
  for (const char* bad : {"", "n", "=v", "; Secure", "n=a\x01", "n=a\r\nX: y"})
    EXPECT_EQ(Jar().store("http://a/", bad).jar.size(), 0u) << bad;
}

}  // namespace
