// Answers that come before a body has: they reach the peer, whatever it still sends, and the connection ends.
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>

#include "support/http_client.hpp"

namespace early_answer_tests {
namespace {

using namespace std::chrono_literals;
namespace http = verdin::http;
using http::Request;
using http::Response;
using verdin::tests::body_of;
using verdin::tests::Client;
using verdin::tests::serve_while;
using verdin::tests::status_of;

constexpr std::size_t kLarge = 20'000'000;  // more than both kernels' buffers hold

std::string head_of(const std::string& path, const std::string& framing) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + framing + "\r\n\r\n";
}
const std::string kChunked = "Transfer-Encoding: chunked";

http::App& with_routes(http::App& app) {
  app.post("/streamed", [](Request&, Response& r) { r.status(403).send("not you"); },
           {.stream_body = true, .body_limit = 10 * kLarge});
  app.post("/begun",
           [](Request& q, Response& r) {
             q.read(10);
             r.status(403).write("not ");
             r.write("you");
           },
           {.stream_body = true, .body_limit = 10 * kLarge});
  app.post("/whole", [](Request& q, Response& r) { r.send(std::to_string(q.body().size())); });
  return app;
}

TEST(HttpEarlyAnswer, ReachesAPeerThatGoesOnSending) {
  http::Options options;
  options.body_limit = 1000;
  http::App app(options);
  serve_while(with_routes(app), [](std::uint16_t port) {
    const std::string sized = "Content-Length: " + std::to_string(kLarge);
    struct Case {
      std::string head;
      int status;
      bool chunked;
    };
    for (const Case& wanted :
         {Case{head_of("/streamed", sized), 403, false}, Case{head_of("/begun", sized), 403, false},
          Case{head_of("/streamed", kChunked), 403, true}, Case{head_of("/whole", sized), 413, false},
          Case{head_of("/whole", kChunked), 413, true}}) {
      Client client(port);
      client.send(wanted.head);
      if (wanted.chunked) client.send("1312d00\r\n");  // 20,000,000
      client.send(std::string(kLarge, 'x'));
      EXPECT_FALSE(client.cut()) << "by a reset, which may overtake the answer: " << wanted.head;
      const std::string answer = client.receive_all();
      EXPECT_EQ(status_of(answer), wanted.status) << wanted.head;
      EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << wanted.head;
      EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "one answer: " << wanted.head;
    }
  });
}

TEST(HttpEarlyAnswer, ReachesAPeerThatHasStalledAndTheConnectionEnds) {
  http::App app;
  serve_while(with_routes(app), [](std::uint16_t port) {
    for (const std::string& head :
         {head_of("/streamed", "Content-Length: 1000000"), head_of("/streamed", kChunked),
          head_of("/whole", "Content-Length: 1000001")}) {
      Client client(port);
      client.send(head + "5\r\nab");
      const int status = head.find("/whole") == head.npos ? 403 : 413;
      EXPECT_EQ(status_of(client.receive_all()), status) << "and the end behind it: " << head;
    }
  });
  EXPECT_EQ(app.connections(), 0u);
  http::Options hasty;
  hasty.body_timeout = 50ms;
  hasty.body_rate = 0;
  http::App impatient(hasty);
  impatient.post("/reads",
                 [](Request& q, Response& r) {
                   while (!q.read(100).empty()) {
                   }
                   r.send("all");
                 },
                 {.stream_body = true});
  serve_while(with_routes(impatient), [](std::uint16_t port) {
    for (const char* path : {"/whole", "/reads"}) {
      Client client(port);
      client.send(head_of(path, "Content-Length: 100") + "half");
      EXPECT_EQ(status_of(client.receive_all()), 408) << path;
    }
  });
}

TEST(HttpEarlyAnswer, ABodyLimitOfNothingLetsNothingIn) {
  http::Options options;
  options.body_limit = 0;
  http::App app(options);
  app.post("/own", [](Request& q, Response& r) { r.send(q.body()); }, {.body_limit = 5});
  app.post("/none", [](Request&, Response& r) { r.send("none"); }, {.stream_body = true, .body_limit = 0});
  serve_while(with_routes(app), [](std::uint16_t port) {
    const auto answer = [&](const std::string& path, const std::string& framing, const std::string& body) {
      return Client(port).send(head_of(path, framing) + body).receive();
    };
    for (const char* path : {"/whole", "/none"}) {
      EXPECT_EQ(status_of(answer(path, "Content-Length: 0", "")), 200) << path;
      EXPECT_EQ(status_of(answer(path, "Content-Length: 1", "x")), 413) << path;
    }
    EXPECT_EQ(status_of(answer("/whole", kChunked, "0\r\n\r\n")), 200);
    EXPECT_EQ(status_of(answer("/whole", kChunked, "1\r\nx\r\n0\r\n\r\n")), 413);
    EXPECT_EQ(status_of(answer("/nothing", "Content-Length: 1", "x")), 413);
    EXPECT_EQ(body_of(answer("/own", "Content-Length: 5", "hello")), "hello");
    EXPECT_EQ(status_of(answer("/own", "Content-Length: 6", "hello!")), 413);
    EXPECT_EQ(status_of(Client(port).get("/nothing")), 404);
  });
}

}  // namespace
}  // namespace early_answer_tests
