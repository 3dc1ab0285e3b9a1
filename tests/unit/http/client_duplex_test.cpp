// The client's two directions at once: peers that answer as they read, that answer early, and exchanges whose
// pieces are written and read as they go on; over TLS as well.
#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/net/error.hpp>
#include <verdin/net/tls_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/certificates.hpp"
#include "support/raw_http_server.hpp"

namespace client_duplex_tests {
namespace {

using namespace std::chrono_literals;
namespace net = verdin::net;
using verdin::http::App;
using verdin::http::Client;
using verdin::http::ClientError;
using verdin::http::ClientOptions;
using verdin::http::ClientRequest;
using verdin::http::ClientResponse;
using verdin::http::ClientStream;
using verdin::http::Request;
using verdin::http::Response;
using verdin::tests::RawHttpServer;

constexpr std::size_t kLarge = 20'000'000;  // more than the kernel keeps on the way

/// Answers each piece of a body when it comes, and reads no more while nobody reads that.
struct Echo {
  explicit Echo(const net::TlsContext* context = nullptr) {
    const auto echo = [](Request& q, Response& r) {
      r.type("application/octet-stream");
      for (std::string piece; !(piece = q.read(64 * 1024)).empty();) {
        if (!r.write(piece)) return;
      }
    };
    app.post("/", echo, {.stream_body = true, .body_limit = 10 * kLarge});
    if (context) {
      app.listen({"127.0.0.1", 0}, *context);
    } else {
      app.listen({"127.0.0.1", 0});
    }
    app.start();
    url = (context ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(app.port()) + "/";
  }
  App app;
  std::string url;
};

ClientRequest post(std::string url) {
  ClientRequest request;
  request.method = "POST";
  request.url = std::move(url);
  return request;
}

/// Octets that differ by their place, so that none is missed, doubled or moved.
std::string octets(std::size_t from, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((from + i) * 2654435761u >> 13);
  return text;
}

void read_request_head(net::StreamSocket& peer) {
  char octet;
  std::string head;
  while (!head.ends_with("\r\n\r\n") && peer.recv(std::span(&octet, 1)) == 1) head += octet;
}

/// Sets an event when the function that holds it goes.
struct Gone {
  explicit Gone(verdin::Event& event) : event_(&event) {}
  Gone(Gone&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Gone(const Gone&) = delete;
  Gone& operator=(const Gone&) = delete;
  ~Gone() {
    if (event_) event_->set();
  }

 private:
  verdin::Event* event_;
};

void expect_echoes(const Echo& echo, Client& client) {
  const std::string text = octets(0, kLarge);
  ClientRequest whole = post(echo.url);
  whole.body = text;
  EXPECT_TRUE(client.request(std::move(whole)).body() == text);
  for (const bool sized : {false, true}) {
    ClientRequest made = post(echo.url);
    if (sized) made.upload_size = kLarge;
    made.upload = [&, at = std::size_t{0}](std::string& piece) mutable {
      piece.assign(text, at, 100'000);
      at += piece.size();
      return at < text.size();
    };
    EXPECT_TRUE(client.request(std::move(made)).body() == text);
  }
  // One greenlet writes, another reads.
  ClientStream stream = client.begin(post(echo.url));
  auto writer = verdin::spawn([&] {
    for (std::size_t at = 0; at < text.size(); at += 99'999) {
      if (!stream.write(std::string_view(text).substr(at, 99'999))) return false;
    }
    return stream.finish();
  });
  EXPECT_TRUE(stream.read_all(2 * kLarge) == text);
  EXPECT_EQ(stream.status(), 200);
  EXPECT_TRUE(writer.get());
}

ClientOptions patient() {
  ClientOptions options;
  options.total = options.silence = 120s;
  options.body_limit = 2 * kLarge;
  return options;
}

TEST(HttpClientDuplex, AnEchoOfAnyLengthHoldsNobodyUp) {
  verdin::run([] {
    const Echo echo;
    Client client(patient());
    expect_echoes(echo, client);
  });
}

TEST(HttpClientDuplex, OverTls) {
  verdin::test::Certificates certificates;
  certificates.sign("site", "IP:127.0.0.1");
  verdin::run([&] {
    const auto context =
        net::TlsContext::server({.identities = {{.certificate_file = certificates.path("site.pem"),
                                                 .key_file = certificates.path("site.key")}}});
    const Echo echo(&context);
    ClientOptions options = patient();
    options.tls = net::TlsContext::client({.system_roots = false, .ca_file = certificates.path("ca.pem")});
    Client client(options);
    expect_echoes(echo, client);
  });
}

TEST(HttpClientDuplex, WhatWentToItsEndBothWaysKeepsItsConnection) {
  verdin::run([] {
    // Answers as it reads, and says no "close" as our own server would: octets of a known number.
    RawHttpServer server([](net::StreamSocket& peer, RawHttpServer&) {
      for (;;) {
        read_request_head(peer);
        peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kLarge) + "\r\n\r\n");
        for (std::size_t size = 0; size < kLarge;) {
          const std::string piece = peer.recv(64 * 1024);
          if (piece.empty()) return;
          size += piece.size();
          peer.send_all(piece);
        }
      }
    });
    Client client(patient());
    for (const bool made : {false, true}) {
      ClientRequest request = post(server.url());
      if (made) {
        request.upload_size = kLarge;
        request.upload = [left = kLarge](std::string& piece) mutable {
          piece.assign(kLarge / 100, 'x');
          return (left -= piece.size()) > 0;
        };
      } else {
        request.body.assign(kLarge, 'x');
      }
      EXPECT_EQ(client.request(std::move(request)).body().size(), kLarge);
      EXPECT_EQ(client.idle(), 1u);
    }
    ClientRequest request = post(server.url());
    request.upload_size = kLarge;
    ClientStream begun = client.begin(std::move(request));
    auto writer = verdin::spawn([&] { return begun.write(std::string(kLarge, 'x')) && begun.finish(); });
    EXPECT_EQ(begun.read_all(kLarge).size(), kLarge);
    EXPECT_TRUE(writer.get());
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_EQ(server.connections, 1);
  });
}

TEST(HttpClientDuplex, AnswersArePossibleBetweenPieces) {
  verdin::run([] {
    const Echo echo;
    auto client = std::make_unique<Client>();
    ClientStream stream = client->begin(post(echo.url));
    EXPECT_EQ(stream.status(), 0);
    for (const std::string text : {"one", "two", "three"}) {
      EXPECT_TRUE(stream.write(text));
      std::string back;
      while (back.size() < text.size()) back += stream.read(100);
      EXPECT_EQ(back, text);
      EXPECT_EQ(stream.status(), 200);
    }
    EXPECT_TRUE(stream.finish());
    EXPECT_TRUE(stream.finish()) << "twice is once";
    EXPECT_EQ(stream.read(100), "");
    EXPECT_THROW(stream.write("x"), std::logic_error);
    // The head alone, and a body that is written when that is there; and it outlives its client.
    stream = client->begin(post(echo.url));
    EXPECT_TRUE(stream.write("head"));
    stream.wait_head();
    EXPECT_EQ(stream.header("Content-Type"), "application/octet-stream");
    client.reset();
    EXPECT_TRUE(stream.write("less"));
    EXPECT_TRUE(stream.finish());
    EXPECT_EQ(stream.read_all(100), "headless");
  });
}

TEST(HttpClientDuplex, WhatIsBegunIsFramedAndEndsAsItSays) {
  verdin::run([] {
    std::string got;
    RawHttpServer server([&](net::StreamSocket& peer, RawHttpServer&) {
      do {
        const std::string piece = peer.recv(1000);
        if (piece.empty()) return;
        got += piece;
      } while (got.find("END") == got.npos);
      peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    Client client;
    ClientRequest sized = post(server.url());
    sized.upload_size = 6;
    ClientStream stream = client.begin(std::move(sized));
    EXPECT_TRUE(stream.write("abc"));
    EXPECT_TRUE(stream.write("END"));
    EXPECT_EQ(stream.read_all(10), "ok") << "the size says that it has ended";
    EXPECT_TRUE(stream.finish());
    EXPECT_THROW(stream.write("x"), ClientError);
    EXPECT_NE(got.find("\r\nContent-Length: 6\r\n\r\nabcEND"), got.npos);
    got.clear();
    const auto kind = [&](std::uint64_t size, bool trailers, const std::string& text) {
      ClientRequest request = post(server.url());
      if (size > 0) request.upload_size = size;
      if (trailers) request.trailers = [] { return std::vector{std::pair<std::string, std::string>()}; };
      ClientStream bad = client.begin(std::move(request));
      try {
        bad.write(text);
        bad.finish();
        return false;
      } catch (const ClientError& error) {
        EXPECT_FALSE(bad.write("x"));
        EXPECT_THROW(bad.read(1), ClientError);
        return error.kind == ClientError::Kind::bad_request;
      }
    };
    EXPECT_TRUE(kind(2, false, "abc"));
    EXPECT_TRUE(kind(4, false, "abc"));
    EXPECT_TRUE(kind(0, true, "abc"));
    EXPECT_FALSE(kind(3, false, "abc"));
    ClientRequest with_body = post(server.url());
    with_body.body = "x";
    EXPECT_THROW(client.begin(std::move(with_body)), ClientError);
    ClientRequest with_upload = post(server.url());
    with_upload.upload = [](std::string&) { return false; };
    EXPECT_THROW(client.begin(std::move(with_upload)), ClientError);
    got.clear();
    ClientStream chunked = client.begin([&] {
      ClientRequest request = post(server.url());
      request.trailers = [] { return std::vector{std::pair<std::string, std::string>("X", "END")}; };
      return request;
    }());
    EXPECT_TRUE(chunked.write("abc"));
    EXPECT_TRUE(chunked.write(""));
    EXPECT_TRUE(chunked.finish());
    EXPECT_EQ(chunked.read_all(10), "ok");
    ClientStream opened = client.open(post(server.url()));
    EXPECT_THROW(opened.write("x"), std::logic_error);
    EXPECT_THROW(opened.finish(), std::logic_error);
  });
}

TEST(HttpClientDuplex, AnAnswerThatHasEndedEndsTheSending) {
  verdin::run([] {
    verdin::Event done;
    std::string answer;
    RawHttpServer server([&](net::StreamSocket& peer, RawHttpServer&) {
      read_request_head(peer);
      peer.send_all(answer);
      done.wait();  // it neither reads nor closes
    });
    Client client(patient());
    for (const std::string status : {"200 OK", "413 Too Large", "401 No"}) {
      answer = "HTTP/1.1 " + status + "\r\nContent-Length: 2\r\n\r\nok";
      for (const bool is_stuck : {false, true}) {
        // In a call that makes the next piece, or in one that sends it.
        verdin::Event never, gone;
        ClientRequest request = post(server.url());
        request.upload = [&, is_gone = Gone(gone)](std::string& piece) {
          if (is_stuck) never.wait();
          piece.assign(1'000'000, 'x');
          return true;
        };
        const ClientResponse got = client.request(std::move(request));
        EXPECT_EQ(got.body(), "ok");
        EXPECT_EQ(std::to_string(got.status()), status.substr(0, 3));
        EXPECT_TRUE(gone.ready()) << "what made it is left behind";
      }
      ClientRequest whole = post(server.url());
      whole.body.assign(kLarge, 'x');
      EXPECT_EQ(client.request(std::move(whole)).body(), "ok");
      ClientStream begun = client.begin(post(server.url()));
      const std::string piece(1'000'000, 'x');
      if (status != "200 OK") {  // one that says no is heard by who only writes
        while (begun.write(piece)) {
        }
      }
      EXPECT_EQ(begun.read_all(100), "ok");
      EXPECT_FALSE(begun.write(piece));
      EXPECT_FALSE(begun.finish());
      ClientStream apart = client.begin(post(server.url()));
      auto writer = verdin::spawn([&] {
        while (apart.write(piece)) {
        }
      });
      EXPECT_EQ(apart.read_all(100), "ok");
      writer.get();
      EXPECT_EQ(client.idle(), 0u) << "a body before its end is the last of a connection";
    }
    done.set();
  });
}

TEST(HttpClientDuplex, AnAnswerIsHeardThoughItsPeerClosesRudely) {
  verdin::run([] {
    for (int i = 0; i < 20; ++i) {
      RawHttpServer server([](net::StreamSocket& peer, RawHttpServer&) {
        read_request_head(peer);
        peer.send_all("HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
      });  // and it closes, with much unread: the kernel sends RST
      Client client(patient());
      ClientRequest whole = post(server.url());
      whole.body.assign(kLarge, 'x');
      EXPECT_EQ(client.request(std::move(whole)).body(), "no");
      ClientRequest made = post(server.url());
      made.upload = [](std::string& piece) { return piece.assign(100'000, 'x'), true; };
      const ClientResponse answer = client.request(std::move(made));
      EXPECT_EQ(answer.status(), 401);
      EXPECT_EQ(answer.body(), "no");
      EXPECT_EQ(client.idle(), 0u);
    }
  });
}

TEST(HttpClientDuplex, WhatAnUploadThrowsComesOutAndKillsEndIt) {
  verdin::run([] {
    const Echo echo;
    Client client(patient());
    verdin::Event never, gone;
    const auto request = [&](int pieces) {
      gone.clear();
      ClientRequest wanted = post(echo.url);
      wanted.upload = [&, pieces, left = pieces, is_gone = Gone(gone)](std::string& piece) mutable {
        if (pieces < 0) never.wait();
        if (left-- == 0) throw 42;
        piece.assign(100'000, 'x');
        return true;
      };
      return wanted;
    };
    EXPECT_THROW(client.request(request(0)), int);
    EXPECT_THROW(client.request(request(50)), int);
    ClientStream opened = client.open(request(50));
    EXPECT_THROW(opened.read_all(kLarge), int);
    EXPECT_THROW(opened.read(1), int) << "again";
    EXPECT_EQ(client.idle(), 0u);
    // A kill, a Timeout, and a stream that is dropped.
    auto killed = verdin::spawn([&] { client.request(request(-1)); });
    verdin::sleep(5ms);
    killed.kill();
    EXPECT_TRUE(gone.ready());
    EXPECT_THROW(
        {
          const verdin::Timeout limit(5ms);
          client.request(request(-1));
        },
        verdin::TimeoutExpired);
    EXPECT_TRUE(gone.ready());
    {
      gone.clear();
      bool first = true;
      ClientRequest wanted = post(echo.url);
      wanted.upload = [&, is_gone = Gone(gone)](std::string& piece) {
        if (!std::exchange(first, false)) never.wait();
        piece = "x";
        return true;
      };
      ClientStream dropped = client.open(std::move(wanted));
      EXPECT_EQ(dropped.read(1), "x");
      EXPECT_FALSE(gone.ready());
    }
    EXPECT_TRUE(gone.ready());
    // Of what is begun either side may be killed; the other one gets no further.
    ClientStream begun = client.begin(post(echo.url));
    auto reader = verdin::spawn([&] { begun.read(1); });
    verdin::sleep(5ms);
    EXPECT_THROW(begun.read(1), net::ConcurrentUse);
    reader.kill();
    EXPECT_FALSE(begun.write("x"));
    EXPECT_THROW(begun.read(1), ClientError);
    begun = client.begin(post(echo.url));
    auto writer = verdin::spawn([&] {
      while (begun.write(std::string(1'000'000, 'x'))) {
      }
    });
    begun.wait_head();
    verdin::yield();
    EXPECT_THROW(while (begun.write("x")){}, net::ConcurrentUse);
    writer.kill();
    EXPECT_THROW(begun.read_all(2 * kLarge), ClientError);
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClientDuplex, WhoWaitsForTheLastOfAnUploadMayMeetOthers) {
  verdin::run([] {
    RawHttpServer server([](net::StreamSocket& peer, RawHttpServer&) {
      read_request_head(peer);
      peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
      peer.recv_all(1000);
    });
    for (const bool closes : {true, false}) {
      Client client(patient());
      verdin::Event last, asked;
      ClientRequest request = post(server.url());
      request.upload_size = 3;
      request.upload = [&](std::string& piece) {
        last.wait();  // the answer is there to its end by now
        piece = "abc";
        asked.set();
        return false;
      };
      ClientStream stream = client.open(std::move(request));
      auto other = verdin::spawn([&] {
        if (closes) {
          asked.wait();
          stream.close();
          return;
        }
        EXPECT_THROW(stream.read_all(10), net::ConcurrentUse);
        last.set();
      });
      EXPECT_EQ(stream.read(1), "x");
      if (closes) {
        last.set();
        EXPECT_THROW(stream.read_all(10), ClientError);
      } else {
        EXPECT_EQ(stream.read_all(10), "");
      }
      other.get();
      EXPECT_EQ(client.idle(), closes ? 0u : 1u);
    }
  });
}

TEST(HttpClientDuplex, WhoRefusesABodyAndWaitsForItIsToldThatNoMoreComes) {
  verdin::test::Certificates certificates;
  certificates.sign("site", "IP:127.0.0.1");
  verdin::run([&] {
    const auto context =
        net::TlsContext::server({.identities = {{.certificate_file = certificates.path("site.pem"),
                                                 .key_file = certificates.path("site.key")}}});
    // Its answer ends behind the body, as that of one who answers piece by piece does.
    const auto serve = [](net::StreamSocket& peer) {
      read_request_head(peer);
      peer.send_all("HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
      std::string octets(100'000, '\0');
      while (peer.recv(octets) > 0) {
      }
      peer.send_all("3\r\nyes\r\n0\r\n\r\n");
    };
    RawHttpServer plain([&](net::StreamSocket& peer, RawHttpServer&) { serve(peer); });
    net::StreamServer secure(
        net::Address::loopback_ipv4(0),
        net::over_tls(context, [&](net::TlsStream& peer, const net::Address&) { serve(peer); }));
    secure.start();
    ClientOptions options = patient();
    options.tls = net::TlsContext::client({.system_roots = false, .ca_file = certificates.path("ca.pem")});
    Client client(options);
    for (const std::string& url : {plain.url(), "https://127.0.0.1:" + std::to_string(secure.port()) + "/"}) {
      ClientRequest whole = post(url);
      whole.body.assign(kLarge, 'x');
      EXPECT_EQ(client.request(std::move(whole)).body(), "xyes") << url;
      ClientRequest made = post(url);
      made.upload = [](std::string& piece) {
        piece.assign(100'000, 'x');
        return true;
      };
      EXPECT_EQ(client.request(std::move(made)).body(), "xyes") << url;
      ClientStream begun = client.begin(post(url));
      while (begun.write(std::string(100'000, 'x'))) {
      }
      EXPECT_EQ(begun.read_all(100), "xyes") << url;
    }
    EXPECT_EQ(client.idle(), 0u);
    // One that does not end then either has had its time.
    verdin::Event done;
    RawHttpServer stuck([&](net::StreamSocket& peer, RawHttpServer&) {
      read_request_head(peer);
      peer.send_all("HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nx");
      done.wait();
    });
    ClientRequest whole = post(stuck.url());
    whole.body.assign(kLarge, 'x');
    EXPECT_THROW(client.request(std::move(whole)), net::TimedOut);
    done.set();
  });
}

TEST(HttpClientDuplex, SilenceIsThatOfAPeerWhoCouldDoSomething) {
  verdin::run([] {
    const Echo echo;
    ClientOptions options = patient();
    options.silence = 400ms;  // peer and client share a thread, which others may keep from running
    Client client(options);
    const auto pass = [](std::chrono::milliseconds time) {
      const auto began = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - began < time) verdin::sleep(5ms);
    };
    // The one who makes the body takes longer.
    ClientRequest slow = post(echo.url);
    slow.upload = [&, left = 2](std::string& piece) mutable {
      pass(700ms);
      piece = "x";
      return --left > 0;
    };
    EXPECT_EQ(client.request(std::move(slow)).body(), "xx");
    // The one who reads takes longer, and the peer can take nothing meanwhile.
    ClientRequest unread = post(echo.url);
    unread.body.assign(kLarge, 'x');
    ClientStream stream = client.open(std::move(unread));
    pass(1000ms);
    EXPECT_EQ(stream.read_all(kLarge).size(), kLarge);
    // The peer does nothing though all was sent, takes nothing of what is sent, or says nothing to what was.
    verdin::Event done;
    RawHttpServer silent([&](net::StreamSocket&, RawHttpServer&) { done.wait(); });
    for (const std::size_t size : {std::size_t{10}, kLarge}) {
      ClientRequest whole = post(silent.url());
      whole.body.assign(size, 'x');
      EXPECT_THROW(client.request(std::move(whole)), net::TimedOut);
      ClientRequest made = post(silent.url());
      made.upload = [&](std::string& piece) { return piece.assign(size, 'x'), false; };
      EXPECT_THROW(client.request(std::move(made)), net::TimedOut);
    }
    ClientStream begun = client.begin(post(silent.url()));
    EXPECT_THROW(while (begun.write(std::string(1'000'000, 'x'))){}, net::TimedOut);
    begun = client.begin(post(silent.url()));
    EXPECT_TRUE(begun.finish());
    EXPECT_THROW(begun.read(1), net::TimedOut);
    done.set();
  });
}

TEST(HttpClientDuplex, RefusalsOfWhatIsAnnouncedAreHeardBeforeItIsWritten) {
  verdin::run([] {
    std::string first = "HTTP/1.1 100 Continue\r\n\r\n";
    RawHttpServer server([&](net::StreamSocket& peer, RawHttpServer&) {
      read_request_head(peer);
      peer.send_all(first);
      if (first.find(" 100 ") == first.npos) return;
      std::string body;
      while (!body.ends_with("0\r\n\r\n")) body += peer.recv(100);
      peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    });
    ClientOptions options = patient();
    options.expect_from = 1;
    options.continue_wait = 60s;
    Client client(options);
    ClientStream wanted = client.begin(post(server.url()));
    EXPECT_TRUE(wanted.write("x"));
    EXPECT_TRUE(wanted.finish());
    EXPECT_EQ(wanted.read_all(10), "ok");
    first = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno";
    ClientStream refused = client.begin(post(server.url()));
    EXPECT_EQ(refused.status(), 403);
    EXPECT_FALSE(refused.write("x"));
    EXPECT_EQ(refused.read_all(10), "no");
  });
}

}  // namespace
}  // namespace client_duplex_tests
