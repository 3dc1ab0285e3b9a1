// An App over TLS.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/app.hpp>
#include <verdin/http/client.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/tls_identity.hpp"

namespace verdin::http {
namespace {

using namespace std::chrono_literals;

class Https : public testing::Test {
 protected:
  net::TlsContext context(std::chrono::milliseconds handshake_limit = 10s) const {
    net::TlsServerOptions options;
    options.tls.handshake_limit = handshake_limit;
    return identity.server(options);
  }
  net::TlsContext trusting() const { return identity.client(); }
  ClientOptions client_options() const {
    ClientOptions options;
    options.tls = trusting();
    return options;
  }
  static std::string url(const App& app, std::string_view path) {
    return "https://127.0.0.1:" + std::to_string(app.port()) + std::string(path);
  }
  static net::Socket plain(const App& app) {
    return net::Socket::connected(net::Address::loopback_ipv4(app.port()), 60s);
  }

  test::TlsIdentity identity{"DNS:localhost,IP:127.0.0.1"};
};

TEST_F(Https, ServesAsWithoutTls) {
  run([&] {
    App app;
    app.get("/hello", [](Request&, Response& response) { response.send("hello"); });
    app.post("/echo", [](Request& request, Response& response) { response.send(request.body()); });
    app.listen({"127.0.0.1", 0}, context()).start();
    Client client(client_options());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get(url(app, "/hello")).body(), "hello");
    EXPECT_EQ(app.connections(), 1u);  // kept
    const std::string much(800'000, 'e');
    EXPECT_EQ(client.post(url(app, "/echo"), much).body(), much);
    EXPECT_EQ(client.get(url(app, "/nowhere")).status(), 404);
    app.stop();
    app.join();
  });
}

TEST_F(Https, ManyAtOnceAndAFileBetween) {
  run([&] {
    const std::string path = identity.certificates.path("file.bin");
    const std::string content(3'000'000, 'f');
    std::ofstream(path) << content;
    App app;
    app.get("/wait", [](Request&, Response& response) {
      sleep(5ms);
      response.send("waited");
    });
    app.get("/file", [&](Request&, Response& response) { response.send_file(path); });
    app.listen({"127.0.0.1", 0}, context()).start();
    Client client(client_options());
    std::vector<Greenlet<std::string>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(spawn([&, i] { return client.get(url(app, i % 5 == 0 ? "/file" : "/wait")).body(); }));
    }
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), i % 5 == 0 ? content : "waited");
    app.stop();
    app.join();
  });
}

TEST_F(Https, PagesWithoutTlsAreNotItsOwn) {
  run([&] {
    App app, plain_app;
    for (App* site : {&app, &plain_app}) {
      site->get("/", [](Request& request, Response& response) {
        response.send(std::string(request.secure() ? "secure " : "plain ") +
                      (Origins().welcome(request) ? "welcome" : "strange"));
      });
    }
    app.listen({"127.0.0.1", 0}, context()).start();
    plain_app.listen({"127.0.0.1", 0}).start();
    Client client(client_options());
    const auto from = [&](const App& site, const std::string& scheme, const std::string& origin_scheme) {
      const std::string host = "://127.0.0.1:" + std::to_string(site.port());
      ClientRequest request;
      request.url = scheme + host + "/";
      request.headers = {{"Origin", origin_scheme + host}};
      return client.request(std::move(request)).body();
    };
    EXPECT_EQ(from(app, "https", "https"), "secure welcome");
    EXPECT_EQ(from(app, "https", "http"), "secure strange");
    EXPECT_EQ(from(plain_app, "http", "http"), "plain welcome");
    EXPECT_EQ(from(plain_app, "http", "https"), "plain welcome") << "a proxy may have ended TLS";
  });
}

TEST_F(Https, LargeUploadsWaitForWhoReadsSlowly) {
  run([&] {
    App app;
    app.post("/",
             [](Request& request, Response& response) {
               std::size_t size = 0;
               bool right = true;
               for (std::string piece; !(piece = request.read(100'000)).empty(); size += piece.size()) {
                 if (size < 200'000) sleep(500ms);  // so that the client cannot send for a while
                 for (std::size_t i = 0; i < piece.size(); ++i)
                   right = right && piece[i] == static_cast<char>((size + i) % 251);
               }
               response.send(std::to_string(size) + (right ? "" : ", but others"));
             },
             {.stream_body = true, .body_limit = 30'000'000});
    app.listen({"127.0.0.1", 0}, context()).start();
    Client client(client_options());
    std::string body(20'000'000, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i % 251);
    EXPECT_EQ(client.post(url(app, "/"), body).body(), "20000000");
    EXPECT_EQ(client.idle(), 1u);
  });
}

TEST_F(Https, PlainTextSilenceAndEndsConcernNobodyElse) {
  run([&] {
    App app;
    app.get("/", [](Request&, Response& response) { response.send("fine"); });
    app.listen({"127.0.0.1", 0}, context(1s)).start();
    net::Socket talks = plain(app);
    talks.send_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    net::Socket silent = plain(app);
    plain(app).close();
    Client client(client_options());
    EXPECT_EQ(client.get(url(app, "/")).body(), "fine");
    // Both are ended, the first with an alert, and without an answer.
    EXPECT_EQ(talks.recv_all(1000, 60s).find("HTTP"), std::string::npos);
    EXPECT_EQ(silent.recv_all(1000, 60s).find("HTTP"), std::string::npos);
    app.stop();
    app.join();
  });
}

TEST_F(Https, ConnectionsAreLimitedFromTheHandshakeOn) {
  run([&] {
    Options options;
    options.max_connections = 2;
    App app(options);
    app.get("/", [](Request&, Response& response) { response.send("fine"); });
    app.listen({"127.0.0.1", 0}, context()).start();
    net::Socket one = plain(app), two = plain(app), three = plain(app);
    EXPECT_EQ(three.recv_all(1000, 60s), "");
    one.close();
    two.close();
    Client client(client_options());
    // Until it has seen that they are gone.
    std::string got;
    while (got.empty()) {
      try {
        got = client.get(url(app, "/")).body();
      } catch (const std::system_error&) {
        sleep(1ms);
      }
    }
    EXPECT_EQ(got, "fine");
    app.stop();
    app.join();
  });
}

TEST_F(Https, StopsGracefully) {
  run([&] {
    App app;
    Event began;
    Event go_on;
    app.get("/slow", [&](Request&, Response& response) {
      began.set();
      go_on.wait();
      response.send("through");
    });
    app.listen({"127.0.0.1", 0}, context()).start();
    Client client(client_options());
    auto answer = spawn([&] { return client.get(url(app, "/slow")).body(); });
    began.wait();
    app.stop();
    go_on.set();
    EXPECT_EQ(answer.get(), "through");
    app.join();
  });
}

TEST_F(Https, NeedsAServersContext) {
  App app;
  EXPECT_THROW(app.listen({"127.0.0.1", 0}, trusting()), std::invalid_argument);
}

TEST_F(Https, MayEndInTheMidst) {
  run([&] {
    App app;
    Event began;
    app.get("/never", [&](Request&, Response&) {
      began.set();
      Event().wait();
    });
    app.listen({"127.0.0.1", 0}, context()).start();
    Client client(client_options());
    auto asked = spawn([&] { client.get(url(app, "/never")); });
    net::Socket silent = plain(app);
    began.wait();
    asked.kill();
  });
}

}  // namespace
}  // namespace verdin::http
