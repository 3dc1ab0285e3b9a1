// The client against our own server, and against servers that do what they should not.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/net/error.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/raw_http_server.hpp"

// Named, because other tests of this layer mean a raw client by Client.
namespace client_tests {
namespace {

using namespace std::chrono_literals;
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
using Kind = ClientError::Kind;

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// An app on the hub that the client is on.
struct Site {
  Site() {
    app.listen({"127.0.0.1", 0});
    app.start();
  }
  std::string url(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(app.port()) + target;
  }
  App app;
};

ClientRequest wanted(std::string method, std::string url, std::string body = {}) {
  ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.body = std::move(body);
  return request;
}

/// The kind of ClientError that `call` ends with; none otherwise.
template <typename F>
std::optional<Kind> kind_of(F&& call) {
  try {
    call();
    return std::nullopt;
  } catch (const ClientError& error) {
    return error.kind;
  }
}

TEST(HttpClient, AsksAndIsAnswered) {
  verdin::run([] {
    Site site;
    site.app.any("/echo", [](Request& q, Response& r) {
      r.status(201).header("X-Method", q.method()).header("X-Agent", q.header("User-Agent").value_or(""));
      r.header("X-Type", q.header("Content-Type").value_or(""));
      r.send(std::string(q.query("a").value_or("")) + q.take_body());
    });
    Client client({.user_agent = "test"});
    ClientResponse answer = client.get(site.url("/echo?a=b%20c#d"));
    EXPECT_EQ(answer.status(), 201);
    EXPECT_TRUE(answer.ok());
    EXPECT_EQ(answer.reason(), "Created");
    EXPECT_EQ(answer.body(), "b c");
    EXPECT_EQ(answer.header("x-method"), "GET");
    EXPECT_EQ(answer.header("x-agent"), "test");
    EXPECT_EQ(answer.header("nothing"), std::nullopt);
    EXPECT_EQ(answer.url().text(), site.url("/echo?a=b%20c"));
    answer = client.post(site.url("/echo"), "hello", "text/plain");
    EXPECT_EQ(answer.body(), "hello");
    EXPECT_EQ(answer.header("x-type"), "text/plain");
    answer = client.request(wanted("HEAD", site.url("/echo?a=b")));
    EXPECT_EQ(answer.body(), "");
    EXPECT_EQ(answer.header("content-length"), "1");
    EXPECT_EQ(client.get(site.url("/nothing")).status(), 404);
    answer = client.post(site.url("/echo"), R"({"a":[1,2]})");
    EXPECT_EQ(verdin::json::to_text(answer.json().value()), R"({"a":[1,2]})");
    EXPECT_EQ(site.app.connections(), 1u) << "one connection served them all";
    EXPECT_EQ(client.idle(), 1u);
    client.close_idle();
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClient, WhatItSends) {
  verdin::run([] {
    RawHttpServer server({ok("1"), ok("2"), ok("3")});
    Client client;
    client.get(server.url("/a?b"));
    ClientRequest request = wanted("PUT", server.url(), "xy");
    request.headers = {{"Host", "other"}, {"X-Y", "z"}, {"Accept", "text/html"}, {"Accept-Encoding", "br"}};
    client.request(std::move(request));
    client.request(wanted("POST", server.url()));
    const std::string host = "Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
    ASSERT_EQ(server.requests.size(), 3u);
    EXPECT_EQ(server.requests[0],
              "GET /a?b HTTP/1.1\r\n" + host + "Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n");
    EXPECT_EQ(server.requests[1],
              "PUT / HTTP/1.1\r\nHost: other\r\nX-Y: z\r\nAccept: text/html\r\nAccept-Encoding: br\r\n"
              "Content-Length: 2\r\n\r\nxy");
    EXPECT_NE(server.requests[2].find("\r\nContent-Length: 0\r\n"), std::string::npos);
  });
}

TEST(HttpClient, WhatItRefusesToSend) {
  verdin::run([] {
    RawHttpServer server({ok("")});
    Client client;
    for (const std::string url : {"", "ftp://a/", "http://u:p@127.0.0.1/", "http://127.0.0.1/ a", "/a"})
      EXPECT_EQ(kind_of([&] { client.get(url); }), Kind::bad_request) << url;
    for (const std::string method : {"", "G T", "GET\r\n", "CONNECT"})
      EXPECT_EQ(kind_of([&] { client.request(wanted(method, server.url())); }), Kind::bad_request) << method;
    using Pair = std::pair<std::string, std::string>;
    for (const Pair& header :
         {Pair("X", "a\r\nY: z"), Pair("X\r\n", "a"), Pair("X", std::string("a\0b", 3)), Pair("X Y", "a"),
          Pair("content-length", "5"), Pair("Transfer-Encoding", "chunked"), Pair("Connection", "keep-alive"),
          Pair("Expect", "100-continue")}) {
      ClientRequest request = wanted("GET", server.url());
      request.headers = {header};
      EXPECT_EQ(kind_of([&] { client.request(std::move(request)); }), Kind::bad_request) << header.first;
    }
    EXPECT_EQ(server.connections, 0);
    EXPECT_THROW(Client({.user_agent = "a\r\nb"}), std::invalid_argument);
    EXPECT_THROW(Client({.proxy = "127.0.0.1:80"}), std::invalid_argument);
  });
}

TEST(HttpClient, AnswersThatAreNone) {
  verdin::run([] {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::pair<std::string, Kind> cases[] = {
        {"SSH-2.0-x\r\n", Kind::protocol},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Kind::protocol},
        {head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Kind::protocol},
        {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", Kind::protocol},
        {head + "Transfer-Encoding: chunked\r\n\r\nx\r\n", Kind::protocol},
        {head + "X: " + std::string(100'000, 'a'), Kind::protocol},
        {head + "X", Kind::truncated},
        {head + "Content-Length: 5\r\n\r\nhell", Kind::truncated},
        {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Kind::truncated},
        {head + "Content-Length: 2000\r\n\r\n" + std::string(2000, 'a'), Kind::too_large},
        {head + "\r\n" + std::string(2000, 'a'), Kind::too_large},
        {head + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", Kind::content},
        {head + "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08" + std::string(2, '\0'),
         Kind::content},
    };
    for (const auto& [octets, kind] : cases) {
      RawHttpServer server({octets});
      Client client({.body_limit = 1000});
      EXPECT_EQ(kind_of([&] { client.get(server.url()); }), kind) << octets.substr(0, 100);
      EXPECT_EQ(client.idle(), 0u);
    }
    std::string interim;
    for (int i = 0; i < 30; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    RawHttpServer server({interim + ok("")});
    EXPECT_EQ(kind_of([&] { Client().get(server.url()); }), Kind::protocol);
    RawHttpServer silent([](verdin::net::StreamSocket&, RawHttpServer&) {});
    EXPECT_THROW(Client().get(silent.url()), std::system_error);
    EXPECT_EQ(silent.connections, 1) << "only what was sent on a kept connection is sent again";
  });
}

TEST(HttpClient, BodiesOfEachKind) {
  verdin::run([] {
    const std::string text(50'000, 'x');
    const auto coded = [&](verdin::http::http1::ContentCoding coding, const std::string& name) {
      const std::string body = verdin::http::http1::encode_content(text, coding);
      return "HTTP/1.1 200 OK\r\nContent-Encoding: " + name +
             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    using verdin::http::http1::ContentCoding;
    const std::string answers[] = {
        ok(text),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc350;a=b\r\n" + text + "\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" + text,
        "HTTP/1.0 200 OK\r\n\r\n" + text,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\n" + ok(text),
        coded(ContentCoding::gzip, "gzip"),
        coded(ContentCoding::deflate, "Deflate"),
        coded(ContentCoding::brotli, "br"),
    };
    for (const std::string& octets : answers) {
      RawHttpServer server({octets});
      Client client;
      EXPECT_EQ(client.get(server.url()).body(), text) << octets.substr(0, 80);
      RawHttpServer dripping([&](verdin::net::StreamSocket& peer, RawHttpServer&) {
        RawHttpServer::read_request(peer);
        for (std::size_t at = 0; at < octets.size(); at += at < 200 ? 1 : 977) {
          peer.send_all(std::string_view(octets).substr(at, at < 200 ? 1 : 977));
          if (at % 5 == 0) verdin::yield();
        }
      });
      ClientStream stream = client.open(wanted("GET", dripping.url()));
      std::string got;
      for (std::string piece; !(piece = stream.read(333)).empty();) {
        EXPECT_LE(piece.size(), 333u);
        got += piece;
      }
      EXPECT_EQ(got, text);
      EXPECT_EQ(stream.read(1), "");
    }
    for (const ContentCoding coding : {ContentCoding::gzip, ContentCoding::brotli}) {
      const std::string bomb = verdin::http::http1::encode_content(std::string(30 << 20, 'x'), coding);
      RawHttpServer server(
          {"HTTP/1.1 200 OK\r\nContent-Encoding: " + std::string(to_string(coding)) + "\r\n\r\n" + bomb});
      EXPECT_EQ(kind_of([&] { Client({.body_limit = 1'000'000}).get(server.url()); }), Kind::too_large);
    }
    RawHttpServer plain({"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\nhi"});
    EXPECT_EQ(Client().get(plain.url()).body(), "hi");
  });
}

TEST(HttpClient, CodingsAreLeftAloneWhereThatIsWanted) {
  verdin::run([] {
    const std::string coded = verdin::http::http1::encode_content(std::string(5'000, 'x'),
                                                                  verdin::http::http1::ContentCoding::gzip);
    RawHttpServer server({"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                          std::to_string(coded.size()) + "\r\n\r\n" + coded});
    EXPECT_EQ(Client().get(server.url()).body(), std::string(5'000, 'x'));
    const ClientResponse answer = Client({.decompress = false}).get(server.url());
    EXPECT_EQ(answer.body(), coded);
    EXPECT_EQ(answer.header("Content-Encoding"), "gzip");
    ASSERT_EQ(server.requests.size(), 2u);
    EXPECT_NE(server.requests[0].find("Accept-Encoding: "), std::string::npos);
    EXPECT_EQ(server.requests[1].find("Accept-Encoding: "), std::string::npos);
  });
}

TEST(HttpClient, PartsOfWhatIsCodedComeAsTheyAre) {
  verdin::run([] {
    const std::string part =
        "HTTP/1.1 206 Partial\r\nContent-Encoding: gzip\r\nContent-Range: bytes 2-3/9\r\n"
        "Content-Length: 2\r\n\r\nhi";
    RawHttpServer server({part});
    ClientRequest request = wanted("GET", server.url());
    request.headers = {{"Range", "bytes=2-3"}};
    const ClientResponse answer = Client().request(std::move(request));
    EXPECT_EQ(answer.body(), "hi");
    EXPECT_EQ(answer.header("Content-Encoding"), "gzip");
    ASSERT_EQ(server.requests.size(), 1u);
    EXPECT_EQ(server.requests[0].find("Accept-Encoding"), std::string::npos);
    EXPECT_EQ(Client().get(server.url()).body(), "hi") << "one that was not asked for";
    // Who is sent the whole instead, in a coding that was not asked for, gets it as it came, too.
    RawHttpServer whole({"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"});
    ClientRequest again = wanted("GET", whole.url());
    again.headers = {{"Range", "bytes=2-3"}};
    EXPECT_EQ(Client().request(std::move(again)).body(), "hi");
  });
}

TEST(HttpClient, CodedOctetsThatStandForNothingHaveAnEnd) {
  verdin::run([] {
    const auto body_or_error = [](const std::string& coding, const std::string& body) {
      RawHttpServer server({"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding +
                            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body});
      std::string got;
      const auto kind = kind_of([&] { got = Client().get(server.url()).body(); });
      return kind == Kind::content ? "content" : kind ? "another" : got;
    };
    // Empty stored blocks of deflate, and then the text in one.
    const auto empty_blocks = [](std::size_t count) {
      std::string gzip("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
      for (std::size_t i = 0; i < count; ++i) gzip.append("\0\0\0\xff\xff", 5);
      gzip.append(
          "\x01\x02\0\xfd\xff"
          "hi",
          7);
      return gzip + std::string("\xac\x2a\x93\xd8\x02\0\0\0", 8);
    };
    EXPECT_EQ(body_or_error("gzip", empty_blocks(0)), "hi");
    EXPECT_EQ(body_or_error("gzip", empty_blocks(200'000)), "hi") << "below 1 MiB";
    EXPECT_EQ(body_or_error("gzip", empty_blocks(220'000)), "content");
    // Empty metadata of brotli, and then an end.
    const auto metadata = [](std::size_t count) { return "\x0c" + std::string(count, '\x06') + "\x03"; };
    EXPECT_EQ(body_or_error("br", metadata(1'000'000)), "");
    EXPECT_EQ(body_or_error("br", metadata(1'100'000)), "content");
  });
}

TEST(HttpClient, APeerThatAlwaysHasSomethingReadyMeetsTheLimit) {
  verdin::run([] {
    std::string chunks;
    for (int i = 0; i < 10'000; ++i) chunks += "1\r\nx\r\n";
    verdin::Event all_sent;
    RawHttpServer server([&](verdin::net::StreamSocket& peer, RawHttpServer&) {
      RawHttpServer::read_request(peer);
      peer.send_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n");
      all_sent.set();
    });
    Client client;
    const auto open = [&](std::chrono::milliseconds limit) {
      all_sent.clear();
      ClientRequest request = wanted("GET", server.url());
      request.total = limit;
      ClientStream stream = client.open(std::move(request));
      all_sent.wait();  // nobody has to wait for anything from here on
      return stream;
    };
    EXPECT_EQ(open(60s).read_all(100'000), std::string(10'000, 'x'));
    const auto began = std::chrono::steady_clock::now();
    ClientStream stream = open(500ms);
    EXPECT_EQ(stream.read(1), "x");
    while (std::chrono::steady_clock::now() - began < 500ms) verdin::sleep(5ms);
    EXPECT_THROW(stream.read_all(100'000), verdin::net::TimedOut);
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClient, Trailers) {
  verdin::run([] {
    Site site;
    site.app.post("/",
                  [](Request& q, Response& r) {
                    while (!q.read(1000).empty()) {
                    }
                    r.write(std::string(q.trailers().find("X-Sum").value_or("none")));
                    r.trailer("X-Back", "5");
                  },
                  {.stream_body = true});
    Client client;
    const auto ask = [&](bool wants, auto trailers, const std::string& connection = {}) {
      ClientRequest request = wanted("POST", site.url("/"));
      request.upload = [](std::string& piece) {
        piece = "hello";
        return false;
      };
      request.trailers = trailers;
      request.ask_trailers = wants;
      request.headers = {{"Trailer", "X-Sum"}};
      if (!connection.empty()) request.headers.emplace_back("Connection", connection);
      return client.request(std::move(request));
    };
    using List = std::vector<std::pair<std::string, std::string>>;
    const auto sum = [] { return List{{"X-Sum", "5"}}; };
    ClientResponse answer = ask(true, sum);
    EXPECT_EQ(answer.body(), "5");
    EXPECT_EQ(answer.trailers().find("x-back"), "5");
    EXPECT_EQ(answer.header("X-Back"), std::nullopt);
    EXPECT_EQ(client.idle(), 1u);
    answer = ask(false, sum);
    EXPECT_EQ(answer.body(), "5");
    EXPECT_TRUE(answer.trailers().empty()) << "nobody asked";
    answer = ask(true, sum, "close");
    EXPECT_EQ(answer.trailers().find("x-back"), "5");
    EXPECT_EQ(client.idle(), 0u);
    for (const List& bad : {List{{"Content-Length", "5"}}, List{{"X", "a\r\nY: z"}}, List{{"X Y", "z"}}})
      EXPECT_EQ(kind_of([&] { ask(true, [&] { return bad; }); }), Kind::bad_request);
    ClientRequest sized = wanted("POST", site.url("/"), "x");
    sized.trailers = sum;
    EXPECT_EQ(kind_of([&] { client.request(std::move(sized)); }), Kind::bad_request);
    RawHttpServer server(
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: 1\r\nContent-Length: "
         "9\r\n\r\n"});
    ClientStream stream = client.open(wanted("GET", server.url()));
    EXPECT_EQ(stream.read_all(10), "x");
    EXPECT_EQ(stream.trailers().text(), "A: 1\r\n");
    RawHttpServer large({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " +
                         std::string(9000, 'x') + "\r\n\r\n"});
    EXPECT_EQ(kind_of([&] { client.get(large.url()); }), Kind::protocol);
  });
}

TEST(HttpClient, LargeBodiesAreAnnounced) {
  verdin::run([] {
    using Steps = std::vector<std::string>;
    Steps steps;  // what the server saw and said
    std::size_t kept = 0;
    const auto read_some = [](verdin::net::StreamSocket& peer, std::string& text, std::size_t size) {
      char piece[100];
      while (text.size() < size) {
        const std::size_t some = peer.recv(std::span(piece), 10s);
        if (some == 0) return;
        text.append(piece, some);
      }
    };
    /// Says `first` behind the head, reads what of a body of 10 octets comes, and says `then`.
    const auto serve = [&](const std::string& first, const std::string& then) {
      return [&, first, then](verdin::net::StreamSocket& peer, RawHttpServer&) {
        std::string text;
        while (text.find("\r\n\r\n") == text.npos) {
          const std::size_t before = text.size();
          read_some(peer, text, before + 1);
          if (text.size() == before) return;
        }
        const bool expects = text.find("\r\nExpect: 100-continue\r\n") != text.npos;
        std::string body = text.substr(text.find("\r\n\r\n") + 4);
        EXPECT_TRUE(!expects || body.empty()) << "before it is wanted";
        steps.push_back(expects ? "expects" : "sends");
        if (expects && !first.empty()) peer.send_all(first);
        read_some(peer, body, 10);
        steps.push_back(body);
        if (!body.empty()) peer.send_all(then);
      };
    };
    const auto ask = [&](const std::string& first, const std::string& then, ClientOptions options,
                         bool upload) {
      steps.clear();
      RawHttpServer server(serve(first, then));
      Client client(std::move(options));
      ClientRequest request = wanted("POST", server.url());
      if (upload) {
        request.upload = [](std::string& piece) {
          piece = "0123456789";
          return false;
        };
        request.upload_size = 10;
      } else {
        request.body = "0123456789";
      }
      const int status = client.request(std::move(request)).status();
      kept = client.idle();
      return std::to_string(status);
    };
    const std::string go = "HTTP/1.1 100 Continue\r\n\r\n", body = "0123456789";
    const std::string refused = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
    const std::string unknown = "HTTP/1.1 417 What\r\nContent-Length: 0\r\n\r\n";
    for (const bool upload : {false, true}) {
      const auto options = [](std::chrono::milliseconds wait) {
        ClientOptions made;
        made.expect_from = 10;
        made.continue_wait = wait;
        return made;
      };
      EXPECT_EQ(ask(go, ok(""), options(60s), upload), "200");
      EXPECT_EQ(steps, (Steps{"expects", body}));
      EXPECT_EQ(ask("HTTP/1.1 103 Hints\r\n\r\n" + go, ok(""), options(60s), upload), "200");
      EXPECT_EQ(steps, (Steps{"expects", body}));
      EXPECT_EQ(ask("", ok(""), options(20ms), upload), "200") << "sent anyhow";
      EXPECT_EQ(steps, (Steps{"expects", body}));
      EXPECT_EQ(ask("", go + ok(""), options(20ms), upload), "200") << "what comes late is no answer";
      EXPECT_EQ(ask(refused, ok(""), options(60s), upload), "403");
      EXPECT_EQ(kept, 0u) << "a body is still owed there";
      EXPECT_EQ(ask(unknown, ok(""), options(60s), upload), "200") << "once more without";
      EXPECT_NE(std::find(steps.begin(), steps.end(), "sends"), steps.end());
      EXPECT_EQ(std::count(steps.begin(), steps.end(), body), 1);
      EXPECT_EQ(ask("", unknown, options(20ms), upload), "417")
          << "or the body is gone, or it is refused twice";
      ClientOptions more = options(60s);
      more.expect_from = 11;
      EXPECT_EQ(ask(go, ok(""), more, upload), "200");
      EXPECT_EQ(steps, (Steps{"sends", body}));
    }
    Site site;
    site.app.post("/", [](Request& q, Response& r) { r.send(std::to_string(q.body().size())); });
    ClientOptions options;
    options.expect_from = 1000;
    options.continue_wait = 60s;
    Client client(options);
    EXPECT_EQ(client.post(site.url("/"), std::string(500'000, 'x')).body(), "500000");
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_EQ(client.post(site.url("/nothing"), std::string(2'000, 'x')).status(), 404);
    EXPECT_EQ(client.post(site.url("/"), std::string(2'000'000, 'x')).status(), 413);
    EXPECT_EQ(client.idle(), 0u) << "what was announced has not come";
  });
}

TEST(HttpClient, AStreamHoldsItsPeerBack) {
  verdin::run([] {
    std::size_t sent = 0;
    RawHttpServer server([&](verdin::net::StreamSocket& peer, RawHttpServer&) {
      RawHttpServer::read_request(peer);
      peer.send_all("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
      const std::string piece(100'000, 'x');
      std::error_code error;
      while (!error) sent += peer.send_all(piece, error);
    });
    Client client;
    {
      ClientStream stream = client.open(wanted("GET", server.url()));
      EXPECT_EQ(stream.read(10).size(), 10u);
      std::size_t before = 0;
      do {  // until nothing goes any more
        before = sent;
        verdin::sleep(20ms);
      } while (sent != before);
      EXPECT_LT(sent, 30'000'000u);
    }
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClient, Uploads) {
  verdin::run([] {
    Site site;
    site.app.post("/", [](Request& q, Response& r) {
      r.header("X-Length", q.header("Content-Length").value_or("none")).send(q.body());
    });
    Client client;
    const auto upload = [&](std::optional<std::uint64_t> size) {
      ClientRequest request = wanted("POST", site.url("/"));
      request.upload = [n = 0](std::string& piece) mutable {
        piece.assign(static_cast<std::size_t>(n % 3), static_cast<char>('a' + n));
        return ++n < 6;
      };
      request.upload_size = size;
      return client.request(std::move(request));
    };
    const ClientResponse chunked = upload(std::nullopt);
    EXPECT_EQ(chunked.body(), "bcceff");
    EXPECT_EQ(chunked.header("X-Length"), "none");
    const ClientResponse sized = upload(6);
    EXPECT_EQ(sized.body(), "bcceff");
    EXPECT_EQ(sized.header("X-Length"), "6");
    EXPECT_EQ(client.idle(), 1u);
    EXPECT_EQ(kind_of([&] { upload(5); }), Kind::bad_request);
    EXPECT_EQ(kind_of([&] { upload(7); }), Kind::bad_request);
    // What the application throws comes out, and the connection does not live on half used.
    ClientRequest request = wanted("POST", site.url("/"));
    request.upload = [](std::string&) -> bool { throw 42; };
    EXPECT_THROW(client.request(std::move(request)), int);
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClient, AnAnswerBeforeTheUploadIsThrough) {
  verdin::run([] {
    verdin::http::Options options;
    options.body_limit = 1000;
    App app(options);
    app.post("/", [](Request&, Response& r) { r.send("ok"); });
    app.listen({"127.0.0.1", 0}).start();
    Client client;
    const ClientResponse answer =
        client.post("http://127.0.0.1:" + std::to_string(app.port()) + "/", std::string(2000, 'x'));
    EXPECT_EQ(answer.status(), 413);
    EXPECT_EQ(client.idle(), 0u);
  });
}

TEST(HttpClient, WhoIsRefusedStopsSendingAndWhoIsAnsweredGoesOn) {
  verdin::run([] {
    constexpr std::size_t kLarge = 50'000'000;
    ClientOptions options;
    options.total = options.silence = 60s;
    const auto ask = [&](const std::string& url, bool upload) {
      Client client(options);
      ClientRequest request = wanted("POST", url);
      if (!upload) request.body.assign(kLarge, 'x');
      if (upload) {
        request.upload = [left = kLarge / 1000](std::string& piece) mutable {
          piece.assign(1000, 'x');
          return --left > 0;
        };
      }
      const ClientResponse answer = client.request(std::move(request));
      EXPECT_EQ(client.idle(), 0u);
      return std::to_string(answer.status()) + " " + answer.body();
    };
    for (const bool upload : {false, true}) {
      // It reads no body, and does not close either: without an ear for it nobody would know before the
      // limit.
      verdin::Event done;
      RawHttpServer refuses([&](verdin::net::StreamSocket& peer, RawHttpServer&) {
        char octet;
        std::string head;
        while (!head.ends_with("\r\n\r\n") && peer.recv(std::span(&octet, 1)) == 1) head += octet;
        peer.send_all("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 413 Too");
        verdin::yield();
        peer.send_all(" Large\r\nContent-Length: 2\r\n\r\nno");
        done.wait();
      });
      EXPECT_EQ(ask(refuses.url(), upload), "413 no");
      done.set();
      App app;
      app.post("/",
               [&](Request& q, Response& r) {
                 std::size_t size = 0;
                 r.write("early ");
                 for (std::string piece; !(piece = q.read(100'000)).empty(); size += piece.size()) {
                 }
                 r.write(std::to_string(size));
               },
               {.stream_body = true, .body_limit = kLarge});
      app.listen({"127.0.0.1", 0}).start();
      EXPECT_EQ(ask("http://127.0.0.1:" + std::to_string(app.port()) + "/", upload), "200 early 50000000");
    }
  });
}

TEST(HttpClient, AnUploadMadeSlowlyMeetsTheLimitAndHearsThatItIsRefused) {
  verdin::run([] {
    constexpr int kMost = 2000;
    for (const std::string made : {"", "drip"}) {
      Client client;
      verdin::Event done, answered;
      RawHttpServer silent([&](verdin::net::StreamSocket&, RawHttpServer&) { done.wait(); });
      ClientRequest late = wanted("POST", silent.url());
      late.total = 300ms;
      int pieces = 0;
      std::optional<std::chrono::steady_clock::time_point> began;  // behind the limit's
      late.upload = [&](std::string& piece) {
        if (!began) began = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - *began < 300ms) verdin::sleep(5ms);
        piece = made;
        return ++pieces < kMost;
      };
      EXPECT_THROW(client.request(std::move(late)), verdin::net::TimedOut) << made;
      EXPECT_LE(pieces, 1) << made;

      RawHttpServer refuses([&](verdin::net::StreamSocket& peer, RawHttpServer&) {
        char octets[4096];
        peer.recv(std::span(octets));
        peer.send_all("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
        answered.set();
        done.wait();
      });
      ClientRequest refused = wanted("POST", refuses.url());
      pieces = 0;
      refused.upload = [&](std::string& piece) {
        answered.wait();
        verdin::sleep(5ms);
        piece = made;
        return ++pieces < kMost;
      };
      const ClientResponse answer = client.request(std::move(refused));
      EXPECT_EQ(answer.status(), 401) << made;
      EXPECT_EQ(answer.body(), "no");
      EXPECT_LT(pieces, kMost) << made;
      EXPECT_EQ(client.idle(), 0u) << "it has a body before it that will not come";
      done.set();
    }
  });
}

TEST(HttpClient, Redirects) {
  verdin::run([] {
    Site site;
    for (int status : {301, 302, 303, 307, 308}) {
      site.app.any("/" + std::to_string(status),
                   [status](Request&, Response& r) { r.redirect("end?x", status); });
    }
    site.app.any("/end", [](Request& q, Response& r) {
      r.header("X-Type", q.header("Content-Type").value_or("none"));
      r.send(std::string(q.method()) + " " + std::string(q.query_string()) + " " + q.take_body());
    });
    site.app.get("/loop", [](Request&, Response& r) { r.redirect("/loop"); });
    site.app.get("/bad", [](Request&, Response& r) { r.redirect("http://a b/"); });
    site.app.get("/none", [](Request&, Response& r) { r.status(302).send("here"); });
    site.app.get("/choice",
                 [](Request&, Response& r) { r.status(300).header("Location", "/end").send("c"); });
    Client client;
    const auto end_of = [&](const std::string& method, int status) {
      ClientRequest request =
          wanted(method, site.url("/" + std::to_string(status)), method == "GET" ? "" : "b");
      if (method != "GET") request.headers = {{"Content-Type", "text/x"}};
      const ClientResponse answer = client.request(std::move(request));
      EXPECT_EQ(answer.url().target, "/end?x");
      return answer.body() + (answer.header("X-Type") == "text/x" ? "+" : "");
    };
    for (int status : {301, 302, 303, 307, 308}) EXPECT_EQ(end_of("GET", status), "GET x ");
    EXPECT_EQ(end_of("POST", 301), "GET x ");
    EXPECT_EQ(end_of("POST", 302), "GET x ");
    EXPECT_EQ(end_of("POST", 303), "GET x ");
    EXPECT_EQ(end_of("PUT", 303), "GET x ");
    EXPECT_EQ(end_of("PUT", 301), "PUT x b+");
    EXPECT_EQ(end_of("POST", 307), "POST x b+");
    EXPECT_EQ(end_of("POST", 308), "POST x b+");
    EXPECT_EQ(kind_of([&] { client.get(site.url("/loop")); }), Kind::redirect);
    EXPECT_EQ(kind_of([&] { client.get(site.url("/bad")); }), Kind::redirect);
    EXPECT_EQ(client.get(site.url("/none")).body(), "here");
    EXPECT_EQ(client.get(site.url("/choice")).body(), "c");
    EXPECT_EQ(Client({.redirects = 0}).get(site.url("/302")).status(), 302);
    ClientRequest once = wanted("POST", site.url("/307"));
    once.upload = [](std::string& piece) { return piece = "b", false; };
    EXPECT_EQ(client.request(std::move(once)).status(), 307) << "what is made once cannot be sent again";
    EXPECT_EQ(site.app.connections(), 1u);
  });
}

TEST(HttpClient, SecretsStayWithTheirOrigin) {
  verdin::run([] {
    RawHttpServer other({ok("other")});
    RawHttpServer first({"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /again\r\n\r\n",
                         "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + other.url() + "\r\n\r\n"});
    Client client;
    ClientRequest request = wanted("GET", first.url());
    request.headers = {
        {"Authorization", "secret"}, {"cookie", "secret"}, {"X-Kept", "kept"}, {"Host", "secret"}};
    EXPECT_EQ(client.request(std::move(request)).body(), "other");
    ASSERT_EQ(first.requests.size(), 2u);
    EXPECT_NE(first.requests[1].find("Authorization: secret"), std::string::npos);
    ASSERT_EQ(other.requests.size(), 1u);
    EXPECT_EQ(other.requests[0].find("secret"), std::string::npos);
    EXPECT_NE(other.requests[0].find("X-Kept: kept"), std::string::npos);
  });
}

TEST(HttpClient, KeepsCookiesWhereItIsAsked) {
  verdin::run([] {
    Site site;
    site.app.get("/set",
                 [](Request&, Response& r) { r.cookie("a", "1").cookie("b", "2").redirect("/seen"); });
    site.app.get("/seen", [](Request& q, Response& r) { r.send(q.header("Cookie").value_or("none")); });
    Client client({.cookies = true});
    EXPECT_EQ(client.get(site.url("/set")).body(), "a=1; b=2");
    ClientRequest request = wanted("GET", site.url("/seen"));
    request.headers = {{"Cookie", "own=3"}};
    EXPECT_EQ(client.request(std::move(request)).body(), "own=3; a=1; b=2");
    EXPECT_EQ(client.cookies().size(), 2u);
    EXPECT_EQ(Client().get(site.url("/set")).body(), "none");
  });
}

}  // namespace
}  // namespace client_tests
