// connect(): against our own server, and against servers that misbehave.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/client.hpp>
#include <verdin/net/connect.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/net/stream_server.hpp>
#include <verdin/net/tls_error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/protocol/websocket/frame.hpp>
#include <verdin/protocol/websocket/handshake.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/websocket/connect.hpp>

#include "support/tls_identity.hpp"

namespace verdin::websocket {
namespace {

using namespace std::chrono_literals;

void echo_all(Stream& peer) {
  for (const Message& message : peer) peer.send(message);
}

/// A server of ours, and the URL of its route "/echo".
class Serving {
 public:
  explicit Serving(StreamHandler handler, RouteOptions options = {}) {
    route(app, "/echo", std::move(handler), std::move(options));
    app.listen({"127.0.0.1", 0}).start();
  }
  ~Serving() {
    app.stop();
    app.join();
  }
  std::string url(std::string_view rest = "/echo") const {
    return "ws://127.0.0.1:" + std::to_string(app.port()) + std::string(rest);
  }
  http::App app;
};

/// Whatever the name, it is here.
std::vector<net::Address> resolve_here(std::string_view, std::uint16_t port, net::Deadline) {
  return {net::Address::loopback_ipv4(port)};
}

TEST(Connect, SendsAndReceives) {
  run([] {
    Serving serving(echo_all);
    Stream stream = connect(serving.url());
    EXPECT_TRUE(stream.is_open());
    EXPECT_TRUE(stream.send("hello"));
    EXPECT_EQ(stream.receive(), (Message{"hello", false}));
    const std::string much(300'000, 'b');
    EXPECT_TRUE(stream.send_binary(much));
    EXPECT_EQ(stream.receive(), (Message{much, true}));
    EXPECT_EQ(stream.subprotocol(), "");
    EXPECT_THROW(static_cast<void>(stream.request()), std::logic_error);
    stream.close(1000, "done");
    const Close end = stream.wait_for_end();
    EXPECT_EQ(end.code, 1000);
    EXPECT_TRUE(end.clean);
    EXPECT_EQ(stream.receive(), std::nullopt);
  });
}

TEST(Connect, IsClosedWhenItIsDestroyed) {
  run([] {
    std::optional<Close> end;
    Event ended;
    Serving serving([&](Stream& peer) {
      echo_all(peer);
      end = peer.wait_for_end();
      ended.set();
    });
    { const Stream stream = connect(serving.url()); }
    ASSERT_TRUE(ended.wait_for(60s));
    EXPECT_EQ(end->code, 1000);
  });
}

TEST(Connect, OthersMayBeInCallsWhenItIsDestroyed) {
  run([] {
    Serving serving([](Stream& peer) { peer.wait_for_end(); });
    for (const bool killed : {false, true}) {
      std::optional<Stream> stream(connect(serving.url()));
      std::optional<MessageSink> sink(stream->begin_text());
      int none = 0;
      std::optional<Close> end;
      auto receives = spawn([&] { none += !stream->receive(); });
      auto receives_part = spawn([&] { none += !stream->receive_part(); });
      auto waits = spawn([&] { end = stream->wait_for_end(); });
      auto begins = spawn([&] { none += !stream->begin_binary().finish(); });
      sleep(0ms);
      if (killed) {
        for (auto* greenlet : {&receives, &receives_part, &waits, &begins}) greenlet->kill_async();
      }
      stream.reset();
      sink.reset();
      for (auto* greenlet : {&receives, &receives_part, &waits, &begins}) greenlet->join();
      EXPECT_EQ(none, killed ? 0 : 3);
      EXPECT_EQ(end.has_value(), !killed);
      EXPECT_EQ(end.value_or(Close{1000, {}, true}).code, 1000);
    }
  });
}

TEST(Connect, AgreesOnSubprotocolAndCompression) {
  RouteOptions options;
  options.subprotocols = {"v1", "v2"};
  options.deflate.emplace().threshold = 1;
  run([&] {
    std::string headers;
    Serving serving(
        [&](Stream& peer) {
          headers = std::string(peer.request().header("X-Who").value_or("")) + "/" +
                    std::string(peer.request().header("Sec-WebSocket-Extensions").value_or(""));
          echo_all(peer);
        },
        options);
    for (const bool takes_over : {false, true}) {
      ClientOptions client;
      client.subprotocols = {"v3", "v2"};
      client.headers = {{"X-Who", "me"}};
      client.deflate.emplace().threshold = 1;
      client.deflate->client_no_context_takeover = !takes_over;
      client.deflate->server_no_context_takeover = !takes_over;
      Stream stream = connect(serving.url(), client);
      EXPECT_EQ(stream.subprotocol(), "v2");
      for (int i = 0; i < 3; ++i) {
        const std::string text = "again and again and again " + std::string(2000, 'x') + std::to_string(i);
        stream.send(text);
        EXPECT_EQ(stream.receive(), (Message{text, false}));
      }
      EXPECT_EQ(headers.substr(0, 21), "me/permessage-deflate");
    }
  });
}

TEST(Connect, PartsBothWays) {
  run([] {
    Serving serving(echo_all);
    ClientOptions options;
    options.receive_parts = true;
    Stream stream = connect(serving.url(), options);
    MessageSink sink = stream.begin_text();
    sink.write("in ");
    sink.write("parts");
    sink.finish();
    std::string got;
    for (auto part = stream.receive_part(); part; part = stream.receive_part()) {
      got += part->data;
      if (part->last) break;
    }
    EXPECT_EQ(got, "in parts");
  });
}

TEST(Connect, OverTls) {
  const test::TlsIdentity identity("DNS:localhost");
  run([&] {
    http::App app;
    route(app, "/echo", echo_all);
    const net::TlsContext context = identity.server();
    net::StreamServer server(net::Address::loopback_ipv4(0), [&](net::Socket& socket, const net::Address&) {
      app.serve(net::loop_stream(std::make_unique<net::TlsStream>(std::move(socket), context)));
    });
    server.start();
    const std::string url = "wss://localhost:" + std::to_string(server.address().port()) + "/echo";
    ClientOptions options;
    options.tls = identity.client();
    options.resolve = resolve_here;
    {
      Stream stream = connect(url, options);
      const std::string much(200'000, 's');
      for (int i = 0; i < 5; ++i) {
        stream.send(much);
        EXPECT_EQ(stream.receive(), (Message{much, false}));
      }
      stream.close();
      EXPECT_TRUE(stream.wait_for_end().clean);
    }
    // One that is not trusted.
    ClientOptions wary = options;
    wary.tls = net::TlsContext::client({.system_roots = false});
    EXPECT_THROW(connect(url, wary), net::TlsError);
    server.stop();
  });
}

/// A proxy that makes tunnels to `port`, wherever is asked for.
class TunnelProxy {
 public:
  explicit TunnelProxy(std::uint16_t port)
      : server_(net::Address::loopback_ipv4(0), [this, port](net::Socket& peer, const net::Address&) {
          requests.push_back(peer.recv_until("\r\n\r\n", 10'000, 60s));
          net::Socket to = net::connect("127.0.0.1", port);
          peer.send_all("HTTP/1.1 200 Connected\r\nX-Proxy: this\r\n\r\n");
          auto back = spawn([&] { carry(to, peer); });
          carry(peer, to);
          back.join();
        }) {
    server_.start();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }

  std::vector<std::string> requests;

 private:
  static void carry(net::Socket& from, net::Socket& to) {
    std::error_code error;
    std::array<char, 4096> octets;
    for (std::size_t size; (size = from.recv(std::span(octets), error)) > 0 && !error;) {
      to.send_all(std::string_view(octets.data(), size), error);
    }
    try {
      to.shutdown_write();
    } catch (const std::system_error&) {  // it has gone
    }
  }

  net::StreamServer server_;
};

TEST(Connect, ThroughAProxy) {
  run([] {
    std::string heard;
    Serving serving([&](Stream& peer) {
      heard = peer.request().raw_head();
      echo_all(peer);
    });
    TunnelProxy proxy(serving.app.port());
    ClientOptions options;
    options.proxy = proxy.url();
    options.resolve = [](std::string_view name, std::uint16_t port, net::Deadline) {
      EXPECT_EQ(name, "127.0.0.1") << "what is behind the proxy, the proxy looks up";
      return std::vector<net::Address>{net::Address::loopback_ipv4(port)};
    };
    {
      Stream stream = connect("ws://chat.test/echo", options);
      stream.send("hello");
      EXPECT_EQ(stream.receive(), (Message{"hello", false}));
    }
    ASSERT_EQ(proxy.requests.size(), 1u);
    EXPECT_EQ(proxy.requests[0], "CONNECT chat.test:80 HTTP/1.1\r\nHost: chat.test:80");
    options.proxy_user = "Aladdin";
    options.proxy_password = "open sesame";
    { const Stream stream = connect("ws://[::1]:81/echo", options); }
    EXPECT_EQ(proxy.requests.back(),
              "CONNECT [::1]:81 HTTP/1.1\r\nHost: [::1]:81\r\n"
              "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    EXPECT_EQ(heard.find("Proxy-"), heard.npos) << "that is not the server's to know";
  });
}

TEST(Connect, OverTlsThroughAProxy) {
  const test::TlsIdentity identity("DNS:chat.test");
  run([&] {
    http::App app;
    route(app, "/echo", echo_all);
    app.listen({"127.0.0.1", 0}, identity.server()).start();
    TunnelProxy proxy(app.port());
    ClientOptions options;
    options.proxy = proxy.url();
    options.tls = identity.client();
    {
      Stream stream = connect("wss://chat.test/echo", options);
      stream.send("hello");
      EXPECT_EQ(stream.receive(), (Message{"hello", false}));
    }
    EXPECT_EQ(proxy.requests.at(0), "CONNECT chat.test:443 HTTP/1.1\r\nHost: chat.test:443");
    EXPECT_THROW(connect("wss://other.test/echo", options), net::TlsError) << "the server is still looked at";
    app.stop();
    app.join();
  });
}

TEST(Connect, SomeHostsNeedNoProxy) {
  const test::TlsIdentity identity("DNS:chat.test");
  run([&] {
    Serving serving(echo_all);
    http::App secure;
    route(secure, "/echo", echo_all);
    secure.listen({"127.0.0.1", 0}, identity.server()).start();
    TunnelProxy proxy(serving.app.port()), secure_proxy(secure.port());
    const auto straight = [&](const std::string& list, const std::string& host, bool tls = false) {
      TunnelProxy& used = tls ? secure_proxy : proxy;
      const std::size_t before = used.requests.size();
      ClientOptions options;
      options.proxy = used.url();
      options.no_proxy = list;
      options.tls = identity.client();
      options.resolve = resolve_here;
      const std::uint16_t port = tls ? secure.port() : serving.app.port();
      Stream stream =
          connect((tls ? "wss://" : "ws://") + host + ":" + std::to_string(port) + "/echo", options);
      stream.send("hello");
      EXPECT_EQ(stream.receive(), (Message{"hello", false}));
      return used.requests.size() == before;
    };
    for (const bool tls : {false, true}) {
      EXPECT_FALSE(straight("", "chat.test", tls));
      EXPECT_FALSE(straight("other.test", "chat.test", tls));
      EXPECT_TRUE(straight("other.test, .test", "chat.test", tls));
      EXPECT_TRUE(straight("*", "chat.test", tls));
      EXPECT_FALSE(straight("chat.test:1", "chat.test", tls));
    }
    EXPECT_TRUE(straight("127.0.0.0/8", "127.0.0.1"));
    EXPECT_TRUE(straight("chat.test:" + std::to_string(secure.port()), "chat.test", true));
    secure.stop();
    secure.join();
    ClientOptions options;
    for (const char* bad : {"10.0.0.0/33", "a.test:x", "http://a.test"}) {
      options.no_proxy = bad;
      EXPECT_THROW(connect(serving.url(), options), std::invalid_argument)
          << bad << ", though there is no proxy";
    }
  });
}

TEST(Connect, APortThatIsNotNamedIsTheSchemes) {
  run([] {
    TunnelProxy proxy(1);
    ClientOptions options;
    options.proxy = proxy.url();
    std::uint16_t asked = 0;
    options.resolve = [&](std::string_view name, std::uint16_t port, net::Deadline) {
      if (name == "chat.test") asked = port;
      return std::vector<net::Address>{};
    };
    options.no_proxy = "chat.test:443";
    EXPECT_ANY_THROW(connect("wss://chat.test/", options));
    EXPECT_EQ(asked, 443);
    options.no_proxy = "chat.test:80";
    EXPECT_ANY_THROW(connect("ws://chat.test/", options));
    EXPECT_EQ(asked, 80);
    EXPECT_TRUE(proxy.requests.empty());
  });
}

class CallbackEcho final : public ConnectionHandler {
 public:
  void on_text(std::span<char> message) override { got.assign(message.data(), message.size()), heard.set(); }
  void on_binary(std::span<char>) override {}
  void on_close(const Close& close) override {
    end = close;
    heard.set();
  }

  std::string got;
  std::optional<Close> end;
  Event heard;
};

TEST(Connect, InCallbacks) {
  RouteOptions served;
  served.subprotocols = {"v1"};
  run([&] {
    Serving serving(
        [](Stream& peer) {
          peer.send("welcome");  // perhaps in one segment with the handshake
          echo_all(peer);
        },
        served);
    CallbackEcho handler;
    ClientOptions options;
    options.subprotocols = {"v1"};
    const Connected made = connect(serving.url(), handler, options);
    EXPECT_EQ(made.subprotocol, "v1");
    const auto next = [&] {
      EXPECT_TRUE(handler.heard.wait_for(60s));
      handler.heard.clear();
      return std::exchange(handler.got, {});
    };
    EXPECT_EQ(next(), "welcome");
    EXPECT_TRUE(made.connection->send_text("hello"));
    EXPECT_EQ(next(), "hello");
    made.connection->close(1000, "done");
    next();
    ASSERT_TRUE(handler.end);
    EXPECT_TRUE(handler.end->clean);
    EXPECT_THROW(connect(serving.url("/nowhere"), handler, options), HandshakeError);
  });
}

TEST(Connect, AProxyThatDoesNotLeadThere) {
  run([] {
    std::string answer;
    net::StreamServer proxy(net::Address::loopback_ipv4(0), [&](net::Socket& peer, const net::Address&) {
      peer.recv_until("\r\n\r\n", 10'000, 60s);
      peer.send_all(answer);
    });
    proxy.start();
    ClientOptions options;
    options.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
    for (const char* bad : {"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "hello\r\n\r\n", "",
                            "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 200 Go\r\n\r\nearly"}) {
      answer = bad;
      EXPECT_THROW(connect("ws://chat.test/", options), http::ClientError) << bad;
    }
    for (const char* none : {"127.0.0.1:80", "https://127.0.0.1/", "http://"}) {
      options.proxy = none;
      EXPECT_THROW(connect("ws://chat.test/", options), std::invalid_argument) << none;
    }
    proxy.stop();
  });
}

TEST(Connect, SaysWhyTheServerWouldNot) {
  run([] {
    Serving serving(echo_all);
    const auto status = [&](std::string_view path, const ClientOptions& options = {}) {
      try {
        connect(serving.url(path), options);
      } catch (const HandshakeError& error) {
        EXPECT_NE(std::string(error.what()).find(std::to_string(error.status)), std::string::npos)
            << error.what();
        return error.status;
      }
      return 101;
    };
    EXPECT_EQ(status("/echo"), 101);
    EXPECT_EQ(status("/nowhere"), 404);
    ClientOptions stranger;
    stranger.headers = {{"Origin", "https://evil.example"}};
    EXPECT_EQ(status("/echo", stranger), 403);
  });
}

TEST(Connect, RefusesWhatCannotBeAsked) {
  run([] {
    for (const char* url : {"", "ws:", "ws://", "http://127.0.0.1/", "127.0.0.1", "ws://user@127.0.0.1/",
                            "ws://127.0.0.1:99999/", "wss//x", "ws://a b/"}) {
      EXPECT_THROW(connect(url), std::invalid_argument) << url;
    }
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"Host", "x"},
                                                          {"sec-websocket-key", "x"},
                                                          {"Connection", "close"},
                                                          {"X", "a\r\nb"},
                                                          {"a b", "c"}}) {
      ClientOptions options;
      options.headers = {{name, value}};
      EXPECT_THROW(connect("ws://127.0.0.1:1/", options), std::invalid_argument) << name;
    }
    for (const char* name : {"", "a\r\nX: y", "a,b", "a b"}) {
      ClientOptions options;
      options.subprotocols = {"good", name};
      EXPECT_THROW(connect("ws://127.0.0.1:1/", options), std::invalid_argument) << name;
      http::App app;
      RouteOptions ours;
      ours.subprotocols = options.subprotocols;
      EXPECT_THROW(route(
                       app, "/", [](Stream&) {}, ours),
                   std::invalid_argument)
          << name;
    }
  });
}

// Refused by both ends, but for a window of 8 bits: a server may ask for that, and a client has none.
TEST(Connect, NumbersOfDeflateThatAreNoneAreRefused) {
  verdin::run([] {
    const auto refused = [](int DeflateOptions::*which, int value) {
      ClientOptions options;
      options.deflate.emplace().*which = value;
      EXPECT_THROW(connect("ws://127.0.0.1:1/", options), std::invalid_argument) << value;
    };
    const auto refused_by_route = [](int DeflateOptions::*which, int value) {
      http::App app;
      RouteOptions options;
      options.deflate.emplace().*which = value;
      try {
        route(
            app, "/", [](Stream&) {}, options);
      } catch (const std::invalid_argument&) {
        return true;
      }
      return false;
    };
    for (const int none : {-1, 0, 10, 50}) {
      for (const auto which : {&DeflateOptions::level, &DeflateOptions::memory_level}) {
        refused(which, none);
        EXPECT_TRUE(refused_by_route(which, none)) << none;
      }
    }
    for (const int none : {-15, 0, 7, 16, 31}) {
      for (const auto which :
           {&DeflateOptions::server_max_window_bits, &DeflateOptions::client_max_window_bits}) {
        refused(which, none);
        EXPECT_TRUE(refused_by_route(which, none)) << none;
      }
    }
    refused(&DeflateOptions::client_max_window_bits, 8);
    EXPECT_FALSE(refused_by_route(&DeflateOptions::client_max_window_bits, 8));
    EXPECT_TRUE(refused_by_route(&DeflateOptions::server_max_window_bits, 8));
    for (const int good : {1, 9}) EXPECT_FALSE(refused_by_route(&DeflateOptions::level, good));
    for (const int good : {9, 15})
      EXPECT_FALSE(refused_by_route(&DeflateOptions::server_max_window_bits, good));
  });
}

/// A server whose handshake is made by hand.
class ByHand {
 public:
  /// The next connection, its request read up to the end; `accept`: the key to answer with.
  net::Socket next(std::string& accept) {
    net::Socket socket = listener_.accept(60s);
    const std::string head = socket.recv_until("\r\n\r\n", 10'000, 60s);
    const std::size_t at = head.find("Sec-WebSocket-Key: ") + 19;
    accept =
        protocol::websocket::as_text(protocol::websocket::accept_key(std::string_view(head).substr(at, 24)));
    return socket;
  }
  std::string url() const {
    return "ws://127.0.0.1:" + std::to_string(listener_.local_address().port()) + "/";
  }

 private:
  net::Socket listener_ = net::Socket::listen(net::Address::loopback_ipv4(0));
};

/// Runs `serve` for the first connection, and gives what connect() then throws.
template <typename Error>
std::string failure_with(std::function<void(net::Socket&, const std::string& accept)> serve,
                         ClientOptions options = {}) {
  std::string told = "nothing was thrown";
  run([&] {
    ByHand site;
    auto server = spawn([&] {
      std::string accept;
      net::Socket socket = site.next(accept);
      serve(socket, accept);
      socket.recv_all(1'000'000, 60s);
    });
    try {
      connect(site.url(), options);
    } catch (const Error& error) {
      told = error.what();
    }
    server.kill();
  });
  return told;
}

std::string switching(std::string_view accept) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\nSec-WebSocket-Accept: " +
         std::string(accept) + "\r\n";
}

TEST(Connect, ServersThatMisbehave) {
  const auto says = [](std::string text) {
    return failure_with<HandshakeError>(
        [text](net::Socket& socket, const std::string&) { socket.send_all(text); });
  };
  EXPECT_NE(says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").find("200"), std::string::npos);
  EXPECT_NE(says("hello\r\n\r\n").find("no HTTP"), std::string::npos);
  EXPECT_NE(says(switching("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") + "\r\n").find("Accept"), std::string::npos);
  std::string interim;
  for (int i = 0; i < 100; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_NE(says(interim).find("no end"), std::string::npos);
  EXPECT_NE(says("HTTP/1.1 101 Switching Protocols\r\nX: " + std::string(40'000, 'x')).find("no HTTP"),
            std::string::npos);
  EXPECT_NE(failure_with<HandshakeError>([](net::Socket& socket, const std::string&) {
              socket.shutdown_write();
            }).find("without an answer"),
            std::string::npos);
  EXPECT_NE(failure_with<HandshakeError>([](net::Socket& socket, const std::string& accept) {
              socket.send_all(switching(accept) + "Sec-WebSocket-Protocol: x\r\n\r\n");
            }).find("subprotocol"),
            std::string::npos);
  EXPECT_NE(failure_with<HandshakeError>([](net::Socket& socket, const std::string& accept) {
              socket.send_all(switching(accept) + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
            }).find("extension"),
            std::string::npos);
}

TEST(Connect, AServerThatDoesNotAnswerIsGivenUp) {
  ClientOptions options;
  options.handshake_limit = 30ms;
  EXPECT_NE(failure_with<net::TimedOut>([](net::Socket&, const std::string&) {}, options),
            "nothing was thrown");
  EXPECT_NE(failure_with<net::TimedOut>(
                [](net::Socket& socket, const std::string&) {
                  // An octet now and then is no answer.
                  socket.send_all("HTTP/1.1 101 Switching Protocols\r\nX: ");
                  for (;; sleep(1ms)) socket.send_all("x");
                },
                options),
            "nothing was thrown");
}

TEST(Connect, NobodyThere) {
  run([] {
    std::uint16_t port = 0;
    {
      net::Socket listener = net::Socket::listen(net::Address::loopback_ipv4(0));
      port = listener.local_address().port();
    }
    EXPECT_THROW(connect("ws://127.0.0.1:" + std::to_string(port) + "/"), std::system_error);
  });
}

TEST(Connect, FramesRightBehindTheAnswerAreRead) {
  run([] {
    ByHand site;
    auto server = spawn([&] {
      std::string accept;
      net::Socket socket = site.next(accept);
      const std::string frame(
          protocol::websocket::make_frame(protocol::websocket::Opcode::text, {"at once"}).view());
      const std::string octets = "HTTP/1.1 103 Early Hints\r\n\r\n" + switching(accept) + "\r\n" + frame;
      for (char octet : octets) socket.send_all({&octet, 1});
      socket.recv_all(1000, 60s);
    });
    Stream stream = connect(site.url());
    EXPECT_EQ(stream.receive(), (Message{"at once", false}));
    // A server masks nothing, and this one does not close as it should.
    server.kill();
    EXPECT_EQ(stream.receive(), std::nullopt);
    EXPECT_EQ(stream.wait_for_end().code, 1006);
  });
}

TEST(Connect, KilledAndTimedOutMeanwhile) {
  run([] {
    net::Socket listener = net::Socket::listen(net::Address::loopback_ipv4(0));
    const std::string url = "ws://127.0.0.1:" + std::to_string(listener.local_address().port()) + "/";
    auto killed = spawn([&] { connect(url); });
    net::Socket first = listener.accept(60s);
    first.recv_until("\r\n\r\n", 10'000, 60s);
    killed.kill();
    EXPECT_EQ(first.recv(1, 60s), "");
    EXPECT_FALSE(with_timeout(20ms, [&] {
                   connect(url);
                   return true;
                 }).has_value());
  });
}

TEST(Connect, APeerThatAnswersNoPingIsGone) {
  run([] {
    ByHand site;
    auto server = spawn([&] {
      std::string accept;
      net::Socket socket = site.next(accept);
      socket.send_all(switching(accept) + "\r\n");
      socket.recv_all(1000, 60s);
    });
    ClientOptions options;
    options.ping_interval = 10ms;
    Stream stream = connect(site.url(), options);
    EXPECT_EQ(stream.wait_for_end().code, 1006);
    server.join();
  });
}

}  // namespace
}  // namespace verdin::websocket
