// The client's connections: how many, how long, who gets which, over TLS and by proxy, and what kills leave
// behind.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/group.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/certificates.hpp"
#include "support/raw_http_server.hpp"

namespace client_life_tests {
namespace {

using namespace std::chrono_literals;
namespace net = verdin::net;
using verdin::http::Client;
using verdin::http::ClientError;
using verdin::http::ClientOptions;
using verdin::http::ClientRequest;
using verdin::http::ClientResponse;
using verdin::http::ClientStream;
using verdin::tests::RawHttpServer;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

ClientRequest request_of(std::string method, std::string url) {
  ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  return request;
}

/// Yields until `holds`, for 10 s at most.
template <typename F>
bool eventually_holds(F&& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    verdin::sleep(5ms);
  }
  return false;
}

/// Answers one request on each connection, then waits for the peer's end.
RawHttpServer::Serve one_each(const std::string& answer) {
  return [answer](net::StreamSocket& peer, RawHttpServer& server) {
    for (std::string request; !(request = RawHttpServer::read_request(peer)).empty();) {
      server.requests.push_back(request);
      peer.send_all(answer);
    }
  };
}

TEST(HttpClientLife, AKeptConnectionThatWasClosedIsNotUsed) {
  verdin::run([] {
    RawHttpServer server([](net::StreamSocket& peer, RawHttpServer& s) {
      s.requests.push_back(RawHttpServer::read_request(peer));
      peer.send_all(kOk);  // and closes
    });
    Client client;
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(client.post(server.url(), "x").body(), "ok");
      verdin::sleep(5ms);  // so that the end has come
    }
    EXPECT_EQ(server.connections, 5);
  });
}

