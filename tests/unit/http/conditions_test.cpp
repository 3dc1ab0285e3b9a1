// Conditions of requests (RFC 9110 section 13) on what handlers make and on files.
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include <verdin/protocol/http1/date.hpp>

#include "support/http_client.hpp"

namespace {

using verdin::http::App;
using verdin::http::Options;
using verdin::http::Request;
using verdin::http::Response;
using verdin::tests::body_of;
using verdin::tests::Client;
using verdin::tests::header_of;
using verdin::tests::serve_while;
using verdin::tests::status_of;

constexpr std::time_t kChanged = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
const std::string kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
const std::string kLater = "Sun, 06 Nov 1994 08:49:38 GMT";

std::string ask(Client& client, const std::string& method, const std::string& path,
                const std::string& lines) {
  client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + lines + "\r\n\r\n");
  return client.receive();
}

TEST(HttpConditions, AreJudgedInTheirOrder) {
  App app;
  const auto page = [](Request&, Response& r) {
    if (r.settled_by("\"v7\"", kChanged)) return;
    r.send("seven");
  };
  app.get("/page", page);
  app.put("/page", page);
  app.get("/weak", [](Request&, Response& r) {
    if (r.settled_by("W/\"v7\"")) return;
    r.send("seven");
  });
  app.get("/dated", [](Request&, Response& r) {
    if (r.settled_by("", kChanged)) return;
    r.send("seven");
  });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    struct Case {
      const char* method;
      const char* path;
      std::string lines;
      int status;
    };
    const Case cases[] = {
        {"GET", "/page", "X: y", 200},
        {"GET", "/page", "If-None-Match: \"v7\"", 304},
        {"GET", "/page", "If-None-Match: W/\"v7\"", 304},
        {"GET", "/page", "If-None-Match: \"a\", \"v7\"", 304},
        {"GET", "/page", "If-None-Match: *", 304},
        {"GET", "/page", "If-None-Match: \"a\"", 200},
        {"GET", "/page", "If-Modified-Since: " + kSame, 304},
        {"GET", "/page", "If-Modified-Since: " + kLater, 304},
        {"GET", "/page", "If-Modified-Since: " + kBefore, 200},
        {"GET", "/page", "If-Modified-Since: yesterday", 200},
        {"GET", "/page", "If-None-Match: \"a\"\r\nIf-Modified-Since: " + kSame, 200},
        {"GET", "/page", "If-Match: \"v7\"", 200},
        {"GET", "/page", "If-Match: *", 200},
        {"GET", "/page", "If-Match: \"a\"", 412},
        {"GET", "/page", "If-Match: W/\"v7\"", 412},
        {"GET", "/page", "If-Match: \"v7\"\r\nIf-None-Match: \"v7\"", 304},
        {"GET", "/page", "If-Match: \"a\"\r\nIf-None-Match: \"v7\"", 412},
        {"GET", "/page", "If-Unmodified-Since: " + kSame, 200},
        {"GET", "/page", "If-Unmodified-Since: " + kBefore, 412},
        {"GET", "/page", "If-Match: \"v7\"\r\nIf-Unmodified-Since: " + kBefore, 200},
        {"PUT", "/page", "If-None-Match: *", 412},
        {"PUT", "/page", "If-None-Match: \"a\"", 200},
        {"PUT", "/page", "If-Match: \"v7\"", 200},
        {"PUT", "/page", "If-Match: \"v6\"", 412},
        {"PUT", "/page", "If-Modified-Since: " + kSame, 200},
        {"GET", "/weak", "If-None-Match: \"v7\"", 304},
        {"GET", "/weak", "If-Match: W/\"v7\"", 412},
        {"GET", "/dated", "If-None-Match: W/", 200},
        {"GET", "/dated", "If-Modified-Since: " + kSame, 304},
    };
    for (const Case& it : cases) {
      const std::string answer = ask(client, it.method, it.path, it.lines);
      EXPECT_EQ(status_of(answer), it.status) << it.method << ' ' << it.path << ' ' << it.lines;
      EXPECT_EQ(body_of(answer), it.status == 200 ? "seven" : "");
    }
    const std::string answer = ask(client, "GET", "/page", "If-None-Match: *");
    EXPECT_EQ(header_of(answer, "ETag"), "\"v7\"");
    EXPECT_EQ(header_of(answer, "Last-Modified"), kSame);
    EXPECT_EQ(header_of(ask(client, "GET", "/dated", "X: y"), "ETag"), "");
  });
}

