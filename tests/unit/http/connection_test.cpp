// The connection's state machine over a stream in memory: what is answered, in which order, and when it ends.
#include <deque>
#include <stdexcept>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/runtime/run.hpp>

#include "support/memory_stream.hpp"

namespace {

using namespace std::chrono_literals;
using verdin::http::App;
using verdin::http::ExchangePtr;
using verdin::http::Options;
using verdin::http::Request;
using verdin::tests::eventually;
using verdin::tests::MemoryPeer;
using verdin::tests::MemoryStream;

/// Answers "METHOD path body" unless told to hold on.
class Echo : public verdin::http::Endpoint {
 public:
  void on_request(ExchangePtr exchange) override {
    if (hold) {
      held.push_back(std::move(exchange));
    } else {
      answer(*exchange);
    }
  }
  void on_upgrade(ExchangePtr exchange) override {
    ++upgrades;
    if (hold) {
      held.push_back(std::move(exchange));
      return;
    }
    upgraded = exchange->take_stream(leftover);
  }
  std::size_t body_limit(const Request& request, std::size_t default_limit) override {
    return request.path() == "/small" ? 10 : default_limit;
  }
  void on_stop() override { ++stops; }

  static void answer(verdin::http::Exchange& exchange) {
    const Request& request = exchange.request();
    exchange.respond(
        200, {{"X-Path", request.raw_path()}},
        std::string(request.method()) + " " + request.path() + " " + std::string(request.body()));
  }
  void answer_next() {
    ExchangePtr exchange = std::move(held.front());
    held.pop_front();
    answer(*exchange);
  }

  bool hold = false;
  std::deque<ExchangePtr> held;
  int upgrades = 0;
  int stops = 0;
  std::string leftover;
  verdin::loop::StreamPtr upgraded;
};

struct Fixture {
  explicit Fixture(const Options& options = {}) : app(options) { app.mount("/", echo); }

  std::shared_ptr<MemoryPeer> connect() {
    auto peer = std::make_shared<MemoryPeer>();
    app.serve(MemoryStream::make(peer));
    return peer;
  }
  /// What one connection answers to `octets`.
  std::string exchange(std::string_view octets, std::size_t piece_size = static_cast<std::size_t>(-1)) {
    const auto peer = connect();
    peer->send(octets, piece_size);
    last = peer;
    return peer->received;
  }

  Echo echo;
  App app;
  std::shared_ptr<MemoryPeer> last;
};

template <typename F>
void in_hub(F&& test) {
  verdin::run([&] { test(); });
}

std::size_t responses_in(std::string_view octets) {
  std::size_t count = 0;
  for (std::size_t at = octets.find("HTTP/1.1 "); at != octets.npos; at = octets.find("HTTP/1.1 ", at + 1))
    ++count;
  return count;
}

int status_in(std::string_view octets) {
  return octets.size() < 12 ? 0 : std::stoi(std::string(octets.substr(9, 3)));
}

std::string body_of(std::string_view response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == response.npos ? "" : std::string(response.substr(end + 4));
}

constexpr std::string_view kGet = "GET /a%20b?c HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpConnection, AnswersAndLivesOn) {
  in_hub([] {
    Fixture server;
    const auto peer = server.connect();
    for (int i = 0; i < 3; ++i) {
      peer->send(kGet);
      const std::string answer = peer->take();
      EXPECT_EQ(status_in(answer), 200);
      EXPECT_EQ(body_of(answer), "GET /a b ");
      EXPECT_NE(answer.find("\r\nX-Path: /a%20b\r\n"), answer.npos);
      EXPECT_NE(answer.find("\r\nContent-Length: 9\r\n"), answer.npos);
      EXPECT_NE(answer.find("\r\nDate: "), answer.npos);
      EXPECT_EQ(answer.find("Connection"), answer.npos);
      EXPECT_FALSE(peer->gone());
    }
    EXPECT_EQ(server.app.connections(), 1u);
    peer->send_eof();
    EXPECT_TRUE(peer->finished);
    EXPECT_EQ(server.app.connections(), 0u);
  });
}