TEST(HttpClientLife, WhatComesBehindAnAnswerIsNoAnswer) {
  verdin::run([] {
    RawHttpServer server(one_each(kOk + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    Client client;
    EXPECT_EQ(client.get(server.url()).body(), "ok");
    EXPECT_EQ(client.idle(), 0u);
    EXPECT_EQ(client.get(server.url()).body(), "ok");
    RawHttpServer late([](net::StreamSocket& peer, RawHttpServer&) {
      while (!RawHttpServer::read_request(peer).empty()) {
        peer.send_all(kOk);
        verdin::sleep(5ms);
        peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
      }
    });
    EXPECT_EQ(client.get(late.url()).body(), "ok");
    verdin::sleep(30ms);
    EXPECT_EQ(client.get(late.url()).body(), "ok");
    EXPECT_EQ(late.connections, 2);
  });
}

TEST(HttpClientLife, OnlyIdempotentRequestsAreSentAgainAndOnlyOnce) {
  verdin::run([] {
    // Each connection answers once, and ends when the next request has come: the client cannot know before.
    const auto serve = [](net::StreamSocket& peer, RawHttpServer& s) {
      s.requests.push_back(RawHttpServer::read_request(peer));
      peer.send_all(kOk);
      s.requests.push_back(RawHttpServer::read_request(peer));
    };
    RawHttpServer server(serve);
    Client client;
    EXPECT_EQ(client.get(server.url("/1")).body(), "ok");
    EXPECT_EQ(client.get(server.url("/2")).body(), "ok");
    EXPECT_EQ(server.connections, 2);
    EXPECT_THROW(client.post(server.url("/3"), "x"), std::system_error);
    EXPECT_EQ(server.connections, 2) << "a POST was sent again";
    EXPECT_EQ(client.get(server.url("/4")).body(), "ok");
    ClientRequest upload = request_of("PUT", server.url("/5"));
    upload.upload = [](std::string&) { return false; };
    EXPECT_THROW(client.request(std::move(upload)), std::system_error);
    RawHttpServer never([count = 0](net::StreamSocket& peer, RawHttpServer& s) mutable {
      s.requests.push_back(RawHttpServer::read_request(peer));
      if (++count > 1) return;
      peer.send_all(kOk);
      s.requests.push_back(RawHttpServer::read_request(peer));
    });
    EXPECT_EQ(client.get(never.url()).body(), "ok");
    EXPECT_THROW(client.get(never.url()), std::system_error);
    EXPECT_EQ(never.requests.size(), 3u) << "once, and once again";
    // Half an answer is an answer.
    RawHttpServer half([](net::StreamSocket& peer, RawHttpServer&) {
      RawHttpServer::read_request(peer);
      peer.send_all(kOk);
      RawHttpServer::read_request(peer);
      peer.send_all("HTTP/1.1 2");
    });
    EXPECT_EQ(client.get(half.url()).body(), "ok");
    EXPECT_THROW(client.get(half.url()), ClientError);
    EXPECT_EQ(half.connections, 1);
  });
}

TEST(HttpClientLife, ConnectionsAreLimitedAndThoseWhoWaitGetTheirTurn) {
  verdin::run([] {
    int now = 0, most = 0;
    const auto serve = [&](net::StreamSocket& peer, RawHttpServer&) {
      while (!RawHttpServer::read_request(peer).empty()) {
        most = std::max(most, ++now);
        verdin::sleep(3ms);
        --now;
        peer.send_all(kOk);
      }
    };
    RawHttpServer one(serve), two(serve);
    Client client({.connections = 3, .connections_per_origin = 2});
    verdin::Group group;
    int answers = 0;
    for (int i = 0; i < 30; ++i)
      group.spawn([&, i] { answers += client.get((i % 2 ? one : two).url()).body() == "ok"; });
    group.join();
    EXPECT_EQ(answers, 30);
    EXPECT_LE(most, 3);
    EXPECT_LE(one.connections, 2);
    EXPECT_LE(two.connections, 2);
    // Streams hold theirs until they are read.
    ClientStream first = client.open(request_of("GET", one.url()));
    ClientStream second = client.open(request_of("GET", one.url()));
    ClientRequest third = request_of("GET", one.url());
    third.total = 50ms;
    EXPECT_THROW(client.request(std::move(third)), net::TimedOut);
    EXPECT_EQ(first.read_all(10), "ok");
    EXPECT_EQ(client.get(one.url()).body(), "ok");
  });
}

TEST(HttpClientLife, IdleOnesAreBoundedAndGoInTime) {
  verdin::run([] {
    RawHttpServer one(one_each(kOk)), two(one_each(kOk)), three(one_each(kOk));
    Client client({.idle_connections = 2, .idle_time = 100ms});
    for (RawHttpServer* server : {&one, &two, &three}) client.get(server->url());
    EXPECT_EQ(client.idle(), 2u);
    EXPECT_TRUE(eventually_holds([&] { return client.idle() == 0; }));
    client.get(one.url());
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_EQ(one.connections, 2);
    Client none({.idle_connections = 0});
    none.get(one.url());
    EXPECT_EQ(none.idle(), 0u);
  });
}

TEST(HttpClientLife, KillsAndTimeoutsCloseTheirConnection) {
  verdin::run([] {
    bool hold = true;
    RawHttpServer server([&](net::StreamSocket& peer, RawHttpServer& s) {
      for (std::string request; !(request = RawHttpServer::read_request(peer)).empty();) {
        s.requests.push_back(request);
        peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
        if (hold) continue;
        peer.send_all("lf");
      }
    });
    Client client;
    auto killed = verdin::spawn([&] { client.get(server.url()); });
    EXPECT_TRUE(eventually_holds([&] { return server.requests.size() == 1; }));
    killed.kill();
    EXPECT_EQ(client.idle(), 0u);
    {
      verdin::Timeout limit(20ms);
      EXPECT_THROW(client.get(server.url()), verdin::TimeoutExpired);
    }
    EXPECT_EQ(client.idle(), 0u);
    ClientRequest slow = request_of("GET", server.url());
    slow.total = 20ms;
    EXPECT_THROW(client.request(std::move(slow)), net::TimedOut);
    EXPECT_THROW(Client({.silence = 20ms}).get(server.url()), net::TimedOut);
    EXPECT_EQ(client.idle(), 0u);
    {
      ClientStream stream = client.open(request_of("GET", server.url()));
      EXPECT_EQ(stream.read(2).size(), 2u);
    }
    EXPECT_EQ(client.idle(), 0u);
    hold = false;
    EXPECT_EQ(client.get(server.url()).body(), "half");
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_LE(server.connections, 6);  // fewer where a limit was over before the connection was there
  });
}

TEST(HttpClientLife, AStreamMayOutliveItsClient) {
  verdin::run([] {
    RawHttpServer server(one_each(kOk));
    std::optional<ClientStream> stream;
    {
      Client client;
      stream.emplace(client.open(request_of("GET", server.url())));
    }
    EXPECT_EQ(stream->read_all(10), "ok");
  });
}

TEST(HttpClientLife, UpgradesGiveTheConnection) {
  verdin::run([] {
    RawHttpServer server([](net::StreamSocket& peer, RawHttpServer&) {
      RawHttpServer::read_request(peer);
      peer.send_all("HTTP/1.1 101 Go\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nfirst");
      peer.send_all(peer.recv(100));
    });
    Client client;
    ClientRequest request = request_of("GET", server.url());
    request.headers = {{"Upgrade", "echo"}, {"Connection", "upgrade"}};
    ClientStream answer = client.open(std::move(request));
    EXPECT_EQ(answer.status(), 101);
    std::string leftover;
    const auto stream = answer.take_stream(leftover);
    while (leftover.size() < 5) leftover += stream->recv(100);
    EXPECT_EQ(leftover, "first");
    stream->send_all("hello");
    EXPECT_EQ(stream->recv_exactly(5), "hello");
    EXPECT_THROW(answer.read(1), ClientError);
    EXPECT_THROW(answer.take_stream(leftover), std::logic_error);
  });
}

/// HTTPS on this hub: each request is answered with its own first line.
struct SecureSite {
  explicit SecureSite(const verdin::test::Certificates& certificates, bool says_goodbye = true)
      : context(net::TlsContext::server({.identities = {{.certificate_file = certificates.path("site.pem"),
                                                         .key_file = certificates.path("site.key")}}})),
        server(net::Address::loopback_ipv4(0),
               [this, says_goodbye](net::Socket& socket, const net::Address&) {
                 net::TlsStream peer(std::move(socket), context);
                 for (std::string request; !(request = RawHttpServer::read_request(peer)).empty();) {
                   ++requests;
                   const std::string line = request.substr(0, request.find('\r'));
                   if (!says_goodbye) {
                     peer.send_all("HTTP/1.1 200 OK\r\n\r\n" + line);
                     peer.socket().close();
                     return;
                   }
                   peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(line.size()) +
                                 "\r\nLocation: http://127.0.0.1:1/\r\n\r\n" + line);
                 }
               }) {
    server.start();
  }
  std::string url(const std::string& target) const {
    return "https://127.0.0.1:" + std::to_string(server.port()) + target;
  }
  net::TlsContext context;
  net::StreamServer server;
  int requests = 0;
};

TEST(HttpClientLife, Tls) {
  verdin::test::Certificates certificates;
  certificates.sign("site", "IP:127.0.0.1");
  verdin::run([&] {
    SecureSite site(certificates);
    ClientOptions trusting;
    trusting.tls = net::TlsContext::client({.ca_file = certificates.path("ca.pem")});
    Client client(trusting);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.get(site.url("/a")).body(), "GET /a HTTP/1.1");
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_EQ(site.server.connections(), 1u);
    EXPECT_THROW(Client().get(site.url("/")), net::TlsError);  // nobody else trusts it
    // The timer's callback closes them, too.
    trusting.idle_time = 50ms;
    Client forgetful(trusting);
    forgetful.get(site.url("/a"));
    EXPECT_TRUE(eventually_holds([&] { return forgetful.idle() == 0 && site.server.connections() == 1; }));
    // An end that was not said is no end of a body that has no other.
    SecureSite rude(certificates, false);
    EXPECT_THROW(client.get(rude.url("/")), ClientError);
    RawHttpServer down(
        {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + site.url("/up") + "\r\n\r\n"});
    EXPECT_EQ(client.get(down.url()).body(), "GET /up HTTP/1.1");
  });
}

