// The app over real sockets: routes, middlewares, errors, files, and its end.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/forks.hpp"
#include "support/http_client.hpp"
#include "support/memory_stream.hpp"
#include "support/wanted_loop.hpp"

namespace {

using namespace std::chrono_literals;
using verdin::http::App;
using verdin::http::Next;
using verdin::http::Options;
using verdin::http::Request;
using verdin::http::Response;
using verdin::tests::body_of;
using verdin::tests::Client;
using verdin::tests::header_of;
using verdin::tests::serve_while;
using verdin::tests::status_of;

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

TEST(HttpApp, PatternsWithoutParametersComeFirstWhereTheyHaveTheMethod) {
  App app;
  const auto says = [](const char* name) { return [name](Request&, Response& r) { r.send(name); }; };
  app.get("/a/:b", says("parameter"));
  app.post("/a/b", says("posted"));
  app.del("/a/b", says("deleted"));
  app.get("/a/", says("slash"));
  app.get("/x/y/*", says("tail"));
  app.any("/x/y/z", says("any"));
  app.get("/x//z", says("empty segment"));
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(body_of(client.get("/a/b")), "parameter");
    EXPECT_EQ(body_of(client.send("POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").receive()),
              "posted");
    EXPECT_EQ(body_of(client.send("DELETE /a/b HTTP/1.1\r\nHost: x\r\n\r\n").receive()), "deleted");
    EXPECT_EQ(body_of(client.get("/a/")), "slash");
    EXPECT_EQ(body_of(client.get("/a/./b/../")), "slash");
    EXPECT_EQ(status_of(client.get("/a")), 404);
    EXPECT_EQ(body_of(client.get("/x/y/z")), "any");
    EXPECT_EQ(body_of(client.get("/x/y/z/")), "tail");
    EXPECT_EQ(body_of(client.get("/x//z")), "empty segment");
    const std::string refused = client.send("PATCH /a/b HTTP/1.1\r\nHost: x\r\n\r\n").receive();
    EXPECT_EQ(status_of(refused), 405);
    EXPECT_EQ(header_of(refused, "Allow"), "DELETE, GET, HEAD, OPTIONS, POST");
  });
}

TEST(HttpApp, RoutesByMethodAndPattern) {
  App app;
  const auto says = [](const char* name) {
    return [name](Request& q, Response& r) {
      r.send(std::string(name) + " " + std::string(q.param("slug")) + std::string(q.param("*")));
    };
  };
  app.get("/", says("root"));
  app.get("/rooms/new", says("new"));
  app.get("/rooms/:slug", says("room"));
  app.post("/rooms/:id", [](Request& q, Response& r) { r.send("post " + std::string(q.param("id"))); });
  app.get("/rooms/:slug/users", says("users"));
  app.get("/files/*", says("file"));
  app.any("/any", says("any"));
  app.del("/any", says("del"));
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(body_of(client.get("/")), "root ");
    EXPECT_EQ(body_of(client.get("/rooms/new")), "new ");
    EXPECT_EQ(body_of(client.get("/rooms/lobby?x=1")), "room lobby");
    EXPECT_EQ(body_of(client.get("/rooms/a%20b%2Fc")), "room a b/c");
    EXPECT_EQ(body_of(client.get("/x/../rooms/./a")), "room a");
    EXPECT_EQ(body_of(client.get("/rooms/new/users")), "users new");
    EXPECT_EQ(body_of(client.get("/files/a/b%20c")), "file a/b c");
    EXPECT_EQ(body_of(client.get("/files/")), "file ");
    EXPECT_EQ(status_of(client.get("/files")), 404);
    EXPECT_EQ(status_of(client.get("/rooms/")), 404);
    EXPECT_EQ(status_of(client.get("/rooms/a/")), 404);
    EXPECT_EQ(status_of(client.get("/nothing")), 404);
    const auto ask = [&](const std::string& method, const std::string& path) {
      client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
      return client.receive(method == "HEAD");
    };
    EXPECT_EQ(body_of(ask("POST", "/rooms/new")), "post new");  // the fixed segment has no POST
    EXPECT_EQ(body_of(ask("DELETE", "/any")), "del ");
    EXPECT_EQ(body_of(ask("BREW", "/any")), "any ");
    std::string answer = ask("DELETE", "/rooms/a");
    EXPECT_EQ(status_of(answer), 405);
    EXPECT_EQ(header_of(answer, "Allow"), "GET, HEAD, OPTIONS, POST");
    answer = ask("OPTIONS", "/rooms/a");
    EXPECT_EQ(status_of(answer), 204);
    EXPECT_EQ(header_of(answer, "Allow"), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(status_of(ask("OPTIONS", "/nothing")), 404);
    EXPECT_EQ(status_of(ask("OPTIONS", "*")), 204);
    answer = ask("HEAD", "/rooms/abc");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(header_of(answer, "Content-Length"), "8");
    EXPECT_EQ(body_of(client.get("/")), "root ");  // and nothing of the HEAD's body came behind it
  });
}

