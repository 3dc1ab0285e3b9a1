// What an App does around its handlers: access notes, error pages and ids, compression, typed values.
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include <verdin/http/http.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

namespace app_answers_tests {
namespace {

using namespace std::chrono_literals;
namespace http = verdin::http;
using http::App;
using http::Request;
using http::Response;

/// An app on this hub, and a client of it that leaves codings alone.
struct Site {
  explicit Site(const http::Options& options = {}) : app(options) {
    app.listen({"127.0.0.1", 0});
    app.start();
  }
  http::ClientResponse ask(const std::string& target, const std::string& method = "GET",
                           const std::string& accept_encoding = "identity", const std::string& cookies = {}) {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(app.port()) + target;
    request.headers = {{"Accept-Encoding", accept_encoding}};
    if (!cookies.empty()) request.headers.emplace_back("Cookie", cookies);
    return client.request(std::move(request));
  }
  App app;
  http::Client client;
};

struct Note {
  std::string target, peer;
  int status;
  std::uint64_t octets;
  bool complete;
  bool operator==(const Note&) const = default;
};

TEST(HttpAppAnswers, AccessIsNotedOnceForEachRequest) {
  verdin::run([] {
    Site site;
    std::vector<Note> notes;
    site.app.on_access([&](const http::Access& access) {
      EXPECT_GE(access.took.count(), 0);
      notes.push_back({std::string(access.request.target()), access.request.peer_address(), access.status,
                       access.octets, access.complete});
    });
    site.app.get("/send", [](Request&, Response& r) { r.send("hello"); });
    site.app.get("/pieces", [](Request&, Response& r) { r.write("one"), r.write("two"); });
    site.app.get("/throws", [](Request&, Response&) { throw std::runtime_error("x"); });
    site.app.get("/cut", [](Request&, Response& r) {
      r.write("one");
      verdin::sleep(5ms);  // so that it leaves
      throw std::runtime_error("x");
    });
    bool waiting = false;
    site.app.get("/wait", [&](Request&, Response& r) {
      waiting = true;
      r.peer_leaves(60s);
    });
    site.app.on_error([](const Request*, std::exception_ptr) {});
    const std::string peer = "127.0.0.1";
    site.ask("/send");
    site.ask("/send", "HEAD");
    site.ask("/pieces");
    site.ask("/nothing");
    EXPECT_EQ(site.ask("/throws").status(), 500);
    EXPECT_THROW(site.ask("/cut"), http::ClientError);
    {
      auto socket = verdin::net::Socket::connected(verdin::net::Address::loopback_ipv4(site.app.port()));
      socket.send_all("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
      while (!waiting) verdin::sleep(1ms);
    }
    while (notes.size() < 7) verdin::sleep(1ms);
    const std::size_t with_id = std::string("Internal Server Error (0123456789abcdef)\n").size();
    EXPECT_EQ(notes, (std::vector<Note>{{"/send", peer, 200, 5, true},
                                        {"/send", peer, 200, 0, true},
                                        {"/pieces", peer, 200, 6, true},
                                        {"/nothing", peer, 404, 10, true},
                                        {"/throws", peer, 500, with_id, true},
                                        {"/cut", peer, 200, 3, false},
                                        {"/wait", peer, 0, 0, false}}));
  });
}

TEST(HttpAppAnswers, AFailureHasAnIdAndNoMore) {
  verdin::run([] {
    Site site;
    std::string reported;
    site.app.on_error([&](const Request* request, std::exception_ptr) { reported = request->error_id(); });
    site.app.get("/", [](Request&, Response&) { throw std::runtime_error("the secret"); });
    const http::ClientResponse answer = site.ask("/");
    EXPECT_EQ(reported.size(), 16u);
    EXPECT_EQ(answer.body(), "Internal Server Error (" + reported + ")\n");
    const std::string first = reported;
    site.ask("/");
    EXPECT_NE(reported, first);
  });
}

TEST(HttpAppAnswers, ATimeoutThatLeavesAHandlerIsAFailureLikeAny) {
  verdin::run([] {
    Site site;
    std::string reported;
    int expired = 0;
    site.app.on_error([&](const Request* request, std::exception_ptr error) {
      reported = request->error_id();
      try {
        std::rethrow_exception(error);
      } catch (const verdin::TimeoutExpired&) {
        ++expired;
      }
    });
    const auto too_slow = [](Request&, Response&) {
      const verdin::Timeout limit(1ms);
      verdin::sleep(60s);
    };
    site.app.get("/", too_slow);
    http::ClientResponse answer = site.ask("/");
    EXPECT_EQ(answer.status(), 500);
    EXPECT_EQ(reported.size(), 16u);
    EXPECT_EQ(answer.body(), "Internal Server Error (" + reported + ")\n");
    site.app.error_page(500, [](Request& q, Response& r) { r.send("sorry: " + q.error_id()); });
    answer = site.ask("/");
    EXPECT_EQ(answer.body(), "sorry: " + reported);
    EXPECT_EQ(expired, 2);
    site.app.error_page(500, too_slow);
    answer = site.ask("/");
    EXPECT_EQ(answer.body(), "Internal Server Error (" + reported + ")\n");
    EXPECT_EQ(expired, 4);
  });
}

TEST(HttpAppAnswers, ErrorPages) {
  verdin::run([] {
    Site site;
    site.app.on_error([](const Request*, std::exception_ptr) {});
    site.app.get("/throws", [](Request&, Response& r) {
      r.header("X-Left", "behind");
      throw 1;
    });
    site.app.get("/own", [](Request&, Response& r) { r.status(404).send("own"); });
    site.app.error_page(404, [](Request& q, Response& r) { r.html("<h1>No " + q.path() + "</h1>"); });
    site.app.error_page(405, [](Request&, Response& r) { r.send("not so"); });
    site.app.error_page(500, [](Request& q, Response& r) { r.send("sorry: " + q.error_id()); });
    http::ClientResponse answer = site.ask("/nothing");
    EXPECT_EQ(answer.status(), 404);
    EXPECT_EQ(answer.body(), "<h1>No /nothing</h1>");
    EXPECT_EQ(site.ask("/own").body(), "own");
    EXPECT_THROW(site.app.static_files("/files", "/nowhere"), std::invalid_argument);
    char folder[] = "/tmp/verdin_empty_XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    site.app.static_files("/files", folder);
    for (const char* path : {"/files/none", "/files/.hidden", "/files/%2e%2e/x", "/files/"}) {
      answer = site.ask(path);
      EXPECT_EQ(answer.status(), 404) << path;
      EXPECT_EQ(answer.body(),
                "<h1>No " + std::string(path == std::string("/files/%2e%2e/x") ? "/x" : path) + "</h1>");
      EXPECT_EQ(answer.header("Cache-Control"), std::nullopt);
    }
    EXPECT_EQ(::rmdir(folder), 0);
    answer = site.ask("/own", "POST");
    EXPECT_EQ(answer.status(), 405);
    EXPECT_EQ(answer.header("Allow"), "GET, HEAD, OPTIONS");
    answer = site.ask("/throws");
    EXPECT_EQ(answer.status(), 500);
    EXPECT_EQ(answer.body().size(), std::string("sorry: ").size() + 16);
    EXPECT_EQ(answer.header("X-Left"), std::nullopt);
    site.app.error_page(500, [](Request&, Response&) { throw 2; });
    answer = site.ask("/throws");
    EXPECT_EQ(answer.status(), 500);
    EXPECT_EQ(answer.body().rfind("Internal Server Error (", 0), 0u);
  });
}

TEST(HttpAppAnswers, AreCompressedWhereThatIsWanted) {
  verdin::run([] {
    http::Options options;
    options.compress_from = 100;
    Site site(options);
    site.app.get("/:size/*", [](Request& q, Response& r) {
      r.type(q.param("*")).header("ETag", "\"a\"").send(std::string(*q.param_as<std::size_t>("size"), 'x'));
    });
    site.app.get("/part", [](Request&, Response& r) { r.status(206).send(std::string(1000, 'x')); });
    site.app.get("/packed", [](Request&, Response& r) {
      r.header("Content-Encoding", "br").send(std::string(1000, 'x'));
    });
    const auto coding = [&](const std::string& target, const std::string& accept = "gzip") {
      const http::ClientResponse answer = site.ask(target, "GET", accept);
      return std::string(answer.header("Content-Encoding").value_or("none"));
    };
    EXPECT_EQ(coding("/1000/text/plain"), "gzip");
    EXPECT_EQ(coding("/1000/application/json"), "gzip");
    EXPECT_EQ(coding("/100/text/html;%20charset=utf-8"), "gzip");
    EXPECT_EQ(coding("/99/text/plain"), "none");
    EXPECT_EQ(coding("/1000/image/png"), "none");
    EXPECT_EQ(coding("/1000/text/plain", "gzip;q=0"), "none");
    EXPECT_EQ(coding("/1000/text/plain", "identity"), "none");
    EXPECT_EQ(coding("/1000/text/plain", "gzip, deflate, br"), "br");
    EXPECT_EQ(coding("/1000/text/plain", "gzip, br;q=0.9"), "gzip");
    EXPECT_EQ(coding("/1000/text/plain", "br;q=0, gzip;q=0.1"), "gzip");
    EXPECT_EQ(coding("/1000/text/plain", "gzip;q=0.1, identity"), "none");
    EXPECT_EQ(coding("/part"), "none");
    EXPECT_EQ(coding("/packed"), "br");
    using Coding = http::http1::ContentCoding;
    using Case = std::pair<const char*, Coding>;
    for (const auto& [size, packed] :
         {Case("1000", Coding::gzip), Case("1000000", Coding::gzip),  // here, and on another thread
          Case("1000", Coding::brotli), Case("1000000", Coding::brotli), Case("1000", Coding::deflate)}) {
      const http::ClientResponse answer =
          site.ask("/" + std::string(size) + "/text/plain", "GET", std::string(to_string(packed)));
      EXPECT_EQ(answer.header("Content-Encoding"), to_string(packed));
      EXPECT_LT(answer.body().size(), 10'000u);
      EXPECT_EQ(answer.header("ETag"), "W/\"a\"");
      EXPECT_EQ(answer.header("Vary"), "Accept-Encoding");
      http::http1::ContentDecoder decoder(packed);
      std::string text;
      std::string_view data = answer.body();
      decoder.feed(data, text, 2'000'000);
      EXPECT_EQ(text, std::string(std::stoul(size), 'x'));
    }
    EXPECT_EQ(site.ask("/1000/text/plain").header("Vary"), "Accept-Encoding");
    EXPECT_EQ(site.ask("/1000/text/plain").header("ETag"), "\"a\"");
    Site plain;
    plain.app.get("/", [](Request&, Response& r) { r.send(std::string(1000, 'x')); });
    EXPECT_EQ(plain.ask("/", "GET", "gzip").header("Content-Encoding"), std::nullopt);
  });
}

TEST(HttpAppAnswers, TypedValues) {
  verdin::run([] {
    Site site;
    bool asked = false;
    site.app.get("/:id", [&](Request& q, Response&) {
      asked = true;
      EXPECT_EQ(q.param_as<int>("id"), 7);
      EXPECT_EQ(q.query_as<int>("a"), -12);
      EXPECT_EQ(q.query_as<unsigned>("a"), std::nullopt);
      EXPECT_EQ(q.query_as<std::uint8_t>("big"), std::nullopt);
      EXPECT_EQ(q.query_as<double>("f"), 1.5);
      EXPECT_EQ(q.query_as<int>("f"), std::nullopt);
      for (const char* none : {"nan", "NaN", "nan(1)", "inf", "-inf", "infinity", "-nan", "1e999"}) {
        EXPECT_EQ(q.query_as<double>(none), std::nullopt) << none;
        EXPECT_EQ(q.query_as<float>(none), std::nullopt) << none;
      }
      EXPECT_EQ(q.query_as<bool>("yes"), true);
      EXPECT_EQ(q.query_as<bool>("no"), false);
      EXPECT_EQ(q.query_as<bool>("a"), std::nullopt);
      EXPECT_EQ(q.query_as<int>("empty"), std::nullopt);
      EXPECT_EQ(q.query_as<int>("nothing"), std::nullopt);
      EXPECT_EQ(q.cookie_as<int>("visits"), 12);
      EXPECT_EQ(q.cookie_as<double>("visits"), 12.0);
      EXPECT_EQ(q.cookie_as<bool>("visits"), std::nullopt);
      EXPECT_EQ(q.cookie_as<bool>("dark"), true);
      EXPECT_EQ(q.cookie_as<int>("name"), std::nullopt);
      EXPECT_EQ(q.cookie_as<int>("nothing"), std::nullopt);
    });
    std::string none;
    for (const std::string name : {"nan", "NaN", "nan(1)", "inf", "-inf", "infinity", "-nan", "1e999"}) {
      none += '&' + name + '=' + name;
    }
    site.ask("/7?a=-12&f=1.5&yes=true&no=0&big=256&empty=" + none, "GET", "identity",
             "visits=12; dark=true; name=12x");
    EXPECT_TRUE(asked);
  });
}

}  // namespace
}  // namespace app_answers_tests
