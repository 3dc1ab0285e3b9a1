// Answers in pieces that are compressed: each piece can be read when it has come, and what must not be
// compressed is not.
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/http.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/memory_stream.hpp"

namespace coded_stream_tests {
namespace {

using namespace std::chrono_literals;
namespace http = verdin::http;
namespace http1 = http::http1;
using http::Request;
using http::Response;
using http1::ContentCoding;
using http1::ContentDecoder;

http::Options compressing(bool events = false) {
  http::Options options;
  options.compress_from = 100;
  options.compress_events = events;
  return options;
}

struct Site {
  explicit Site(const http::Options& options = compressing()) : app(options) {
    app.on_error([this](const Request*, std::exception_ptr) { ++errors; });
    app.listen({"127.0.0.1", 0}).start();
  }
  /// Octets as they come, in the coding that they come in.
  http::ClientStream ask(const std::string& path, const std::string& accept,
                         const std::string& method = "GET") {
    http::ClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(app.port()) + path;
    request.headers = {{"Accept-Encoding", accept}};
    return client.open(std::move(request));
  }
  std::string coding(const std::string& path, const std::string& accept = "gzip") {
    const http::ClientStream answer = ask(path, accept);
    return std::string(answer.header("Content-Encoding").value_or("none"));
  }
  http::App app;
  http::Client client;
  int errors = 0;
};

/// What has come of an answer, decoded: `size` octets.
std::string read_decoded(http::ClientStream& answer, ContentDecoder& decoder, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    const std::string octets = answer.read(1000);
    if (octets.empty()) return text + " and the end";
    std::string_view data = octets;
    EXPECT_NE(decoder.feed(data, text, 1'000'000), ContentDecoder::State::failed);
  }
  return text;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text + std::to_string(i);
  return all;
}

// The piece is cut where the encoder was, and what was sent can be decoded.
TEST(HttpCodedStream, MayBeEndedWhileAnotherGreenletWrites) {
  verdin::run([] {
    Site site;
    std::string noise(1'000'000, '\0');
    for (std::uint32_t i = 0, x = 1; i < noise.size(); ++i)
      noise[i] = static_cast<char>((x = x * 69069 + 1) >> 24);
    for (const std::string& piece : {std::string(3'000'000, 'x'), noise}) {
      const bool waits = piece == noise;  // for its peer; else it gives others their turn
      bool wrote = true, ended = false;
      site.app.any(waits ? "/noise" : "/text", [&](Request&, Response& r) {
        verdin::Greenlet writer = verdin::spawn([&] { wrote = r.write(piece); });
        verdin::yield();
        r.end();
        ended = true;
        writer.join();
      });
      const auto peer = std::make_shared<verdin::tests::MemoryPeer>();
      site.app.serve(verdin::tests::MemoryStream::make(peer));
      peer->window = waits ? 1000 : peer->window;
      peer->send("GET " + std::string(waits ? "/noise" : "/text") +
                 " HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
      peer->settle();
      EXPECT_TRUE(ended);
      peer->open_window(10'000'000);
      EXPECT_FALSE(wrote);
      EXPECT_FALSE(peer->gone());
      EXPECT_EQ(site.errors, 0);
      std::string_view octets = peer->received;
      octets.remove_prefix(octets.find("\r\n\r\n") + 4);
      http1::BodyDecoder chunks(http1::BodyKind::chunked, 0);
      ContentDecoder decoder(ContentCoding::gzip);
      std::string text;
      while (!octets.empty()) {
        std::string_view data;
        ASSERT_NE(chunks.feed(octets, data, {}), http1::ParseState::failed);
        ASSERT_NE(decoder.feed(data, text, 10'000'000), ContentDecoder::State::failed);
      }
      EXPECT_TRUE(chunks.done());
      EXPECT_TRUE(decoder.complete());
      EXPECT_TRUE(text == piece.substr(0, text.size()));
    }
  });
}

TEST(HttpCodedStream, EachPieceCanBeReadWhenItHasCome) {
  verdin::run([] {
    Site site(compressing(true));
    verdin::Event next;
    const std::string large = repeated("some words ", 20'000);  // more than is coded at once
    site.app.get("/pieces", [&](Request&, Response& r) {
      for (const std::string& piece : {std::string("one"), std::string("two"), large}) {
        EXPECT_TRUE(r.write(piece));
        EXPECT_TRUE(r.write(""));
        next.wait();
        next.clear();
      }
    });
    site.app.get("/events", [&](Request& q, Response& r) {
      http::EventStream events(q, r);
      for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(events.send({.data = "news"}));
        next.wait();
        next.clear();
      }
    });
    for (const ContentCoding coding : {ContentCoding::gzip, ContentCoding::deflate}) {
      http::ClientStream answer = site.ask("/pieces", std::string(to_string(coding)));
      EXPECT_EQ(answer.header("Content-Encoding"), to_string(coding));
      EXPECT_EQ(answer.header("Vary"), "Accept-Encoding");
      EXPECT_EQ(answer.header("Transfer-Encoding"), "chunked");
      ContentDecoder decoder(coding);
      EXPECT_EQ(read_decoded(answer, decoder, 3), "one");
      next.set();
      EXPECT_EQ(read_decoded(answer, decoder, 3), "two");
      next.set();
      EXPECT_TRUE(read_decoded(answer, decoder, large.size()) == large);
      EXPECT_EQ(decoder.complete(), false);
      next.set();
      const std::string last = answer.read_all(1000);
      std::string_view data = last;
      std::string text;
      decoder.feed(data, text, 1000);
      EXPECT_EQ(text, "");
      EXPECT_TRUE(decoder.complete());

      http::ClientStream events = site.ask("/events", std::string(to_string(coding)));
      EXPECT_EQ(events.header("Content-Encoding"), to_string(coding));
      ContentDecoder of_events(coding);
      for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(read_decoded(events, of_events, 12), "data: news\n\n");
        next.set();
      }
    }
    // As our own client asks, and undoes it.
    http::ClientRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(site.app.port()) + "/pieces";
    http::ClientStream answer = site.client.open(std::move(request));
    EXPECT_EQ(answer.header("Content-Encoding"), "gzip") << "of those that are liked alike";
    EXPECT_EQ(answer.read(100), "one");
    next.set();
    EXPECT_EQ(answer.read(100), "two");
    next.set();
    std::string text;
    while (text.size() < large.size()) text += answer.read(100'000);
    EXPECT_TRUE(text == large);
    next.set();
    EXPECT_EQ(answer.read(1), "");
    EXPECT_EQ(site.errors, 0);
  });
}

TEST(HttpCodedStream, OnlyWhatMayBe) {
  verdin::run([] {
    Site site;
    site.app.get("/of/*", [](Request& q, Response& r) { r.type(q.param("*")).write("x"); });
    const auto with = [&](const std::string& path, const std::string& name, const std::string& value,
                          int status = 200) {
      site.app.get(path, [=](Request&, Response& r) { r.status(status).header(name, value).write("x"); });
    };
    with("/plain", "X", "y");
    with("/kept", "Cache-Control", "max-age=5, No-Transform");
    with("/packed", "Content-Encoding", "x");
    with("/part", "Content-Range", "bytes 0-1/9", 206);
    with("/none", "X", "y", 204);
    with("/same", "X", "y", 304);
    site.app.get("/kept/whole", [](Request&, Response& r) {
      r.header("Cache-Control", "no-transform").send(std::string(1000, 'x'));
    });
    site.app.get("/events", [](Request& q, Response& r) { http::EventStream(q, r).send({.data = "x"}); });
    site.app.get("/tagged", [](Request&, Response& r) { r.header("ETag", "\"a\"").write("x"); });
    site.app.get("/empty", [](Request&, Response& r) { r.write(""); });
    EXPECT_EQ(site.coding("/plain"), "gzip");
    EXPECT_EQ(site.coding("/of/application/json"), "gzip");
    EXPECT_EQ(site.coding("/of/image/png"), "none");
    EXPECT_EQ(site.coding("/of/text/event-stream;%20charset=utf-8"), "none");
    EXPECT_EQ(site.coding("/kept"), "none");
    EXPECT_EQ(site.coding("/kept/whole"), "none");
    EXPECT_EQ(site.coding("/packed"), "x");
    EXPECT_EQ(site.coding("/part"), "none");
    EXPECT_EQ(site.coding("/none"), "none");
    EXPECT_EQ(site.coding("/same"), "none");
    EXPECT_EQ(site.coding("/events"), "none") << "unless they are asked for";
    EXPECT_EQ(site.coding("/plain", "gzip;q=0"), "none");
    EXPECT_EQ(site.coding("/plain", "identity, gzip;q=0.5"), "none");
    EXPECT_EQ(site.coding("/plain", "gzip, deflate, br"), "gzip");
    EXPECT_EQ(site.coding("/plain", "gzip;q=0.5, br"), "gzip");
    EXPECT_EQ(site.coding("/plain", "br"), "none") << "of pieces it would keep too much";
    EXPECT_EQ(site.coding("/plain", "deflate, br"), "deflate");
    EXPECT_EQ(site.ask("/tagged", "gzip").header("ETag"), "W/\"a\"");
    EXPECT_EQ(site.ask("/tagged", "identity").header("ETag"), "\"a\"");
    EXPECT_EQ(site.ask("/tagged", "identity").header("Vary"), "Accept-Encoding");
    EXPECT_EQ(site.ask("/events", "gzip").header("Vary"), std::nullopt);
    EXPECT_EQ(site.ask("/kept", "gzip").header("Vary"), std::nullopt);
    http::ClientStream head = site.ask("/plain", "gzip", "HEAD");
    EXPECT_EQ(head.header("Content-Encoding"), "gzip");
    EXPECT_EQ(head.read_all(100), "");
    // Nothing at all is something of this coding, too.
    http::ClientStream empty = site.ask("/empty", "gzip");
    const std::string octets = empty.read_all(100);
    EXPECT_EQ(octets.size(), 20u);
    ContentDecoder decoder(ContentCoding::gzip);
    std::string_view data = octets;
    std::string text;
    EXPECT_NE(decoder.feed(data, text, 100), ContentDecoder::State::failed);
    EXPECT_TRUE(decoder.complete());
    EXPECT_EQ(text, "");
    EXPECT_EQ(site.errors, 0);
    Site plain(http::Options{});
    plain.app.get("/", [](Request&, Response& r) { r.write("x"); });
    EXPECT_EQ(plain.coding("/"), "none");
  });
}

TEST(HttpCodedStream, WhatAMiddlewareSaysOfEveryAnswerCountsToo) {
  verdin::run([] {
    Site site;
    site.app.use([](Request& q, Response& r, const http::Next& next) {
      if (const auto name = q.query("name")) r.lasting_header(*name, *q.query("value"));
      next();
    });
    const std::string text(1000, 'x');
    site.app.get("/whole", [&](Request&, Response& r) { r.send(text); });
    site.app.get("/pieces", [&](Request&, Response& r) { r.write(text); });
    using Values = std::vector<std::string>;
    const auto ask = [&](const std::string& path, const std::string& name, const std::string& value,
                         const std::string& accept = "gzip") {
      return site.ask(path + "?name=" + name + "&value=" + value, accept);
    };
    const auto all = [](const http::ClientStream& answer, std::string_view name) {
      Values values;
      for (const http1::HeaderField field : answer.headers()) {
        if (http1::equals_ignoring_case(field.name, name)) values.emplace_back(field.value);
      }
      return values;
    };
    for (const std::string path : {"/whole", "/pieces"}) {
      EXPECT_EQ(all(ask(path, "ETag", "%22a%22"), "ETag"), Values{"W/\"a\""}) << path;
      EXPECT_EQ(all(ask(path, "ETag", "W/%22a%22"), "ETag"), Values{"W/\"a\""}) << path;
      EXPECT_EQ(all(ask(path, "ETag", "%22a%22", "identity"), "ETag"), Values{"\"a\""}) << path;
      const auto coding = [&](const std::string& name, const std::string& value) {
        const http::ClientStream answer = ask(path, name, value);
        return std::string(answer.header("Content-Encoding").value_or("none"));
      };
      EXPECT_EQ(coding("Cache-Control", "max-age=5,no-transform"), "none") << path;
      EXPECT_EQ(coding("Content-Type", "application/json"), "gzip") << path;
      EXPECT_EQ(coding("Content-Type", "image/png"), "none") << path;
      // Once is enough, whoever says it; and "*" is all.
      EXPECT_EQ(all(ask(path, "Vary", "accept-encoding"), "Vary"), Values{"accept-encoding"}) << path;
      EXPECT_EQ(all(ask(path, "Vary", "*"), "Vary"), Values{"*"}) << path;
      EXPECT_EQ(all(ask(path, "Vary", "Origin"), "Vary"), (Values{"Accept-Encoding", "Origin"})) << path;
    }
  });
}

TEST(HttpCodedStream, OfWhoThrowsItHasNoEnd) {
  verdin::run([] {
    Site site;
    verdin::Event seen;
    site.app.get("/", [&](Request&, Response& r) {
      r.write("some");
      seen.wait();
      throw 42;
    });
    http::ClientRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(site.app.port()) + "/";
    http::ClientStream answer = site.client.open(std::move(request));
    EXPECT_EQ(answer.read(100), "some");
    seen.set();
    EXPECT_THROW(answer.read_all(100), http::ClientError);
    EXPECT_EQ(site.errors, 1);
  });
}

TEST(HttpCodedStream, ErrorPagesToo) {
  verdin::run([] {
    Site site;
    site.app.error_page(404, [](Request&, Response& r) {
      r.write("there is ");
      r.write("no such page");
    });
    http::ClientRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(site.app.port()) + "/";
    const http::ClientResponse answer = site.client.request(std::move(request));
    EXPECT_EQ(answer.status(), 404);
    EXPECT_EQ(answer.header("Content-Encoding"), "gzip");
    EXPECT_EQ(answer.body(), "there is no such page");
    EXPECT_EQ(site.client.idle(), 1u);
  });
}

}  // namespace
}  // namespace coded_stream_tests