TEST(HttpApp, EachMethodHasItsOptions) {
  App app;
  const auto reads = [](Request& q, Response& r) {
    r.send(q.body().empty() ? "in pieces " + q.read(100) : "whole");
  };
  const verdin::http::RouteOptions options{.stream_body = true, .body_limit = 10};
  app.get("/", reads, options).post("/", reads, options).put("/", reads, options).patch("/", reads, options);
  app.del("/", reads, options).any("/any", reads, options);
  app.get("/head", [](Request&, Response& r) { r.send("get"); });
  app.head(
      "/head", [](Request& q, Response& r) { r.header("X-Read", q.read(100)); }, options);
  serve_while(app, [](std::uint16_t port) {
    const auto ask = [port](const std::string& method, const std::string& path, const std::string& body) {
      Client client(port);
      client.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
      return client.receive(method == "HEAD");
    };
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
      EXPECT_EQ(body_of(ask(method, "/", "1234567890")), "in pieces 1234567890") << method;
      EXPECT_EQ(status_of(ask(method, "/", "12345678901")), 413) << method;
    }
    EXPECT_EQ(body_of(ask("BREW", "/any", "x")), "in pieces x");
    EXPECT_EQ(header_of(ask("HEAD", "/head", "x"), "X-Read"), "x");
    EXPECT_EQ(body_of(ask("GET", "/head", "")), "get");
  });
}

TEST(HttpApp, BadPatternsAreRefused) {
  App app;
  const auto handler = [](Request&, Response&) {};
  EXPECT_THROW(app.get("", handler), std::invalid_argument);
  EXPECT_THROW(app.get("a", handler), std::invalid_argument);
  EXPECT_THROW(app.get("/:", handler), std::invalid_argument);
  EXPECT_THROW(app.get("/*/a", handler), std::invalid_argument);
  for (const char* twice : {"/:x/:x", "/:x/a/:y/:x", "/:x/:x/*", "/:x/:x/", "/:*/*"})
    EXPECT_THROW(app.get(twice, handler), std::invalid_argument) << twice;
  EXPECT_THROW(app.static_files("/of/:x/:x", "/tmp"), std::invalid_argument);
  EXPECT_NO_THROW(app.get("/a/:x/:X", handler));  // two names
  EXPECT_THROW(app.route("B AD", "/", handler), std::invalid_argument);
  app.get("/:a", handler);
  EXPECT_THROW(app.get("/:b", handler), std::invalid_argument);
  EXPECT_THROW(app.port(), std::logic_error);
  EXPECT_THROW(app.listen({"256.1.1.1", 0}), std::system_error);
}

TEST(HttpApp, RequestTellsWhatWasSent) {
  App app;
  app.post("/p/:x", [](Request& q, Response& r) {
    EXPECT_EQ(q.method(), "POST");
    EXPECT_EQ(q.target(), "/p/%41?a=1&b=x+y&a=2");
    EXPECT_EQ(q.raw_path(), "/p/%41");
    EXPECT_EQ(q.path(), "/p/A");
    EXPECT_EQ(q.query_string(), "a=1&b=x+y&a=2");
    EXPECT_EQ(q.query("b"), "x y");
    EXPECT_EQ(q.query("c"), std::nullopt);
    EXPECT_EQ(q.header("x-one"), "1");
    EXPECT_EQ(q.header("X-TWO"), "a, b");
    EXPECT_EQ(q.header("X-Two"), "a, b");
    EXPECT_EQ(q.header("cookie"), "a=1; b=2");
    EXPECT_EQ(q.header("none"), std::nullopt);
    EXPECT_EQ(q.cookie("b"), "2");
    EXPECT_EQ(q.form("field"), "v w");
    EXPECT_EQ(q.form("other"), std::nullopt);
    EXPECT_EQ(q.param("x"), "A");
    EXPECT_EQ(q.param("y"), "");
    EXPECT_EQ(q.peer_address(), "127.0.0.1");
    EXPECT_EQ(verdin::http::http1::HeaderBlock(q.raw_head()).find("x-one"), "1");
    r.cookie("sid", "abc").header("X-A", "1").header("x-a", "2").add_header("X-A", "3");
    EXPECT_THROW(r.header("X", "a\r\nb"), std::invalid_argument);
    EXPECT_THROW(r.cookie("a", "b; Domain=evil"), std::invalid_argument);
    EXPECT_THROW(r.redirect("/a\r\nSet-Cookie: x=y"), std::invalid_argument);
    EXPECT_THROW(r.status(100), std::invalid_argument);
    r.status(201).json_text("{}");
    EXPECT_TRUE(r.sent());
    EXPECT_THROW(r.send("again"), std::logic_error);
    EXPECT_THROW(r.header("a", "b"), std::logic_error);
  });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    client.send(
        "POST /p/%41?a=1&b=x+y&a=2 HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nX-Two: a\r\nCookie: a=1\r\nx-two: "
        "b\r\nCookie: b=2\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: "
        "9\r\n\r\nfield=v+w");
    const std::string answer = client.receive();
    EXPECT_EQ(status_of(answer), 201);
    EXPECT_EQ(header_of(answer, "Set-Cookie"), "sid=abc; Path=/; HttpOnly; SameSite=Lax");
    EXPECT_EQ(answer.find("X-A: 1"), answer.npos);
    EXPECT_NE(answer.find("x-a: 2\r\nX-A: 3\r\n"), answer.npos);
    EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
    EXPECT_EQ(body_of(answer), "{}");
  });
}