TEST(HttpConditions, HoldForFilesToo) {
  const std::string name = ::testing::TempDir() + "verdin-conditions-" + std::to_string(::getpid());
  std::ofstream(name) << "0123456789";
  App app;
  app.get("/file", [&](Request&, Response& r) { r.send_file(name); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    const std::string first = client.get("/file");
    const std::string etag = header_of(first, "ETag"), changed = header_of(first, "Last-Modified");
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Match: " + etag)), 200);
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Match: \"a\"")), 412);
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Unmodified-Since: " + changed)), 200);
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Unmodified-Since: " + kSame)), 412);
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Match: \"a\"\r\nRange: bytes=0-1")), 412);
    EXPECT_EQ(status_of(ask(client, "GET", "/file", "If-Match: " + etag + "\r\nRange: bytes=0-1")), 206);
  });
  std::filesystem::remove(name);
}

TEST(HttpConditions, LastModifiedIsNeverLaterThanTheAnswer) {
  App app;
  app.get("/", [](Request&, Response& r) {
    if (!r.settled_by("\"v7\"", std::time(nullptr) + 1'000'000)) r.send("from the future");
  });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    const std::string answer = client.get("/");
    const auto date = verdin::http::http1::parse_date(header_of(answer, "Date"));
    const auto changed = verdin::http::http1::parse_date(header_of(answer, "Last-Modified"));
    ASSERT_TRUE(date && changed);
    EXPECT_LE(*changed, *date);
  });
}

// RFC 9110 sections 13.2.1 and 14.2.
TEST(HttpConditions, AreNoneOfAnswersThatAreErrors) {
  const std::string name = testing::TempDir() + "verdin-conditions-404-" + std::to_string(::getpid());
  std::ofstream(name) << "gone";
  App app;
  app.error_page(404, [&](Request&, Response& r) { r.type("text/html").send_file(name); });
  app.get("/failed", [&](Request&, Response& r) { r.status(500).send_file(name); });
  app.get("/made", [](Request&, Response& r) {
    if (!r.status(410).settled_by("\"v7\"", kChanged)) r.send("gone");
  });
  app.get("/created", [](Request&, Response& r) {
    if (!r.status(201).settled_by("\"v7\"", kChanged)) r.send("new");
  });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    for (const char* line :
         {"If-None-Match: *", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "If-Match: \"x\"",
          "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", "Range: bytes=0-1", "Range: bytes=900-"}) {
      for (const auto& [path, status] : {std::pair{"/none", 404}, {"/failed", 500}, {"/made", 410}}) {
        const std::string answer = ask(client, "GET", path, line);
        EXPECT_EQ(status_of(answer), status) << line;
        EXPECT_EQ(body_of(answer), "gone") << line;
        for (const char* header : {"ETag", "Last-Modified", "Accept-Ranges", "Content-Range"})
          EXPECT_EQ(header_of(answer, header), "") << line;
      }
    }
    EXPECT_EQ(status_of(ask(client, "GET", "/created", "If-None-Match: *")), 304);
  });
  std::filesystem::remove(name);
}

TEST(HttpServerName, IsToldOnlyWhereItIsSet) {
  Options options;
  options.server_name = "shop";
  App named(options), nameless;
  for (App* app : {&named, &nameless}) {
    app->get("/", [](Request&, Response& r) { r.send("ok"); });
    app->get("/own", [](Request&, Response& r) { r.header("Server", "own").send("ok"); });
    serve_while(*app, [&](std::uint16_t port) {
      const std::string name = app == &named ? "shop" : "";
      Client client(port);
      EXPECT_EQ(header_of(client.get("/"), "Server"), name);
      EXPECT_EQ(header_of(client.get("/own"), "Server"), "own");
      EXPECT_EQ(header_of(client.get("/nothing"), "Server"), name);
      EXPECT_EQ(header_of(client.send("GET\r\n\r\n").receive(), "Server"), name);
    });
  }
  options.server_name = "a\r\nSet-Cookie: b";
  EXPECT_THROW(App{options}, std::invalid_argument);
}

}  // namespace