TEST(HttpClientLife, NeverFromHttpsToHttpUnlessAsked) {
  verdin::test::Certificates certificates;
  certificates.sign("site", "IP:127.0.0.1");
  verdin::run([&] {
    RawHttpServer plain({kOk, kOk});
    const auto context =
        net::TlsContext::server({.identities = {{.certificate_file = certificates.path("site.pem"),
                                                 .key_file = certificates.path("site.key")}}});
    net::StreamServer server(net::Address::loopback_ipv4(0), [&](net::Socket& socket, const net::Address&) {
      net::TlsStream peer(std::move(socket), context);
      RawHttpServer::read_request(peer);
      peer.send_all("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + plain.url() + "\r\n\r\n");
    });
    server.start();
    const std::string url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
    ClientOptions options;
    options.tls = net::TlsContext::client({.ca_file = certificates.path("ca.pem")});
    EXPECT_THROW(Client(options).get(url), ClientError);
    EXPECT_EQ(plain.connections, 0);
    options.insecure_redirects = true;
    EXPECT_EQ(Client(options).get(url).body(), "ok");
  });
}

TEST(HttpClientLife, ByProxy) {
  verdin::test::Certificates certificates;
  certificates.sign("site", "IP:127.0.0.1");
  verdin::run([&] {
    SecureSite site(certificates);
    RawHttpServer proxy([&](net::StreamSocket& peer, RawHttpServer& s) {
      for (std::string request; !(request = RawHttpServer::read_request(peer)).empty();) {
        s.requests.push_back(request);
        if (request.rfind("CONNECT ", 0) != 0) {
          peer.send_all(kOk);
          continue;
        }
        net::Socket to = net::connect("127.0.0.1", site.server.port());
        peer.send_all("HTTP/1.1 200 Go\r\n\r\n");
        auto back = verdin::spawn([&] {
          std::error_code error;
          char octets[4096];
          for (std::size_t size; (size = to.recv(std::span(octets), error)) > 0 && !error;)
            peer.send_all(std::string_view(octets, size), error);
        });
        std::error_code error;
        char octets[4096];
        for (std::size_t size; (size = peer.recv(std::span(octets), error)) > 0 && !error;)
          to.send_all(std::string_view(octets, size), error);
        to.close();
        back.join();
        return;
      }
    });
    ClientOptions options;
    options.proxy = proxy.url();
    options.proxy_user = "Aladdin";
    options.proxy_password = "open sesame";
    options.tls = net::TlsContext::client({.ca_file = certificates.path("ca.pem")});
    Client client(options);
    EXPECT_EQ(client.get("http://one.test:81/a?b").body(), "ok");
    EXPECT_EQ(client.get("http://two.test/").body(), "ok");
    ASSERT_EQ(proxy.requests.size(), 2u);
    EXPECT_EQ(proxy.connections, 1) << "whoever is asked for: it is one proxy";
    EXPECT_EQ(proxy.requests[0].rfind("GET http://one.test:81/a?b HTTP/1.1\r\nHost: one.test:81\r\n", 0), 0u);
    EXPECT_NE(proxy.requests[0].find("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
              std::string::npos);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get(site.url("/s")).body(), "GET /s HTTP/1.1");
    ASSERT_EQ(proxy.requests.size(), 3u) << "one tunnel for three requests";
    EXPECT_EQ(proxy.requests[2].rfind("CONNECT 127.0.0.1:", 0), 0u);
    EXPECT_NE(proxy.requests[2].find("\r\nProxy-Authorization: Basic "), std::string::npos);
    for (const char* answer : {"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 Go\r\n\r\n\x16",
                               "HTTP/1.1 2", "nothing\r\n"}) {
      RawHttpServer bad({std::string(answer)});
      ClientOptions to_bad = options;
      to_bad.proxy = bad.url();
      EXPECT_THROW(Client(to_bad).get(site.url("/")), ClientError) << answer;
    }
  });
}

TEST(HttpClientLife, SomeHostsNeedNoProxy) {
  verdin::run([] {
    RawHttpServer proxy({kOk}), site({kOk});
    const auto straight = [&](const std::string& list, const std::string& host, std::uint16_t port = 0) {
      const std::size_t before = proxy.requests.size();
      ClientOptions options;
      options.proxy = proxy.url();
      options.no_proxy = list;
      // Whatever the name, and whatever the port of the URL, only the site listens there.
      options.resolve = [](std::string_view, std::uint16_t to, net::Deadline) {
        return std::vector<net::Address>{net::Address::loopback_ipv4(to)};
      };
      const std::string url = "http://" + host + ":" + std::to_string(port == 0 ? site.port() : port) + "/";
      EXPECT_EQ(Client(options).get(url).body(), "ok") << url;
      return proxy.requests.size() == before;
    };
    EXPECT_FALSE(straight("", "a.test"));
    EXPECT_TRUE(straight("*", "a.test"));
    for (const char* list : {"a.test", "A.Test", ".a.test", "*.a.test", "b.test,a.test", " b.test , a.test ",
                             "b.test a.test", "a.test.", "*.a.test."}) {
      EXPECT_TRUE(straight(list, "a.test")) << list;
      EXPECT_TRUE(straight(list, "x.y.a.test")) << list;
      EXPECT_FALSE(straight(list, "xa.test")) << list;
      EXPECT_FALSE(straight(list, "test")) << list;
    }
    EXPECT_TRUE(straight("a.test:" + std::to_string(site.port()), "a.test"));
    EXPECT_FALSE(straight("a.test:1", "a.test"));
    EXPECT_FALSE(straight("a.test:1", "a.test", 2));
    EXPECT_TRUE(straight("127.0.0.1", "127.0.0.1"));
    EXPECT_FALSE(straight("127.0.0.1", "127.0.0.2"));
    EXPECT_TRUE(straight("127.0.0.1.", "127.0.0.1"));
    EXPECT_TRUE(straight("a.test.", "a.test."));
    EXPECT_TRUE(straight("a.test.:" + std::to_string(site.port()), "a.test"));
    EXPECT_TRUE(straight("127.0.0.0/8", "127.0.0.1"));
    EXPECT_TRUE(straight("127.0.0.0/31", "127.0.0.1"));
    EXPECT_FALSE(straight("127.0.0.0/32", "127.0.0.1"));
    EXPECT_TRUE(straight("0.0.0.0/0", "127.0.0.1"));
    EXPECT_FALSE(straight("::/0", "a.test")) << "names are not looked up";
    EXPECT_FALSE(straight("10.0.0.0/8,fe80::/10", "127.0.0.1"));
    EXPECT_FALSE(straight("0.1", "127.0.0.1")) << "an address has no hosts below it";
    for (const char* bad :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "a.test/8", "a.test:", "a.test:x", "a.test:70000",
          "http://a.test", "[::1", "[::1]x", "::/129", ".", "..", "[::1.]", "::1.", "a*b"}) {
      ClientOptions options;
      options.no_proxy = bad;
      EXPECT_THROW(Client{options}, std::invalid_argument) << bad;
    }
  });
}

}  // namespace
}  // namespace client_life_tests