TEST(HttpApp, BodiesAreReadAsJson) {
  App app;
  app.post("/sum", [](Request& q, Response& r) {
    verdin::json::DecodeError error;
    const auto numbers = q.json<std::vector<int>>(&error);
    if (!numbers) return r.status(400).send(error.text());
    r.json(std::accumulate(numbers->begin(), numbers->end(), 0));
  });
  app.post("/back", [](Request& q, Response& r) { r.json(q.json().value_or("none")); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    const auto post = [&](const std::string& path, const std::string& body) {
      client.send("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\n\r\n" + body);
      return body_of(client.receive());
    };
    EXPECT_EQ(post("/sum", "[1, 2, 3]"), "6");
    EXPECT_EQ(post("/sum", R"([1, "2"])"), "expected an integer of 32 bits at [1]");
    EXPECT_EQ(post("/sum", "[1,"), "expected JSON");
    EXPECT_EQ(post("/sum", ""), "expected JSON");
    EXPECT_EQ(post("/back", R"({"a": [null, 1.5]})"), R"({"a":[null,1.5]})");
    EXPECT_EQ(post("/back", "}"), "\"none\"");
  });
}

TEST(HttpApp, AHandlerThatBlocksDelaysNobodyElse) {
  App app;
  bool go = false;
  app.get("/slow", [&](Request&, Response& r) {
    while (!go) verdin::sleep(1ms);
    r.send("slow");
  });
  app.get("/fast", [&](Request&, Response& r) { r.send("fast"); });
  app.get("/go", [&](Request&, Response& r) {
    go = true;
    r.send("go");
  });
  serve_while(app, [](std::uint16_t port) {
    Client slow(port), other(port);
    // Pipelined behind the slow one: strictly in order.
    slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(other.get("/fast")), "fast");
    EXPECT_EQ(body_of(other.get("/go")), "go");
    EXPECT_EQ(body_of(slow.receive()), "slow");
    EXPECT_EQ(body_of(slow.receive()), "fast");
  });
}

TEST(HttpApp, ErrorsOfHandlersAreReportedAndAnswered500) {
  App app;
  std::vector<std::string> errors;
  app.on_error([&](const Request* request, std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      errors.push_back(std::string(request->target()) + ": " + e.what());
    } catch (int) {
      errors.push_back("int");
    }
  });
  app.get("/throws", [](Request&, Response&) { throw std::runtime_error("oops"); });
  app.get("/int", [](Request&, Response& r) {
    r.header("X", "y").status(201);
    throw 1;
  });
  app.get("/sent", [](Request&, Response& r) {
    r.send("sent");
    throw std::runtime_error("late");
  });
  app.get("/nothing", [](Request&, Response&) {});
  app.get("/bad", [](Request&, Response& r) { r.header("Content-Length", "1").send("x"); });
  app.get("/killed", [](Request&, Response&) { throw verdin::GreenletExit(); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(status_of(client.get("/throws")), 500);
    EXPECT_EQ(status_of(client.get("/int")), 500);
    EXPECT_EQ(body_of(client.get("/sent")), "sent");
    EXPECT_EQ(status_of(client.get("/bad")), 500);
    EXPECT_EQ(status_of(client.get("/killed")), 500);
    const std::string answer = client.get("/nothing");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(header_of(answer, "Content-Length"), "0");
  });
  EXPECT_EQ(errors, (std::vector<std::string>{"/throws: oops", "int", "/sent: late",
                                              "/bad: the framing of a response is the server's"}));
}

TEST(HttpApp, MiddlewaresRunAroundHandlersInOrder) {
  App app;
  std::string log;
  std::vector<int> statuses;
  app.use([&](Request&, Response& r, const Next& next) {
    log += "a(";
    r.header("X-A", "1");
    next();
    log += ")";
    statuses.push_back(r.status());
  });
  app.use([&](Request& q, Response& r, const Next& next) {
    if (q.query("stop")) return r.status(403).send("stopped");
    log += "b(";
    next();
    log += ")";
  });
  app.get("/", [&](Request&, Response& r) {
    log += "h";
    r.send("x");
  });
  serve_while(app, [&](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(header_of(client.get("/"), "X-A"), "1");
    EXPECT_EQ(status_of(client.get("/?stop")), 403);
    const std::string none = client.get("/none");  // they see what no route matches, too
    EXPECT_EQ(status_of(none), 404);
    EXPECT_EQ(header_of(none, "X-A"), "1");
    EXPECT_EQ(statuses, (std::vector{200, 403, 404}));
  });
  EXPECT_EQ(log, "a(b(h))a()a(b())");
}

TEST(HttpApp, AMiddlewareThatRunsMayAddOthers) {
  App app;
  int later = 0;
  // Small enough to lie in the list itself: moved there, it would leave the one that runs an empty pointer.
  app.use([&, kept = std::make_unique<std::string>(100, 't')](Request& q, Response& r, const Next& next) {
    if (q.query("grow")) {
      for (int i = 0; i < 100; ++i) {
        app.use([&](Request&, Response&, const Next& on) {
          ++later;
          on();
        });
      }
    }
    next();
    const std::string text = kept ? *kept : "moved away";
    r.header("X-Text", text);
    r.send(text);
  });
  app.get("/", [](Request&, Response&) {});
  serve_while(app, [&](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(header_of(client.get("/?grow"), "X-Text"), std::string(100, 't'));
    EXPECT_EQ(later, 0) << "those that are on their way do not meet the new ones";
    EXPECT_EQ(header_of(client.get("/"), "X-Text"), std::string(100, 't'));
    EXPECT_EQ(later, 100);
  });
}

