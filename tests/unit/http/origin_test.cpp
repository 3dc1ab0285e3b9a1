// The one rule of origins, and what answers say of it: errors, too.
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

namespace origin_tests {
namespace {

namespace http = verdin::http;
using http::Origins;
using http::Request;
using http::Response;
using Lines = std::vector<std::pair<std::string, std::string>>;

struct Site {
  explicit Site(const http::Options& options = {}) : app(options) {
    app.on_error([](const Request*, std::exception_ptr) {});
    app.any("/", [this](Request& q, Response& r) { handler(q, r); });
    app.listen({"127.0.0.1", 0}).start();
  }
  http::ClientResponse ask(const Lines& headers, const std::string& method = "GET",
                           const std::string& target = "/", std::string body = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(app.port()) + target;
    request.headers = headers;
    request.body = std::move(body);
    return client.request(std::move(request));
  }

  http::App app;
  http::Client client;
  std::function<void(Request&, Response&)> handler = [](Request&, Response& r) { r.send("ok"); };
};

/// All values of that header, in order.
std::string all(const http::ClientResponse& answer, std::string_view name) {
  std::string text;
  for (const http::http1::HeaderField& field : answer.headers()) {
    if (http::http1::equals_ignoring_case(field.name, name)) text.append(field.value).append(";");
  }
  return text;
}

TEST(HttpOrigins, ListsAreOfWhatBrowsersWrite) {
  for (const char* origin :
       {"https://a.test", "http://a.test:8080", "http://[::1]:8080", "chrome-extension://abc", "app://x"})
    EXPECT_NO_THROW(Origins({origin})) << origin;
  for (const char* origin :
       {"", "a.test", "null", "https://", "https://a.test/", "https://A.test", "HTTPS://a.test",
        "https://a.test:443", "http://a.test:80", "https://u@a.test", "https://*.a.test",
        "https://a.test\r\nX: y", "https://a.test https://b.test", "://a", "https://a.test?"})
    EXPECT_THROW(Origins({"https://b.test", origin}), std::invalid_argument) << origin;
  EXPECT_THROW(Origins({"*", "https://a.test"}), std::invalid_argument);
  EXPECT_THROW(Origins({"*"}, true), std::invalid_argument);
  EXPECT_TRUE(Origins({"*"}).has("https://any.test"));
  EXPECT_TRUE(Origins::any().has("https://any.test"));
  EXPECT_TRUE(Origins::any().everybody());
  EXPECT_FALSE(Origins().has("https://any.test"));
}

TEST(HttpOrigins, TheOwnHostIsWelcomeAndTheListed) {
  verdin::run([] {
    Site site;
    const auto welcome = [&](const Origins& origins, const Lines& headers) {
      bool let_in = false;
      site.handler = [&](Request& q, Response&) { let_in = origins.welcome(q); };
      site.ask(headers);
      return let_in;
    };
    const Origins none, one({"https://friend.test:8443"}), everybody({"*"}), any = Origins::any();
    const auto of = [](const std::string& origin, const std::string& host = "example.org") {
      return Lines{{"Host", host}, {"Origin", origin}};
    };
    for (const Origins* origins : {&none, &one, &everybody, &any}) {
      EXPECT_TRUE(welcome(*origins, {}));
      EXPECT_TRUE(welcome(*origins, of("http://example.org")));
      EXPECT_TRUE(welcome(*origins, of("https://EXAMPLE.org")));
      EXPECT_TRUE(welcome(*origins, of("https://example.org", "example.org:443")));
      EXPECT_TRUE(welcome(*origins, of("http://example.org:80", "example.org")));
      EXPECT_TRUE(welcome(*origins, of("http://[::1]:8080", "[::1]:8080")));
    }
    EXPECT_TRUE(welcome(one, of("https://friend.test:8443")));
    EXPECT_FALSE(welcome(none, of("https://friend.test:8443")));
    for (const char* origin :
         {"http://example.org:81", "http://example.org.evil", "http://x.example.org", "http://u@example.org",
          "ftp://example.org", "example.org", "https://example.org:80", "https://friend.test",
          "http://friend.test:8443", "https://friend.test:8443.evil", "https://friend.test:8443, x", "null",
          "*", "", "http://"}) {
      EXPECT_FALSE(welcome(one, of(origin))) << origin;
      EXPECT_TRUE(welcome(everybody, of(origin))) << origin;
    }
    Lines twice = of("https://friend.test:8443");
    twice.emplace_back("Origin", "https://friend.test:8443");
    EXPECT_FALSE(welcome(one, twice));
  });
}

TEST(HttpOrigins, TheOwnHostIsThatOfAnAbsoluteTarget) {
  verdin::run([] {
    Site site;
    bool welcome = false;
    site.handler = [&](Request& q, Response& r) {
      welcome = Origins().welcome(q);
      r.send(q.header("Host").value_or("none"));
    };
    // Proxies are asked with such targets.
    http::Client client({.proxy = "http://127.0.0.1:" + std::to_string(site.app.port())});
    const auto lets_in = [&](const std::string& host, const std::string& said, const std::string& origin) {
      http::ClientRequest request;
      request.url = "http://" + host + "/";
      request.headers = {{"Host", said}, {"Origin", origin}};
      EXPECT_EQ(client.request(std::move(request)).body(), host);
      return welcome;
    };
    EXPECT_TRUE(lets_in("site.test", "site.test", "http://site.test"));
    EXPECT_TRUE(lets_in("site.test:8080", "other.test", "http://site.test:8080"));
    EXPECT_TRUE(lets_in("site.test", "SITE.test:80", "https://site.test"));
    EXPECT_FALSE(lets_in("site.test", "evil.test", "http://evil.test"));
    EXPECT_FALSE(lets_in("site.test:8080", "site.test", "http://site.test"));
  });
}

TEST(HttpCors, ErrorsMayBeReadToo) {
  verdin::run([] {
    http::Options options;
    options.body_limit = 10;
    Site site(options);
    site.app.use(http::cors({.origins = {"https://a.test"}, .credentials = true, .exposed = "X-Y"}));
    const Lines from_a{{"Origin", "https://a.test"}};
    const auto expect_readable = [](const http::ClientResponse& answer, int status) {
      EXPECT_EQ(answer.status(), status);
      EXPECT_EQ(all(answer, "Access-Control-Allow-Origin"), "https://a.test;") << status;
      EXPECT_EQ(all(answer, "Access-Control-Allow-Credentials"), "true;") << status;
      EXPECT_EQ(all(answer, "Access-Control-Expose-Headers"), "X-Y;") << status;
      EXPECT_EQ(all(answer, "Vary"), "Origin;") << status;
    };
    site.handler = [](Request&, Response& r) { r.status(403).send("no"); };
    expect_readable(site.ask(from_a), 403);
    const auto throws = [](Request&, Response& r) {
      r.header("X-Left", "behind");
      throw std::runtime_error("x");
    };
    site.handler = throws;
    http::ClientResponse answer = site.ask(from_a);
    expect_readable(answer, 500);
    EXPECT_EQ(answer.header("X-Left"), std::nullopt);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain");
    site.handler = [](Request&, Response&) {
      const verdin::Timeout limit(std::chrono::milliseconds(1));
      verdin::sleep(std::chrono::minutes(1));
    };
    expect_readable(site.ask(from_a), 500);
    site.handler = [](Request&, Response& r) {
      r.header("X-Left", "behind").header("Access-Control-Allow-Origin", "x");
      throw verdin::GreenletExit();
    };
    answer = site.ask(from_a);
    expect_readable(answer, 500);
    EXPECT_EQ(answer.header("X-Left"), std::nullopt);
    site.handler = [](Request&, Response& r) {
      r.header("Access-Control-Allow-Origin", "x").header("Access-Control-Allow-Origin", "y");
      throw http::BodyError(413, "x");
    };
    expect_readable(site.ask(from_a), 413);
    site.handler = throws;
    expect_readable(site.ask(from_a, "GET", "/nothing"), 404);
    expect_readable(site.ask(from_a, "POST", "/", std::string(11, 'x')), 413);
    site.app.get("/get", [](Request&, Response&) {});
    expect_readable(site.ask(from_a, "POST", "/get"), 405);
    site.app.post("/streamed", [](Request& q, Response&) { q.read(100), q.read(100); },
                  {.stream_body = true, .body_limit = 20});
    http::ClientRequest upload;
    upload.method = "POST";
    upload.url = "http://127.0.0.1:" + std::to_string(site.app.port()) + "/streamed";
    upload.headers = from_a;
    upload.upload = [](std::string& piece) {
      piece.assign(30, 'x');
      return false;
    };
    expect_readable(site.client.request(std::move(upload)), 413);
    for (const int status : {404, 413, 500})
      site.app.error_page(status, [](Request&, Response& r) { r.send("page"); });
    answer = site.ask(from_a);
    expect_readable(answer, 500);
    EXPECT_EQ(answer.body(), "page");
    answer = site.ask(from_a, "POST", "/", std::string(11, 'x'));
    expect_readable(answer, 413);
    EXPECT_EQ(answer.body(), "page");
    site.app.error_page(500, [](Request&, Response&) { throw 1; });
    expect_readable(site.ask(from_a), 500);
    answer = site.ask({{"Origin", "https://b.test"}});
    EXPECT_EQ(answer.status(), 500);
    EXPECT_EQ(all(answer, "Access-Control-Allow-Origin"), "");
    EXPECT_EQ(all(answer, "Vary"), "Origin;");
    EXPECT_EQ(all(site.ask({}), "Vary"), "Origin;");
  });
}

TEST(HttpLastingHeaders, AreReplacedUntilTheHandlerThrows) {
  verdin::run([] {
    Site site;
    bool throws = false;
    site.handler = [&](Request&, Response& r) {
      r.lasting_header("A", "1").lasting_header("B", "1").lasting_header("A", "2").lasting_header("C", "1");
      r.header("a", "own").header("B", "own").add_header("C", "own").lasting_header("B", "2");
      if (throws) throw std::runtime_error("x");
    };
    const auto told = [](const http::ClientResponse& answer) {
      return all(answer, "A") + " " + all(answer, "B") + " " + all(answer, "C");
    };
    EXPECT_EQ(told(site.ask({})), "own; own;2; own;1;");
    throws = true;
    EXPECT_EQ(told(site.ask({})), "1;2; 2; 1;");
    site.app.error_page(500, [](Request&, Response& r) { r.header("A", "page").send("page"); });
    EXPECT_EQ(told(site.ask({})), "page; 2; 1;");
    site.app.error_page(500, [](Request&, Response& r) {
      r.header("A", "page");
      throw 1;
    });
    EXPECT_EQ(told(site.ask({})), "1;2; 2; 1;");
  });
}

TEST(HttpCors, WhatIsSaidToEverybodyIsSaidAlwaysAndVaryByNobodyIsLost) {
  verdin::run([] {
    Site site;
    site.app.use(http::cors({.origins = {"*"}}));
    for (const Lines& headers : {Lines{}, Lines{{"Origin", "https://any.test"}}, Lines{{"Origin", "null"}}}) {
      const http::ClientResponse answer = site.ask(headers);
      EXPECT_EQ(all(answer, "Access-Control-Allow-Origin"), "*;");
      EXPECT_EQ(all(answer, "Vary"), "");
    }
    EXPECT_EQ(site.ask({{"Origin", "https://any.test"}, {"Access-Control-Request-Method", "PUT"}}, "OPTIONS")
                  .status(),
              204);
    Site listed;
    listed.app.use(http::cors({.origins = {"https://a.test"}}));
    listed.handler = [](Request&, Response& r) {
      r.header("Vary", "Accept").header("Access-Control-Allow-Origin", "https://mine.test").send("ok");
    };
    const http::ClientResponse answer = listed.ask({{"Origin", "https://a.test"}});
    EXPECT_EQ(all(answer, "Vary"), "Accept;Origin;");
    EXPECT_EQ(all(answer, "Access-Control-Allow-Origin"), "https://mine.test;");
  });
}

}  // namespace
}  // namespace origin_tests