TEST(HttpConnection, PipelinedRequestsInAnyPiecesAreAnsweredInOrder) {
  in_hub([] {
    const std::string octets =
        "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x\r\nf\r\n0\r\nT: "
        "1\r\n\r\n"
        "\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n"
        "HEAD /4 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        "GET /6 HTTP/1.1\r\nHost: x\r\n\r\n";
    Fixture server;
    const std::string whole = server.exchange(octets);
    EXPECT_TRUE(server.last->finished);
    EXPECT_EQ(responses_in(whole), 5u);
    std::size_t at = 0;
    for (const char* body :
         {"POST /1 abc", "POST /2 def", "GET /3 ", "X-Path: /4", "Connection: close\r\n\r\nGET /5 "}) {
      at = whole.find(body, at);
      EXPECT_NE(at, whole.npos) << body;
    }
    EXPECT_EQ(whole.find("HEAD"), whole.npos);
    // Dates may differ between the runs; the rest may not.
    const auto undated = [](std::string text) {
      for (std::size_t i = text.find("Date: "); i != text.npos; i = text.find("Date: ", i + 1))
        text.replace(i + 6, 25, "");
      return text;
    };
    for (std::size_t size : {1, 2, 3, 7, 64}) {
      EXPECT_EQ(undated(server.exchange(octets, size)), undated(whole)) << size;
      EXPECT_TRUE(server.last->finished);
    }
  });
}

TEST(HttpConnection, OneRequestIsInFlightAndTheRestWaits) {
  in_hub([] {
    Fixture server;
    server.echo.hold = true;
    const auto peer = server.connect();
    std::string octets;
    for (int i = 0; i < 50; ++i) octets += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    peer->send(octets);
    EXPECT_EQ(server.echo.held.size(), 1u);
    EXPECT_TRUE(peer->paused);
    for (int i = 0; i < 50; ++i) {
      ASSERT_EQ(server.echo.held.size(), 1u) << i;
      EXPECT_EQ(server.echo.held.front()->request().path(), "/" + std::to_string(i));
      server.echo.answer_next();
      // Not on the stack of whoever answered.
      EXPECT_EQ(server.echo.held.size(), 0u);
      peer->settle();
    }
    EXPECT_EQ(responses_in(peer->received), 50u);
    EXPECT_FALSE(peer->paused);
  });
}