TEST(HttpApp, RedirectsTemplatesAndTypes) {
  App app;
  const verdin::http::Template page("<h1>{{ title }}</h1>{{{raw}}}{{none}}");
  app.get("/old", [](Request&, Response& r) { r.redirect("/new", 308); });
  app.get("/page", [&](Request&, Response& r) {
    r.render(page, {{"title", "<a & \"b\">"}, {"raw", "<hr>"}});
  });
  app.get("/json", [](Request&, Response& r) { r.json(std::vector<int>{1, 2}); });
  app.get("/quoted", [](Request& q, Response& r) { r.json(std::string(q.query("n").value_or(""))); });
  app.get("/literal", [](Request&, Response& r) { r.json("a\"b"); });
  app.get("/raw", [](Request&, Response& r) { r.json_text("[ ]"); });
  app.get("/text", [](Request&, Response& r) { r.send(verdin::SharedBuffer::copy("shared")); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    std::string answer = client.get("/old");
    EXPECT_EQ(status_of(answer), 308);
    EXPECT_EQ(header_of(answer, "Location"), "/new");
    answer = client.get("/page");
    EXPECT_EQ(header_of(answer, "Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(body_of(answer), "<h1>&lt;a &amp; &quot;b&quot;&gt;</h1><hr>");
    answer = client.get("/json");
    EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
    EXPECT_EQ(body_of(answer), "[1,2]");
    // What a peer sends stays a string, whatever is in it.
    EXPECT_EQ(body_of(client.get("/quoted?n=%22,%22admin%22:true")), R"("\",\"admin\":true")");
    EXPECT_EQ(body_of(client.get("/literal")), R"("a\"b")");
    answer = client.get("/raw");
    EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
    EXPECT_EQ(body_of(answer), "[ ]");
    answer = client.get("/text");
    EXPECT_EQ(header_of(answer, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(body_of(answer), "shared");
  });
}

class StaticFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "verdin_static_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root = name;
    std::filesystem::create_directories(root + "/site/sub");
    write("/secret.txt", "secret");
    write("/site/index.html", "<index>");
    write("/site/a b.js", "0123456789");
    write("/site/.hidden", "hidden");
    write("/site/sub/index.html", "<sub>");
    write("/site/empty.css", "");
    ::mkfifo((root + "/site/fifo").c_str(), 0600);
    app.static_files("/static/", root + "/site/");
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(root + name, std::ios::binary) << text;
  }

  std::string root;
  App app;
};

TEST_F(StaticFiles, MayLieBehindParameters) {
  App other;
  other.static_files("/users/:name", root + "/site");
  other.static_files("", root + "/site");
  serve_while(other, [](std::uint16_t port) {
    Client client(port);
    for (const char* path :
         {"/users/a/sub/", "/users/somebody-with-a-long-name/sub/", "/users/%2f/sub/", "/sub/"})
      EXPECT_EQ(body_of(client.get(path)), "<sub>") << path;
    EXPECT_EQ(header_of(client.get("/users/a/sub"), "Location"), "/users/a/sub/");
    for (const char* path : {"/users/a/b/sub/", "/users//sub/", "/users/a//sub/", "/users/a"})
      EXPECT_EQ(status_of(client.get(path)), 404) << path;
  });
}

// A route in front of files guards what it names, however that is written.
TEST_F(StaticFiles, NoEscapeLeadsPastARoute) {
  write("/site/a@b", "guarded");
  write("/site/100%", "guarded");
  app.get("/static/a%20b.js", [](Request&, Response& r) { r.status(401).send(); });
  app.get("/static/a@b", [](Request&, Response& r) { r.status(401).send(); });
  app.get("/static/100%", [](Request&, Response& r) { r.status(401).send(); });
  app.get("/static/:name/:id", [](Request& q, Response& r) { r.send(std::string(q.param("id"))); });
  app.post("/static/:name/me", [](Request&, Response& r) { r.send("me"); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    for (const char* path :
         {"/static/a%20b.js", "/static/%61%20b%2Ejs", "/%73tatic/a%20b.js", "/static/a@b", "/static/%61@b",
          "/static/a%40b", "/static/x/../a%40%62", "/static/100%25", "/static/%31%30%30%25"})
      EXPECT_EQ(status_of(client.get(path)), 401) << path;
    EXPECT_EQ(body_of(client.get("/static/sub/a%2Fb%252F%25")), "a/b%2F%");
    EXPECT_EQ(status_of(client.get("/static%2Fa@b")), 404);
    client.send("PUT /static/x/m%65 HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(header_of(client.receive(), "Allow"), "GET, HEAD, OPTIONS, POST");
  });
  EXPECT_THROW(app.get("/static/%61@b", [](Request&, Response&) {}), std::invalid_argument);  // there is one
}

TEST_F(StaticFiles, NoRedirectLeadsToAnotherHost) {
  App other;
  other.static_files("/:tenant", root + "/site");
  serve_while(other, [](std::uint16_t port) {
    Client client(port);
    // To browsers "/\evil.test" is "//evil.test".
    EXPECT_EQ(header_of(client.get("/\\evil.test/sub"), "Location"), "/%5Cevil.test/sub/");
    EXPECT_EQ(header_of(client.get("/\\\\evil.test/sub?q"), "Location"), "/%5C%5Cevil.test/sub/?q");
    for (const char* path : {"//evil.test/sub", "/a/..//sub", "/.//sub"})
      EXPECT_EQ(header_of(client.get(path), "Location"), "") << path;
  });
}

TEST_F(StaticFiles, AreServedWithWhatCachesNeed) {
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    std::string answer = client.get("/static/a%20b.js");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), "0123456789");
    EXPECT_EQ(header_of(answer, "Content-Type"), "text/javascript; charset=utf-8");
    EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
    const std::string etag = header_of(answer, "ETag"), changed = header_of(answer, "Last-Modified");
    EXPECT_EQ(etag.front(), '"');
    for (const std::string& condition :
         {"If-None-Match: " + etag, "If-None-Match: \"x\", W/" + etag, std::string("If-None-Match: *"),
          "If-Modified-Since: " + changed, std::string("If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT")}) {
      answer = client.get("/static/a%20b.js", condition + "\r\n");
      EXPECT_EQ(status_of(answer), 304) << condition;
      EXPECT_EQ(header_of(answer, "ETag"), etag);
      EXPECT_EQ(header_of(answer, "Content-Length"), "");
    }
    for (const std::string& condition :
         {std::string("If-None-Match: \"x\""), "If-None-Match: \"x\"\r\nIf-Modified-Since: " + changed,
          std::string("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
          std::string("If-Modified-Since: today")}) {
      EXPECT_EQ(status_of(client.get("/static/a%20b.js", condition + "\r\n")), 200) << condition;
    }
    client.send("HEAD /static/a%20b.js HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(header_of(client.receive(true), "Content-Length"), "10");
    EXPECT_EQ(body_of(client.get("/static/")), "<index>");
    EXPECT_EQ(body_of(client.get("/static/sub/")), "<sub>");
    EXPECT_EQ(header_of(client.get("/static/sub?a=/b&c"), "Location"), "/static/sub/?a=/b&c");
    answer = client.get("/static/sub");
    EXPECT_EQ(status_of(answer), 301);
    EXPECT_EQ(header_of(answer, "Location"), "/static/sub/");
    answer = client.get("/static/empty.css");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(header_of(answer, "Content-Length"), "0");
    client.send("POST /static/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(status_of(client.receive()), 405);
  });
}

TEST_F(StaticFiles, IndexAndCacheControlAreOptions) {
  write("/site/main.html", "<main>");
  App other;
  other.static_files("/plain", root + "/site");
  other.static_files("/other", root + "/site", {.index = "main.html", .cache_control = "public, max-age=60"});
  other.static_files("/none", root + "/site", {.index = "", .cache_control = ""});
  serve_while(other, [](std::uint16_t port) {
    Client client(port);
    std::string answer = client.get("/plain/");
    EXPECT_EQ(body_of(answer), "<index>");
    EXPECT_EQ(header_of(answer, "Cache-Control"), "no-cache");
    answer = client.get("/other/");
    EXPECT_EQ(body_of(answer), "<main>");
    EXPECT_EQ(header_of(answer, "Cache-Control"), "public, max-age=60");
    EXPECT_EQ(status_of(client.get("/other/sub/")), 404) << "which has none of that name";
    for (const char* directory : {"/none/", "/none/sub/"})
      EXPECT_EQ(status_of(client.get(directory)), 404) << directory;
    answer = client.get("/none/index.html");
    EXPECT_EQ(body_of(answer), "<index>");
    EXPECT_EQ(answer.find("Cache-Control"), std::string::npos);
  });
}

TEST_F(StaticFiles, SingleRanges) {
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    const auto range = [&](const std::string& lines) {
      return client.get("/static/a%20b.js", lines + "\r\n");
    };
    std::string answer = range("Range: bytes=2-4");
    EXPECT_EQ(status_of(answer), 206);
    EXPECT_EQ(body_of(answer), "234");
    EXPECT_EQ(header_of(answer, "Content-Range"), "bytes 2-4/10");
    const std::string etag = header_of(answer, "ETag");
    EXPECT_EQ(body_of(range("Range: bytes=-3")), "789");
    EXPECT_EQ(body_of(range("Range: bytes=7-")), "789");
    EXPECT_EQ(body_of(range("Range: bytes=0-1,3-4")), "0123456789");
    EXPECT_EQ(body_of(range("Range: bytes=2-4\r\nIf-Range: " + etag)), "234");
    EXPECT_EQ(body_of(range("Range: bytes=2-4\r\nIf-Range: \"other\"")), "0123456789");
    EXPECT_EQ(body_of(range("Range: bytes=2-4\r\nIf-Range: " + header_of(answer, "Last-Modified"))),
              "0123456789")
        << "it may have changed since, within that second";
    answer = range("Range: bytes=10-");
    EXPECT_EQ(status_of(answer), 416);
    EXPECT_EQ(header_of(answer, "Content-Range"), "bytes */10");
  });
}

TEST_F(StaticFiles, ThoseThatLieThereCompressed) {
  write("/site/packed.css", "plain");
  write("/site/packed.css.gz", "packed");
  App other;
  other.static_files("/static", root + "/site", {.precompressed = true});
  serve_while(other, [](std::uint16_t port) {
    Client client(port);
    std::string answer = client.get("/static/packed.css", "Accept-Encoding: gzip, br\r\n");
    EXPECT_EQ(body_of(answer), "packed");
    EXPECT_EQ(header_of(answer, "Content-Encoding"), "gzip");
    EXPECT_EQ(header_of(answer, "Content-Type"), "text/css; charset=utf-8");
    EXPECT_EQ(header_of(answer, "Vary"), "Accept-Encoding");
    const std::string etag = header_of(answer, "ETag");
    for (const char* accept : {"", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n",
                               "Accept-Encoding: gzip;q=0.5, identity\r\n"}) {
      answer = client.get("/static/packed.css", accept);
      EXPECT_EQ(body_of(answer), "plain") << accept;
      EXPECT_EQ(header_of(answer, "Content-Encoding"), "");
      EXPECT_EQ(header_of(answer, "Vary"), "Accept-Encoding");
      EXPECT_NE(header_of(answer, "ETag"), etag);
    }
    answer = client.get("/static/a%20b.js", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(body_of(answer), "0123456789");
    EXPECT_EQ(header_of(answer, "Content-Encoding"), "");
  });
  serve_while(app, [](std::uint16_t port) {
    EXPECT_EQ(body_of(Client(port).get("/static/packed.css", "Accept-Encoding: gzip\r\n")), "plain");
  });
}

TEST_F(StaticFiles, BrotliGoesFirstAndWhatCannotBeReadIsNotThere) {
  write("/site/a.css", "plain");
  write("/site/a.css.gz", "gzip");
  write("/site/a.css.br", "brotli");
  std::filesystem::create_directories(root + "/site/b.css.br");
  std::filesystem::create_symlink("b.css.gz", root + "/site/b.css.gz");
  write("/site/b.css", "plain");
  App other;
  other.static_files("/static", root + "/site", {.precompressed = true});
  serve_while(other, [&](std::uint16_t port) {
    Client client(port);
    const auto got = [&](const std::string& file, const std::string& accept) {
      const std::string answer = client.get("/static/" + file, "Accept-Encoding: " + accept + "\r\n");
      return body_of(answer) + " " + header_of(answer, "Content-Encoding");
    };
    EXPECT_EQ(got("a.css", "gzip, br"), "brotli br");
    EXPECT_EQ(got("a.css", "br;q=0.5, gzip"), "gzip gzip");
    EXPECT_EQ(got("a.css", "br;q=0, gzip"), "gzip gzip");
    EXPECT_EQ(got("a.css", "gzip;q=0, br;q=0"), "plain ");
    EXPECT_EQ(got("a.css", "*"), "brotli br");
    EXPECT_EQ(got("b.css", "gzip, br"), "plain ") << "a folder, and a link to itself";
  });
  // As one who may not read them: root may.
  ::chmod(root.c_str(), 0755);
  ::chmod((root + "/site/a.css.br").c_str(), 0);
  App poor;
  poor.static_files("/static", root + "/site", {.precompressed = true});
  const int before = ::setfsuid(static_cast<uid_t>(-1));
  ::setfsuid(before == 0 ? 65534 : static_cast<uid_t>(before));
  serve_while(poor, [&](std::uint16_t port) {
    const std::string answer = Client(port).get("/static/a.css", "Accept-Encoding: br, gzip;q=0.5\r\n");
    EXPECT_EQ(body_of(answer), "gzip");
    EXPECT_EQ(header_of(answer, "Content-Encoding"), "gzip");
  });
  ::setfsuid(static_cast<uid_t>(before));
}

TEST_F(StaticFiles, AccessIsNotedWhenItIsKnownWhatWasSent) {
  write("/site/large.bin", std::string(20'000'000, 'x'));
  struct Note {
    std::uint64_t octets;
    bool complete;
  };
  std::vector<Note> notes;
  app.on_access([&](const verdin::http::Access& access) {
    notes.push_back({access.octets, access.complete});
  });
  serve_while(app, [&](std::uint16_t port) {
    Client(port).get("/static/large.bin");
    {
      Client(port).send("HEAD /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n").receive(true);
      Client leaves(port, 4096);
      leaves.send("GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
      leaves.receive_some();
    }
    Client(port).get("/static/empty.css");
  });
  ASSERT_EQ(notes.size(), 4u);
  std::size_t cut = 0;
  for (const Note& note : notes) {
    if (note.complete) continue;
    ++cut;
    EXPECT_GT(note.octets, 0u);
    EXPECT_LT(note.octets, 20'000'000u);
  }
  EXPECT_EQ(cut, 1u);
  EXPECT_EQ(notes[0].octets, 20'000'000u);
  EXPECT_TRUE(notes[0].complete);
  EXPECT_EQ(notes[1].octets, 0u) << "HEAD";
}

TEST_F(StaticFiles, NothingOutsideAndNothingHidden) {
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    for (const char* path :
         {"/static/../secret.txt", "/static/%2e%2e/secret.txt", "/static/..%2fsecret.txt",
          "/static/sub/..%2f..%2fsecret.txt", "/static//etc/passwd", "/static/%2fetc/passwd",
          "/static/..%5csecret.txt", "/static/..\\secret.txt", "/static/.hidden", "/static/sub/../.hidden",
          "/static/fifo", "/static/none", "/static/sub/none/", "/static/a%20b.js/", "/static"}) {
      EXPECT_EQ(status_of(client.get(path)), 404) << path;
    }
    EXPECT_EQ(status_of(client.get("/static/a%00.js")), 400);
  });
}