TEST(HttpConnection, HttpOneZero) {  // reliability: 30
  in_hub([] {
    Fixture server;
    std::string answer = server.exchange("GET / HTTP/1.0\r\n\r\n");
    EXPECT_NE(answer.find("\r\nConnection: close\r\n"), answer.npos);
    EXPECT_TRUE(server.last->finished);
    answer = server.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_NE(answer.find("\r\nConnection: keep-alive\r\n"), answer.npos);
    EXPECT_FALSE(server.last->gone());
    answer = server.exchange("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(answer, "");
  });
}

TEST(HttpConnection, HeadHasNoBody) {  // reliability: 30
  in_hub([] {
    Fixture server;
    const std::string answer = server.exchange("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(answer.find("\r\nContent-Length: 10\r\n"), answer.npos);
    EXPECT_EQ(body_of(answer), "");
  });
}

TEST(HttpConnection, BadRequestsAreAnsweredOnceAndTheConnectionCloses) {
  in_hub([] {
    Fixture server;
    const std::pair<const char*, int> cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGET /smuggled "
         "HTTP/1.1\r\nHost: x\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413},
        {"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
    };
    for (const auto& [octets, status] : cases) {
      for (std::size_t size : {std::size_t{1}, std::size_t{10'000}}) {
        const std::string answer = server.exchange(std::string(octets) + std::string(kGet), size);
        EXPECT_EQ(status_in(answer), status) << octets;
        EXPECT_EQ(responses_in(answer), 1u) << octets;
        EXPECT_NE(answer.find("\r\nConnection: close\r\n"), answer.npos);
        EXPECT_TRUE(server.last->finished);
      }
    }
    EXPECT_EQ(server.app.connections(), 0u);
  });
}

TEST(HttpConnection, BodyLimitByLengthAndChunked) {
  in_hub([] {
    Options options;
    options.body_limit = 1000;
    Fixture server(options);
    const auto sized = [&](const std::string& path, std::size_t size) {
      return server.exchange("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                             std::to_string(size) + "\r\n\r\n" + std::string(size, 'a') + std::string(kGet));
    };
    EXPECT_EQ(status_in(sized("/", 1000)), 200);
    EXPECT_FALSE(server.last->gone());
    std::string answer = sized("/", 1001);
    EXPECT_EQ(status_in(answer), 413);
    EXPECT_EQ(responses_in(answer), 1u);  // the octets behind are never a request
    EXPECT_TRUE(server.last->finished);
    EXPECT_EQ(status_in(sized("/small", 10)), 200);
    EXPECT_EQ(status_in(sized("/small", 11)), 413);
    Fixture usual;
    for (const auto& [size, status] : {std::pair{1'000'000, 200}, {1'000'001, 413}})
      EXPECT_EQ(
          status_in(usual.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) +
                                   "\r\n\r\n" + std::string(static_cast<std::size_t>(size), 'a'))),
          status);
    // At the head, without waiting for the body.
    EXPECT_EQ(status_in(server.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")), 413);

    const auto chunked = [&](std::size_t size) {
      std::string octets = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
      for (std::size_t i = 0; i < size; ++i) octets += "1\r\na\r\n";
      return server.exchange(octets + "0\r\n\r\n" + std::string(kGet), 100);
    };
    EXPECT_EQ(status_in(chunked(1000)), 200);
    answer = chunked(1001);
    EXPECT_EQ(status_in(answer), 413);
    EXPECT_EQ(responses_in(answer), 1u);
    EXPECT_TRUE(server.last->finished);
  });
}

TEST(HttpConnection, ContinueIsSentOnceAndOnlyWhenTheBodyIsWanted) {  // reliability: 23
  in_hub([] {
    Options options;
    options.body_limit = 100;
    Fixture server(options);
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ";
    const auto peer = server.connect();
    peer->send(head + "34\r\n\r\n");
    EXPECT_EQ(peer->take(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer->send("GET /x HTTP/1.1\r\nHost: smuggled\r\n\r\n");
    const std::string answer = peer->take();
    EXPECT_EQ(responses_in(answer),
              1u + 1u);  // its own, and the body that looks like a request comes back as a body
    EXPECT_EQ(status_in(answer), 200);
    EXPECT_NE(body_of(answer).find("POST / GET /x HTTP/1.1"), std::string::npos);
    // The body has begun: no use in a 100.
    EXPECT_EQ(status_in(server.exchange(head + "2\r\n\r\nab")), 200);
    // Too large: the final answer at once, and what comes then is no request.
    const auto large = server.connect();
    large->send(head + "101\r\n\r\n");
    EXPECT_EQ(status_in(large->received), 413);
    EXPECT_EQ(responses_in(large->received), 1u);
    EXPECT_TRUE(large->finished);
  });
}

TEST(HttpConnection, ExpectOnAPathThatDoesNotExistIsAnsweredAtOnce) {
  in_hub([] {
    App app;
    app.get("/a", [](auto&, auto& r) { r.send("a"); });
    const auto peer = std::make_shared<MemoryPeer>();
    app.serve(MemoryStream::make(peer));
    peer->send("POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    EXPECT_EQ(status_in(peer->received), 404);
    EXPECT_TRUE(peer->finished);
  });
}

TEST(HttpConnection, UpgradeGivesTheStreamAndWhatCameBehind) {
  in_hub([] {
    const std::string octets =
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    Fixture server;
    server.exchange(octets + "frames");
    EXPECT_EQ(server.echo.upgrades, 1);
    EXPECT_EQ(server.echo.leftover, "frames");
    EXPECT_TRUE(server.echo.upgraded);
    EXPECT_EQ(server.app.connections(), 0u);
    EXPECT_FALSE(server.last->gone());
    EXPECT_EQ(server.last->received, "");

    // Taken later, with octets that came meanwhile.
    server.echo.hold = true;
    const auto peer = server.connect();
    peer->send(octets + "a");
    EXPECT_TRUE(peer->paused);
    peer->send(peer->waiting);
    ASSERT_EQ(server.echo.held.size(), 1u);
    std::string leftover;
    const verdin::loop::StreamPtr stream = server.echo.held.front()->take_stream(leftover);
    EXPECT_TRUE(stream);
    EXPECT_FALSE(peer->paused);
    EXPECT_EQ(leftover, "a");
    EXPECT_TRUE(server.echo.held.front()->finished());
    EXPECT_EQ(server.echo.held.front()->request().peer_address(), "192.0.2.1");
    EXPECT_FALSE(server.echo.held.front()->take_stream(leftover));
    // Refused: an ordinary answer.
    peer->stream = nullptr;
    const auto refused = server.connect();
    server.echo.held.clear();
    refused->send(octets);
    server.echo.held.front()->respond(400, {}, "no");
    refused->settle();
    EXPECT_EQ(status_in(refused->received), 400);
  });
}

TEST(HttpConnection, UpgradeOfOtherMethodsIsAnOrdinaryRequest) {
  in_hub([] {
    Fixture server;
    EXPECT_EQ(status_in(server.exchange(
                  "POST / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\na")),
              200);
    EXPECT_EQ(status_in(server.exchange("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n")), 200);
    EXPECT_EQ(server.echo.upgrades, 0);
  });
}

// RFC 9110 section 7.8: one may go on in HTTP/1.1, and the body is the request's all the same.
TEST(HttpConnection, AnUpgradeToHttp2IsLetBeWithItsBody) {
  in_hub([] {
    const std::string upgrade =
        "POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    for (const std::string& body :
         {std::string("Content-Length: 5\r\n\r\nhello"),
          std::string("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")}) {
      for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
        Fixture server;
        const std::string answers =
            server.exchange(upgrade + body + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n", piece);
        EXPECT_EQ(responses_in(answers), 2u) << answers;
        EXPECT_EQ(answers.find("Switching"), answers.npos);
        EXPECT_NE(answers.find("\r\n\r\nPOST /a helloHTTP/1.1 200 OK\r\n"), answers.npos) << answers;
        EXPECT_TRUE(answers.ends_with("\r\n\r\nGET /b ")) << answers;
        EXPECT_EQ(server.echo.upgrades, 0);
      }
    }
    Fixture server;  // who speaks HTTP/2 at once is told, and gets no further
    const std::string refused = server.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    EXPECT_EQ(status_in(refused), 505);
    EXPECT_EQ(responses_in(refused), 1u);
  });
}

TEST(HttpConnection, AnExchangeThatIsLetGoAnswers500) {
  in_hub([] {
    Fixture server;
    server.echo.hold = true;
    const auto peer = server.connect();
    peer->send(kGet);
    server.echo.held.clear();
    peer->settle();
    EXPECT_EQ(status_in(peer->take()), 500);
    peer->send(kGet);
    server.echo.answer_next();
    peer->settle();
    EXPECT_EQ(status_in(peer->take()), 200);
  });
}

TEST(HttpConnection, AbortIsToldOnceAndNotBehindTheAnswer) {
  in_hub([] {
    Fixture server;
    server.echo.hold = true;
    int aborts = 0;
    const auto request = [&](bool watch) {
      const auto peer = server.connect();
      peer->send(kGet);
      if (watch) server.echo.held.back()->on_abort([&] { ++aborts; });
      return peer;
    };
    const auto gone = request(true);
    gone->send_eof();
    EXPECT_EQ(aborts, 1);
    EXPECT_TRUE(gone->gone());
    EXPECT_TRUE(server.echo.held.back()->finished());
    server.echo.held.back()->respond(200, {}, "nobody reads this");
    EXPECT_EQ(gone->received, "");

    const auto reset = request(true);
    reset->fail();
    EXPECT_EQ(aborts, 2);

    const auto answered = request(true);
    Echo::answer(*server.echo.held.back());
    answered->send_eof();
    EXPECT_EQ(aborts, 2);
    EXPECT_EQ(status_in(answered->received), 200);

    // Nobody asked to be told: a peer that closed its side still gets its answer.
    const auto half_closed = request(false);
    half_closed->send_eof();
    EXPECT_FALSE(half_closed->gone());
    // Asked behind the close.
    const auto late = request(false);
    late->send_eof();
    server.echo.held.back()->on_abort([&] { ++aborts; });
    EXPECT_EQ(aborts, 2);
    late->settle();
    EXPECT_EQ(aborts, 3);
    server.echo.held.pop_back();
    Echo::answer(*server.echo.held.back());
    half_closed->settle();
    EXPECT_EQ(status_in(half_closed->received), 200);
    EXPECT_NE(half_closed->received.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(half_closed->finished);
  });
}

TEST(HttpConnection, AnExchangeOutlivesItsApp) {
  in_hub([] {
    ExchangePtr kept;
    int aborts = 0;
    {
      Fixture server;
      server.echo.hold = true;
      const auto peer = server.connect();
      peer->send(kGet);
      kept = server.echo.held.front();
      kept->on_abort([&] { ++aborts; });
    }
    EXPECT_EQ(aborts, 1);
    EXPECT_TRUE(kept->finished());
    EXPECT_EQ(kept->request().path(), "/a b");
    kept->respond(200, {}, "");
    std::string leftover;
    EXPECT_FALSE(kept->take_stream(leftover));
  });
}

// Whatever it calls may destroy an App. (That nothing of it is used then is for AddressSanitizer to say.)
TEST(HttpConnection, HooksMayDestroyTheApp) {
  using verdin::http::Response;
  enum class Hook { access, access_of_cut, stop, end_of_endpoint };
  class Ends final : public Echo {
   public:
    explicit Ends(std::unique_ptr<App>& app) : app_(app) {}
    void on_stop() override { app_.reset(); }

   private:
    std::unique_ptr<App>& app_;
  };
  in_hub([] {
    for (const Hook hook : {Hook::access, Hook::access_of_cut, Hook::stop, Hook::end_of_endpoint}) {
      for (const char* path : {"/send", "/pieces", "/file", "/none", "/echo", "/upgrade", "/held"}) {
        auto app = std::make_unique<App>();
        Echo echo, upgrading;
        Ends ends(app);
        upgrading.hold = true;
        app->mount("/echo", echo).mount("/held", upgrading);
        app->get("/send", [](Request&, Response& r) { r.send("x"); });
        app->get("/pieces", [](Request&, Response& r) {
          for (int i = 0; i < 3; ++i) r.write("x");
        });
        app->get("/file", [](Request&, Response& r) { r.send_file("/proc/self/exe"); });
        app->get("/upgrade", [](Request& q, Response& r) {
          std::string leftover;
          EXPECT_EQ(r.exchange().take_stream(leftover) != nullptr, q.query("kept") == "");
        });
        if (hook == Hook::end_of_endpoint) app->mount("/ends", ends).mount("/behind", echo);
        if (hook == Hook::stop) app->on_stop([&] { app.reset(); }).on_stop([] {});
        if (hook < Hook::stop) app->on_access([&](const verdin::http::Access&) { app.reset(); });
        const auto peer = std::make_shared<MemoryPeer>();
        app->serve(MemoryStream::make(peer));
        const std::string query = hook == Hook::access || hook == Hook::access_of_cut ? "" : "?kept";
        if (hook == Hook::access_of_cut) peer->window = 10;
        peer->send("GET " + std::string(path) + query + " HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kGet));
        if (!upgrading.held.empty()) upgrading.answer_next();
        if (hook == Hook::access_of_cut && !peer->gone()) peer->fail();
        if (hook >= Hook::stop) app->stop();
        peer->settle();
        EXPECT_TRUE(eventually([&] { return !app; })) << path;
        EXPECT_TRUE(peer->gone()) << path;
      }
    }
  });
}

TEST(HttpConnection, HeadersThatSplitTheResponseAreRefused) {  // reliability: 29
  in_hub([] {
    Fixture server;
    server.echo.hold = true;
    const auto peer = server.connect();
    peer->send(kGet);
    verdin::http::Exchange& exchange = *server.echo.held.front();
    EXPECT_THROW(exchange.respond(200, {{"X", "a\r\nSet-Cookie: b"}}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(200, {{"X\r\nY", "a"}}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(200, {{"X", "a"}, {"Content-Length", "5"}}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(200, {{"transfer-encoding", "chunked"}}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(200, {{"Connection", "Upgrade"}}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(100, {}, ""), std::invalid_argument);
    EXPECT_THROW(exchange.respond(1000, {}, ""), std::invalid_argument);
    peer->settle();
    EXPECT_EQ(peer->received, "");
    exchange.respond(204, {{"Connection", "close"}, {"Date", "today"}}, "");
    peer->settle();
    EXPECT_EQ(peer->received, "HTTP/1.1 204 No Content\r\nDate: today\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(peer->finished);
  });
}

TEST(HttpConnection, APeerThatPipelinesAndDoesNotReadIsBounded) {  // reliability: 28
  in_hub([] {
    Options options;
    options.write_high_water = 1000;
    options.write_timeout = 100ms;
    Fixture server(options);
    const auto peer = server.connect();
    peer->window = 500;
    std::string octets;
    for (int i = 0; i < 1000; ++i) octets += kGet;
    peer->send(octets, 4096);
    EXPECT_TRUE(peer->paused);
    EXPECT_GT(peer->waiting.size(), octets.size() - 3 * 4096);
    EXPECT_LE(peer->stream->unsent(), 1200u);
    // It reads after all: everything is answered, in steps.
    const std::size_t one = server.exchange(kGet).size();
    for (int i = 0; i < 5000 && !(peer->waiting.empty() && !peer->paused); ++i) {
      peer->open_window(4000);
      if (!peer->paused) peer->send(std::exchange(peer->waiting, {}), 4096);
    }
    peer->open_window(4000);
    EXPECT_EQ(peer->received.size(), 1000 * one);
    EXPECT_FALSE(peer->gone());
  });
}

TEST(HttpConnection, APeerThatNeverReadsIsDropped) {
  in_hub([] {
    Options options;
    options.write_timeout = 50ms;
    options.write_rate = 1000;
    Fixture server(options);
    const auto peer = server.connect();
    peer->window = 20;
    peer->send(kGet);
    EXPECT_TRUE(eventually([&] { return peer->closed; }));
    // One that reads fast enough is not, though it never catches up.
    const auto slow = server.connect();
    slow->window = 0;
    std::string request =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'a');
    slow->send(request);
    for (int i = 0; i < 40; ++i) {
      slow->open_window(500);
      verdin::sleep(5ms);
      ASSERT_FALSE(slow->gone()) << i;
    }
    slow->open_window(100);
    EXPECT_TRUE(eventually([&] { return slow->closed; }));
  });
}

TEST(HttpConnection, APeerThatTakesNextToNothingIsDropped) {
  in_hub([] {
    Options options;
    options.write_timeout = 50ms;
    options.write_rate = 10'000;  // 500 octets in that time
    Fixture server(options);
    const auto peer = server.connect();
    peer->window = 0;
    peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'a'));
    // An octet each time: not even a tenth of what it should take, however seldom or often this comes to be
    // looked at.
    EXPECT_TRUE(eventually([&] {
      peer->open_window(1);
      return peer->closed;
    }));
    EXPECT_GT(peer->received.size(), 1u);
    EXPECT_LT(peer->received.size(), 1000u);
  });
}

TEST(HttpConnection, TimeoutsCountFromTheFirstOctet) {  // reliability: 28
  in_hub([] {
    Options options;
    options.header_timeout = 60ms;
    options.body_timeout = 60ms;
    options.body_rate = 1000;
    options.keep_alive_timeout = 60ms;
    Fixture server(options);
    // Dripping a head.
    const auto head = server.connect();
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < kGet.size() && !head->gone(); ++i) {
      head->send(kGet.substr(i, 1));
      verdin::sleep(5ms);
    }
    EXPECT_TRUE(head->finished);
    EXPECT_EQ(status_in(head->received), 408);
    EXPECT_GE(std::chrono::steady_clock::now() - began, 60ms);
    // Nothing at all: closed without an answer.
    const auto silent = server.connect();
    EXPECT_TRUE(eventually([&] { return silent->finished; }));
    EXPECT_EQ(silent->received, "");
    // Idle behind a response.
    const auto idle = server.connect();
    idle->send(kGet);
    EXPECT_TRUE(eventually([&] { return idle->finished; }));
    EXPECT_EQ(responses_in(idle->received), 1u);
    // A body that stops.
    const auto stuck = server.connect();
    stuck->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
    EXPECT_TRUE(eventually([&] { return stuck->finished; }));
    EXPECT_EQ(status_in(stuck->received), 408);
    // A body that comes faster than body_rate takes its time: 300 octets buy 300 ms, and come in 5.
    const auto steady = server.connect();
    steady->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12000\r\n\r\n");
    for (int i = 0; i < 40 && !steady->gone(); ++i) {
      steady->send(std::string(300, 'a'));
      verdin::sleep(5ms);
    }
    EXPECT_EQ(status_in(steady->received), 200);
    // A request in flight has all the time of the world.
    server.echo.hold = true;
    const auto waits = server.connect();
    waits->send(kGet);
    verdin::sleep(150ms);
    EXPECT_FALSE(waits->gone());
    server.echo.answer_next();
    waits->settle();
    EXPECT_EQ(status_in(waits->received), 200);
  });
}

TEST(HttpConnection, ConnectionsAreLimited) {
  in_hub([] {
    Options options;
    options.max_connections = 2;
    Fixture server(options);
    const auto first = server.connect(), second = server.connect(), third = server.connect();
    EXPECT_EQ(status_in(third->received), 503);
    EXPECT_TRUE(third->finished);
    EXPECT_EQ(server.app.connections(), 2u);
    first->send_eof();
    EXPECT_EQ(status_in(server.exchange(kGet)), 200);
  });
}

TEST(HttpConnection, GracefulStop) {
  in_hub([] {
    Options options;
    options.stop_grace = 5s;
    Fixture server(options);
    const auto idle = server.connect();
    idle->send(kGet);
    const auto fresh = server.connect();
    const auto half = server.connect();
    half->send(kGet.substr(0, 10));
    server.echo.hold = true;
    const auto waiting = server.connect();
    waiting->send(kGet);
    server.app.stop();
    server.app.stop();
    EXPECT_EQ(server.echo.stops, 1);
    EXPECT_TRUE(idle->finished);
    EXPECT_TRUE(fresh->finished);
    EXPECT_FALSE(server.app.stopped());
    EXPECT_EQ(server.app.connections(), 2u);
    server.echo.answer_next();
    EXPECT_NE(waiting->received.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(waiting->finished);
    server.echo.hold = false;
    half->send(kGet.substr(10));
    EXPECT_EQ(status_in(half->received), 200);
    EXPECT_TRUE(half->finished);
    server.app.join();
    EXPECT_TRUE(server.app.stopped());
    EXPECT_EQ(status_in(server.exchange(kGet)), 503);
  });
}

TEST(HttpConnection, StopDropsWhatIsLeftBehindTheGrace) {
  in_hub([] {
    Options options;
    options.stop_grace = 30ms;
    Fixture server(options);
    server.echo.hold = true;
    const auto waiting = server.connect();
    waiting->send(kGet);
    int aborts = 0;
    server.echo.held.front()->on_abort([&] { ++aborts; });
    server.app.stop();
    server.app.join();
    EXPECT_EQ(aborts, 1);
    EXPECT_TRUE(waiting->closed);
  });
}

std::string asking_for_much(std::string_view version, std::string_view headers = {}) {
  return "POST / HTTP/" + std::string(version) + "\r\nHost: x\r\n" + std::string(headers) +
         "Content-Length: 100000\r\n\r\n" + std::string(100'000, 'a');
}

TEST(HttpConnection, AnAnswerBehindWhichItClosesReachesAPeerThatReadsSlowly) {
  in_hub([] {
    Options options;
    options.max_connections = 2;
    Fixture server(options);
    const std::string whole = server.exchange(asking_for_much("1.1", "Connection: close\r\n"));
    enum class Kind { close, old, half_closed };
    for (const Kind kind : {Kind::close, Kind::old, Kind::half_closed}) {
      const auto peer = server.connect(), other = server.connect();
      peer->window = 0;
      server.echo.hold = true;
      peer->send(asking_for_much(kind == Kind::old ? "1.0" : "1.1",
                                 kind == Kind::close ? "Connection: close\r\n" : ""));
      if (kind == Kind::half_closed) peer->send_eof();
      server.echo.answer_next();
      server.echo.hold = false;
      peer->settle();
      // It counts, and what it still says is dropped.
      EXPECT_EQ(server.app.connections(), 2u);
      EXPECT_EQ(status_in(server.exchange(kGet)), 503);
      if (kind != Kind::half_closed) peer->send(kGet);
      EXPECT_FALSE(peer->paused);
      while (peer->received.size() < whole.size()) {
        ASSERT_FALSE(peer->gone()) << peer->received.size();
        ASSERT_EQ(server.app.connections(), 2u);
        peer->open_window(1000);
      }
      EXPECT_TRUE(peer->finished);
      EXPECT_EQ(server.app.connections(), 1u);
      EXPECT_EQ(body_of(peer->received), body_of(whole));
      other->send_eof();
    }
  });
}

TEST(HttpConnection, OneThatEndsIsDroppedWhenItsPeerTakesNothing) {
  in_hub([] {
    Options options;
    options.write_timeout = 50ms;
    options.keep_alive_timeout = 1h;
    Fixture server(options);
    for (const char* octets : {"GET / HTTP/1.0\r\n\r\n", "no request\r\n\r\n"}) {
      const auto peer = server.connect();
      peer->window = 20;
      peer->send(octets);
      EXPECT_FALSE(peer->gone());
      EXPECT_TRUE(eventually([&] { return peer->closed; }));
      EXPECT_EQ(peer->received.size(), 20u);
    }
    // Or breaks.
    const auto peer = server.connect();
    peer->window = 20;
    peer->send("GET / HTTP/1.0\r\n\r\n");
    peer->send_eof();
    EXPECT_FALSE(peer->gone());
    peer->fail();
    EXPECT_TRUE(peer->closed);
    EXPECT_EQ(server.app.connections(), 0u);
  });
}

TEST(HttpConnection, StopWaitsForAnswersThatAreNotWithTheirPeers) {
  in_hub([] {
    Options options;
    options.stop_grace = 1h;
    Fixture server(options);
    const auto idle = server.connect(), waiting = server.connect();
    idle->window = waiting->window = 0;
    idle->send(kGet);
    server.echo.hold = true;
    waiting->send(kGet);
    server.app.stop();
    server.echo.answer_next();
    verdin::sleep(20ms);  // looks for the end have been
    EXPECT_FALSE(server.app.stopped());
    EXPECT_EQ(server.app.connections(), 2u);
    waiting->open_window(1000);
    EXPECT_TRUE(waiting->finished);
    EXPECT_FALSE(server.app.stopped());
    idle->open_window(1000);
    EXPECT_EQ(status_in(idle->received), 200);
    EXPECT_TRUE(idle->finished);
    server.app.join();
  });
  in_hub([] {
    Options options;
    options.stop_grace = 30ms;
    Fixture server(options);
    const auto peer = server.connect();
    peer->window = 20;
    peer->send(kGet);
    server.app.stop();
    EXPECT_FALSE(peer->gone());
    server.app.join();
    EXPECT_TRUE(peer->closed);
  });
}

TEST(HttpConnection, EndsAtEveryStepWithoutATrace) {
  // The peer fails, closes, or the app goes, behind each octet of a pipeline.
  in_hub([] {
    const std::string octets =
        "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET / "
        "HTTP/1.1\r\nHost";
    for (const bool hold : {false, true}) {
      for (std::size_t cut = 0; cut <= octets.size(); ++cut) {
        for (int how = 0; how < 3; ++how) {
          Fixture server;
          server.echo.hold = hold;
          const auto peer = server.connect();
          peer->send(octets.substr(0, cut));
          if (hold && !server.echo.held.empty()) server.echo.held.front()->on_abort([] {});
          if (how == 0) peer->fail();
          if (how == 1) peer->send_eof();
          if (how < 2 && !peer->paused) {
            EXPECT_TRUE(peer->gone()) << cut;
            EXPECT_EQ(server.app.connections(), 0u) << cut;
          }
        }
      }
    }
  });
}

TEST(HttpConnection, MountedPrefixesAreWholeSegments) {
  in_hub([] {
    Echo chat, below;
    App app;
    app.mount("/chat", chat).mount("/chat/below/", below);
    app.get("/chats", [](Request&, verdin::http::Response& r) { r.send("route"); });
    const auto ask = [&app](const std::string& path) {
      const auto peer = std::make_shared<MemoryPeer>();
      app.serve(MemoryStream::make(peer));
      peer->send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
      return body_of(peer->take());
    };
    for (const char* path : {"/chat", "/chat/", "/chat/x", "/chat/below"})
      EXPECT_EQ(ask(path), "GET " + std::string(path) + " ");
    EXPECT_EQ(ask("/chats"), "route");
    EXPECT_EQ(ask("/chat.html"), "Not Found\n");
    chat.hold = true;
    EXPECT_EQ(ask("/chat/below/x"), "GET /chat/below/x ");
    EXPECT_TRUE(chat.held.empty());
  });
}

TEST(HttpConnection, AnEndpointThatThrowsHurtsNobodyElse) {
  in_hub([] {
    class Thrower : public verdin::http::Endpoint {
      void on_request(ExchangePtr) override { throw std::runtime_error("oops"); }
      std::size_t body_limit(const Request& request, std::size_t limit) override {
        if (request.path() == "/limit") throw std::runtime_error("no limit");
        return limit;
      }
    } thrower;
    App app;
    std::vector<std::string> errors;
    app.mount("/", thrower);
    app.on_error([&](const Request* request, std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        errors.push_back((request ? request->path() : "") + ": " + e.what());
      }
      throw std::runtime_error("the hook itself");
    });
    const auto peer = std::make_shared<MemoryPeer>();
    app.serve(MemoryStream::make(peer));
    peer->send(kGet);
    EXPECT_EQ(status_in(peer->take()), 500);
    peer->send(kGet);
    EXPECT_EQ(status_in(peer->take()), 500);
    peer->send("POST /limit HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na");
    EXPECT_EQ(status_in(peer->take()), 413);
    EXPECT_EQ(errors, (std::vector<std::string>{"/a b: oops", "/a b: oops", "/limit: no limit"}));
  });
}

}  // namespace