TEST_F(StaticFiles, LargeOnesAreSentAsThePeerTakesThem) {
  std::string large(20'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 / 1000);
  write("/site/large.bin", large);
  serve_while(app, [&](std::uint16_t port) {
    Client slow(port, 4096), client(port);
    slow.send(
        "GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\nGET /static/empty.css HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(client.get("/static/large.bin")), large);
    EXPECT_EQ(body_of(slow.receive()), large);
    EXPECT_EQ(status_of(slow.receive()), 200);
  });
}

TEST_F(StaticFiles, OneThatBecomesShorterIsNotEndedAsIfItWereWhole) {
  write("/site/large.bin", std::string(20'000'000, 'x'));
  serve_while(app, [&](std::uint16_t port) {
    Client slow(port, 4096);
    slow.send("GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(slow.receive(true)), 200);  // the head, and what came with it is not lost
    std::filesystem::resize_file(root + "/site/large.bin", 19'000'000);
    EXPECT_LT(slow.receive_all().size(), 20'000'000u);
  });
}

TEST(HttpApp, APeerThatDoesNotReadAFileIsDropped) {
  std::string name = testing::TempDir() + "verdin_unread_XXXXXX";
  const int file = ::mkstemp(name.data());
  ASSERT_EQ(::ftruncate(file, 50'000'000), 0);
  ::close(file);
  Options options;
  options.write_timeout = 100ms;
  options.write_rate = 1000;
  App limited(options);
  limited.get("/file", [&](Request&, Response& r) { r.send_file(name); });
  limited.get("/count", [&](Request&, Response& r) { r.send(std::to_string(limited.connections())); });
  serve_while(limited, [&](std::uint16_t port) {
    Client deaf(port, 4096);
    deaf.send("GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    Client other(port);
    while (body_of(other.get("/count")) != "1") std::this_thread::yield();
    EXPECT_LT(deaf.receive_all().size(), 50'000'000u);
  });
  std::filesystem::remove(name);
}

TEST(HttpApp, SignalsStopItGracefully) {  // reliability: 67
  App app;
  std::atomic<bool> in_handler = false;
  app.get("/slow", [&](Request&, Response& r) {
    in_handler = true;
    verdin::sleep(50ms);
    r.send("done");
  });
  app.listen({"127.0.0.1", 0});
  std::thread thread([&] {
    Client client(app.port()), idle(app.port());
    client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!in_handler) std::this_thread::sleep_for(1ms);
    ::kill(::getpid(), SIGTERM);
    const std::string answer = client.receive();
    EXPECT_EQ(body_of(answer), "done");
    EXPECT_EQ(header_of(answer, "Connection"), "close");
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_FALSE(Client(app.port()).connected());
  });
  app.serve_forever();  // outside run(): with a hub of its own
  EXPECT_TRUE(app.stopped());
  thread.join();
}

// More than the kernel holds for a peer that does not read yet.
TEST(HttpApp, AStopWaitsForAnswersThatTheKernelDoesNotHaveYet) {
  for (const char* headers : {"", "Connection: close\r\n"}) {
    App app(Options{.stop_grace = 1h});
    const std::string much(24'000'000, 'x');
    std::atomic<bool> answered = false, stopping = false;
    app.get("/", [&](Request&, Response& r) {
      r.send(much);
      answered = true;
    });
    app.on_stop([&] { stopping = true; });
    app.listen({"127.0.0.1", 0});
    std::thread thread([&] {
      Client client(app.port());
      client.send("GET / HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n");
      while (!answered) std::this_thread::sleep_for(1ms);
      ::kill(::getpid(), SIGTERM);
      while (!stopping) std::this_thread::sleep_for(1ms);
      EXPECT_EQ(body_of(client.receive()).size(), much.size());
    });
    app.serve_forever();
    EXPECT_TRUE(app.stopped());
    thread.join();
  }
}

TEST(HttpApp, OneThatIsDestroyedLetsGoOfWhoWaitsForItsEnd) {
  verdin::run([] {
    for (const bool stops : {false, true}) {
      auto app = std::make_unique<App>();
      app->listen({"127.0.0.1", 0});
      const auto serving = verdin::spawn([&] { app->serve_forever(); });
      const auto waiting = verdin::spawn([&] { app->join(); });
      verdin::yield();
      if (stops) app->stop();
      app.reset();
      EXPECT_TRUE(verdin::tests::eventually([&] { return serving.ready() && waiting.ready(); }));
    }
    // By a handler of its own.
    auto app = std::make_unique<App>();
    app->get("/", [&](Request&, Response& r) {
      r.send("bye");
      app.reset();
    });
    app->listen({"127.0.0.1", 0});
    std::thread client([port = app->port()] { Client(port).get("/"); });
    app->serve_forever();
    EXPECT_FALSE(app);
    client.join();
  });
}

std::atomic<int> signals_heard = 0;

TEST(HttpApp, SignalsAreTheApplicationsWhereItWantsThem) {
  struct sigaction ours {};
  struct sigaction before {};
  ours.sa_handler = [](int) { ++signals_heard; };
  ::sigaction(SIGTERM, &ours, &before);
  App app(Options{.handle_signals = false});
  app.get("/", [](Request&, Response& r) { r.send("here"); });
  serve_while(app, [](std::uint16_t port) {
    Client client(port);
    EXPECT_EQ(body_of(client.get("/")), "here");  // so it serves, and had its chance to take them
    ::kill(::getpid(), SIGTERM);
    while (signals_heard == 0) std::this_thread::sleep_for(1ms);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(header_of(client.get("/"), "Connection"), "");
    EXPECT_EQ(body_of(Client(port).get("/")), "here");
  });
  EXPECT_EQ(signals_heard, 1);
  ::sigaction(SIGTERM, &before, nullptr);
}

/// What the kernel says of the socket that listens at `port`.
int backlog_at(std::uint16_t port) {
  for (int fd = 3; fd < 1000; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    sockaddr_in name{};
    socklen_t name_size = sizeof name;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &name_size) != 0 ||
        ntohs(name.sin_port) != port)
      continue;
    tcp_info info{};
    size = sizeof info;
    return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? static_cast<int>(info.tcpi_sacked)
                                                                      : -1;
  }
  return -1;
}

TEST(HttpApp, TheBacklogIsAnOption) {
  for (const int backlog : {3, 100}) {  // no system allows less
    App app(Options{.backlog = backlog});
    app.listen({"127.0.0.1", 0});
    EXPECT_EQ(backlog_at(app.port()), backlog);
  }
}

TEST(HttpApp, OptionsThatAreNoneAreRefused) {
  for (const int backlog : {0, -1}) EXPECT_THROW(App(Options{.backlog = backlog}), std::invalid_argument);
  EXPECT_THROW(App(Options{.limits = {.head = 0}}), std::invalid_argument);
  App app;
  for (const char* none : {"/nowhere", "", "/dev/null"}) {
    EXPECT_THROW(app.static_files("/files", none), std::invalid_argument) << none;
  }
  app.static_files("/files", "/tmp//");  // and the route is still free
}

#if !defined(__SANITIZE_THREAD__)  // which starts no threads in a forked child

/// Its child's answer, the second request, and what the app has to say as it ends there: none is heard.
TEST(HttpApp, AHandlerThatForksIsHeardOnce) {
  const pid_t parent = ::getpid();
  int handled = 0;
  std::atomic<pid_t> child = -1;
  auto app = std::make_unique<App>();
  app->get("/", [&](Request&, Response& r) { r.send("here"); });
  app->get("/fork", [&](Request&, Response& r) {
    if (++handled == 1) {
      verdin::test::await_monitor();
      child = ::fork();
      if (child == 0) ::alarm(60);
    }
    r.send(::getpid() == parent ? "parent" : "child");
  });
  auto& client = *new std::thread;  // is not in the child
  try {
    verdin::run([&] {
      app->listen({"127.0.0.1", 0});
      verdin::Hub& hub = verdin::Hub::current();
      client = std::thread([&] {
        Client idle(app->port()), asking(app->port());
        EXPECT_EQ(body_of(idle.get("/")), "here");
        asking.send("GET /fork HTTP/1.1\r\nHost: x\r\n\r\nGET /fork HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 2; ++i) EXPECT_EQ(body_of(asking.receive()), "parent");
        int status = -1;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        for (Client* const each : {&idle, &asking}) EXPECT_EQ(body_of(each->get("/")), "here");
        hub.post([&] { app->stop(); });
      });
      app->serve_forever();
    });
  } catch (const verdin::GreenletKilled&) {  // the main one is not in the child
    EXPECT_NE(::getpid(), parent);
  }
  if (child == 0) {
    static_cast<void>(app.release());  // its hub has ended, and there is nobody to stop it there
    ::_exit(handled == 1 ? 0 : 1);
  }
  client.join();
  delete &client;
  EXPECT_EQ(handled, 2);
}

#endif

TEST(HttpApp, EndToEndBadInput) {
  Options options;
  options.header_timeout = 100ms;
  options.body_timeout = 100ms;
  App app(options);
  app.any("/*", [](Request& q, Response& r) { r.send(q.body()); });
  serve_while(app, [](std::uint16_t port) {
    const auto ask = [&](std::string_view octets) {
      Client client(port);
      client.send(octets);
      return client.receive_all();
    };
    Client canary(port);
    const std::string many(10'000, 'x');
    std::string headers = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 10'000; ++i) headers += "A: b\r\n";
    EXPECT_EQ(status_of(ask(headers + "\r\n")), 431);
    EXPECT_EQ(status_of(ask("GET /" + std::string(1 << 20, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n")), 414);
    EXPECT_EQ(status_of(ask(std::string(1 << 20, 'A') + " / HTTP/1.1\r\nHost: x\r\n\r\n")), 400);
    EXPECT_EQ(status_of(ask("GET / HTTP/1.1\r\nX: " + std::string(1 << 20, 'a') + "\r\n\r\n")), 431);
    EXPECT_EQ(status_of(ask(std::string(1 << 20, '\0'))), 400);
    const std::string smuggled =
        ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
            "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(smuggled), 400);
    EXPECT_EQ(smuggled.find("HTTP/1.1", 1), smuggled.npos);
    EXPECT_EQ(status_of(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n" +
                            std::string(1'000'001, 'a'))),
              413);
    EXPECT_EQ(status_of(ask("GET / HTTP/1.1\r\nHo")), 408);
    EXPECT_EQ(status_of(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")), 408);
    EXPECT_EQ(ask(""), "");
    EXPECT_EQ(status_of(canary.get("/")), 0);  // its own header_timeout has passed, too
    EXPECT_EQ(status_of(Client(port).get("/")), 200);
  });
}

}  // namespace
