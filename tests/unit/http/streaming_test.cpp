// Answers and bodies in pieces: in their order, with back-pressure both ways, to the end or not at all.
#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <verdin/http/http.hpp>
#include <verdin/net/error.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>

#include "support/memory_stream.hpp"

namespace streaming_tests {
namespace {

using namespace std::chrono_literals;
namespace http = verdin::http;
using http::App;
using http::Options;
using http::Request;
using http::Response;
using verdin::tests::MemoryPeer;
using verdin::tests::MemoryStream;

struct Site {
  explicit Site(const Options& options = {}) : app(options) {
    app.on_error([this](const Request*, std::exception_ptr) { ++errors; });
  }
  std::shared_ptr<MemoryPeer> connect() {
    auto peer = std::make_shared<MemoryPeer>();
    app.serve(MemoryStream::make(peer));
    return peer;
  }
  App app;
  int errors = 0;
};

/// What is queued leaves, until `holds`.
template <typename F>
bool soon(const std::shared_ptr<MemoryPeer>& peer, F&& holds) {
  return verdin::tests::eventually([&] {
    peer->settle();
    return holds();
  });
}

std::string get(const std::string& path, const std::string& version = "1.1") {
  return "GET " + path + " HTTP/" + version + "\r\nHost: x\r\n\r\n";
}
std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
std::string behind_head(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == answer.npos ? "no head" : answer.substr(end + 4);
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }
int status_of_answer(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

TEST(HttpStreaming, PiecesAreChunks) {
  verdin::run([] {
    Site site;
    site.app.get("/", [](Request&, Response& r) {
      r.status(201).header("X-Y", "z");
      EXPECT_TRUE(r.write("one"));
      EXPECT_THROW(r.status(200), std::logic_error);
      EXPECT_THROW(r.send("x"), std::logic_error);
      EXPECT_TRUE(r.write(""));
      EXPECT_TRUE(r.write(std::string(20, 'x')));
    });
    site.app.get("/none", [](Request&, Response& r) { r.end(); });
    site.app.get("/later", [](Request&, Response& r) {
      r.write("a");
      verdin::sleep(5ms);
      r.write("b");
      r.end();
      EXPECT_FALSE(r.write("c"));
    });
    const auto peer = site.connect();
    peer->send(get("/") + get("/later") + get("/none"));
    ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "Content-Length: 0"); }));
    const std::string answer = peer->received;
    EXPECT_EQ(status_of_answer(answer), 201);
    EXPECT_TRUE(has(answer, "X-Y: z\r\n"));
    EXPECT_TRUE(has(answer, "Transfer-Encoding: chunked\r\n"));
    EXPECT_TRUE(has(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
    EXPECT_EQ(behind_head(answer).substr(0, 8 + 26 + 5),
              "3\r\none\r\n14\r\n" + std::string(20, 'x') + "\r\n0\r\n\r\n");
    EXPECT_TRUE(has(answer, "\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(site.errors, 0);
    EXPECT_EQ(site.app.connections(), 1u);
  });
}

TEST(HttpStreaming, ALengthIsToldAndKept) {
  verdin::run([] {
    Options options;
    options.compress_from = 1;
    Site site(options);
    site.app.get("/", [](Request& q, Response& r) {
      const bool has_body = !q.is("HEAD");
      r.length(8);
      EXPECT_EQ(r.write("one"), has_body);
      EXPECT_THROW(r.length(9), std::logic_error);
      EXPECT_FALSE(r.trailer("X-Sum", "1"));
      EXPECT_EQ(r.write(""), has_body);
      if (q.query("catch")) {
        EXPECT_THROW(r.write("123456"), std::length_error);
      }
      EXPECT_EQ(r.write("three"), has_body);
    });
    site.app.get("/none", [](Request&, Response& r) { r.length(0); });
    site.app.get("/head", [](Request&, Response& r) { r.length(5'000'000'000); });
    site.app.get("/no-body", [](Request&, Response& r) {
      r.status(204).length(5);
      EXPECT_FALSE(r.write("12345"));
    });
    site.app.get("/late", [](Request&, Response& r) { r.length(3).write("1234"); });
    site.app.get("/whole", [](Request&, Response& r) { r.length(3).send("whole"); });
    const auto peer = site.connect();
    const auto ask = [&](const std::string& request, const std::string& end) {
      peer->received.clear();
      peer->send(request);
      EXPECT_TRUE(soon(peer, [&] { return has(peer->received, end); })) << peer->received;
      return peer->received;
    };
    const std::string with_trailers =
        "GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nAccept-Encoding: gzip\r\n\r\n";
    std::string answer = ask(with_trailers, "three");
    EXPECT_EQ(behind_head(answer), "onethree");
    EXPECT_TRUE(has(answer, "Content-Length: 8\r\n"));
    for (const char* none : {"Transfer-Encoding", "Content-Encoding", "Vary", "Connection"})
      EXPECT_FALSE(has(answer, none)) << none;
    EXPECT_EQ(behind_head(ask(get("/?catch=1"), "three")), "onethree");
    // HTTP/1.0 knows the end, and the connection can stay.
    answer = ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "three");
    EXPECT_TRUE(has(answer, "Content-Length: 8\r\n") && has(answer, "Connection: keep-alive\r\n")) << answer;
    EXPECT_TRUE(has(ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n"), "Content-Length: 8\r\n"));
    EXPECT_TRUE(
        has(ask("HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n"), "Content-Length: 5000000000\r\n"));
    EXPECT_TRUE(has(ask(get("/none"), "\r\n\r\n"), "Content-Length: 0\r\n"));
    EXPECT_FALSE(has(ask(get("/no-body"), "\r\n\r\n"), "Content-Length"));
    EXPECT_EQ(behind_head(ask(get("/whole"), "whole")), "whole");
    EXPECT_EQ(site.errors, 0);
    // Too much in the first piece: there may still be another answer.
    EXPECT_EQ(status_of_answer(ask(get("/late"), "\r\n\r\n")), 500);
    EXPECT_EQ(site.errors, 1);
    EXPECT_EQ(site.app.connections(), 1u);
  });
}

TEST(HttpStreaming, WhoKeepsNotToTheLengthIsCutAndReported) {
  verdin::run([] {
    Site site;
    int noted = 0;
    site.app.on_access([&](const http::Access& access) { noted += access.complete ? 0 : 1; });
    site.app.get("/less", [](Request&, Response& r) { r.length(8).write("1234567"); });
    site.app.get("/ends", [](Request&, Response& r) {
      r.length(8).write("1234567");
      EXPECT_THROW(r.end(), std::length_error);
    });
    site.app.get("/nothing", [](Request&, Response& r) { r.length(8); });
    site.app.get("/more", [](Request&, Response& r) {
      r.length(8).write("1234567");
      r.write("89");
    });
    int errors = 0;
    for (const char* path : {"/less", "/ends", "/more"}) {
      const auto peer = site.connect();
      peer->send(get(path) + get("/less"));
      EXPECT_TRUE(soon(peer, [&] { return site.app.connections() == 0; })) << path;
      EXPECT_EQ(site.errors, ++errors) << path;
      EXPECT_EQ(noted, errors) << path;
      EXPECT_LT(behind_head(peer->received + "\r\n\r\n").size(), 8u + 4) << path;
    }
    {  // Where nothing has left yet there can be another answer.
      const auto peer = site.connect();
      peer->send(get("/nothing"));
      EXPECT_TRUE(soon(peer, [&] { return status_of_answer(peer->received) == 500; })) << peer->received;
      EXPECT_FALSE(has(peer->received, "Content-Length: 8") || peer->gone()) << peer->received;
      EXPECT_EQ(site.errors, ++errors);
      peer->take();
      peer->send("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "Content-Length: 8\r\n"); }));
    }
    // A peer that leaves is no failure of the handler's.
    verdin::Event left;
    bool done = false;
    site.app.get("/slow", [&](Request&, Response& r) {
      r.length(8).write("1");
      left.wait();
      r.write("2");
      done = true;
    });
    const auto peer = site.connect();
    peer->send(get("/slow"));
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\n1"); }));
    peer->fail();
    left.set();
    EXPECT_TRUE(verdin::tests::eventually([&] { return done; }));
    EXPECT_EQ(site.errors, errors);
  });
}

TEST(HttpStreaming, NobodyWritesForEverWhereThereIsNoBody) {
  verdin::run([] {
    Site site;
    site.app.get("/for-ever", [](Request&, Response& r) {
      while (r.write("x")) {
      }
      EXPECT_FALSE(r.write("x"));
    });
    site.app.get("/", [](Request&, Response& r) { r.send("next"); });
    const auto peer = site.connect();
    peer->send("HEAD /for-ever HTTP/1.1\r\nHost: x\r\n\r\n" + get("/"));
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "next"); }));
    EXPECT_EQ(site.errors, 0);
  });
}

TEST(HttpStreaming, APeerThatHasLeftBeforeTheFirstPieceIsNoError) {
  verdin::run([] {
    Site site;
    bool wrote = true;
    bool done = false;
    verdin::Event left;
    site.app.get("/", [&](Request&, Response& r) {
      left.wait();
      wrote = r.write("a") || r.write("b");
      r.end();
      done = true;
    });
    const auto peer = site.connect();
    peer->send(get("/"));
    peer->fail();
    left.set();
    EXPECT_TRUE(verdin::tests::eventually([&] { return done; }));
    EXPECT_FALSE(wrote);
    EXPECT_EQ(site.errors, 0);
  });
}

TEST(HttpStreaming, APeerThatLeavesBehindASecondRequestIsMissed) {
  verdin::run([] {
    Site site;
    bool began = false;
    bool left = false;
    site.app.get("/", [&](Request&, Response& r) {
      began = true;
      left = r.peer_leaves(60s);
    });
    const auto peer = site.connect();
    peer->send(get("/") + "G");
    EXPECT_TRUE(soon(peer, [&] { return began; }));
    peer->left = true;  // on a connection that is not read
    EXPECT_TRUE(verdin::tests::eventually([&] { return left; }));
  });
}

TEST(HttpStreaming, ChunksOfOneOctetAreReadTogether) {
  verdin::run([] {
    Site site;
    int reads = 0;
    std::size_t octets = 0;
    http::RouteOptions options;
    options.stream_body = true;
    site.app.route(
        "POST", "/",
        [&](Request& q, Response& r) {
          for (std::string piece; !(piece = q.read(64 * 1024)).empty(); ++reads) octets += piece.size();
          r.send("read");
        },
        options);
    const auto peer = site.connect();
    std::string body;
    for (int i = 0; i < 5000; ++i) body += "1\r\nx\r\n";
    peer->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n");
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "read"); }));
    EXPECT_EQ(octets, 5000u);
    EXPECT_LE(reads, 10);
  });
}

TEST(HttpStreaming, OldClientsGetItUntilTheEnd) {
  verdin::run([] {
    Site site;
    site.app.get("/", [](Request&, Response& r) { r.write("one"), r.write("two"); });
    auto peer = site.connect();
    peer->send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ASSERT_TRUE(soon(peer, [&] { return peer->gone(); }));
    EXPECT_EQ(behind_head(peer->received), "onetwo");
    EXPECT_TRUE(has(peer->received, "Connection: close\r\n"));
    EXPECT_FALSE(has(peer->received, "chunked"));
    peer = site.connect();
    peer->send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + get("/"));
    ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "0\r\n\r\n"); }));
    EXPECT_EQ(behind_head(peer->received).substr(0, 15), "HTTP/1.1 200 OK");
  });
}

TEST(HttpStreaming, WhoThrowsCutsTheAnswer) {
  verdin::run([] {
    Site site;
    site.app.get("/", [](Request&, Response& r) {
      r.write("one");
      throw 42;
    });
    const auto peer = site.connect();
    peer->send(get("/"));
    ASSERT_TRUE(soon(peer, [&] { return peer->gone(); }));
    EXPECT_FALSE(has(peer->received, "0\r\n\r\n"));
    EXPECT_EQ(site.errors, 1);
    EXPECT_EQ(site.app.connections(), 0u);
  });
}

TEST(HttpStreaming, AnswersBeforeOneThatIsCutArrive) {
  verdin::run([] {
    Site site;
    site.app.get("/", [](Request&, Response& r) { r.send("whole"); });
    site.app.get("/throws", [](Request& q, Response& r) {
      if (q.query("length")) r.length(5);
      r.write("cut");
      throw 42;
    });
    for (const char* path : {"/throws", "/throws?length=1"}) {
      const auto peer = site.connect();
      peer->send(get("/") + get("/") + get(path) + get("/"));
      ASSERT_TRUE(soon(peer, [&] { return peer->gone(); })) << path;
      const std::size_t first = peer->received.find("whole");
      const std::size_t second = peer->received.find("whole", first + 1);
      EXPECT_NE(second, std::string::npos) << path;
      EXPECT_NE(peer->received.find("cut", second), std::string::npos) << path;
      EXPECT_EQ(peer->received.find("whole", second + 1), std::string::npos) << path;
      EXPECT_FALSE(has(peer->received, "0\r\n\r\n")) << path;
      EXPECT_EQ(site.app.connections(), 0u);
    }
  });
}

TEST(HttpStreaming, WhoClosesItsSideMeanwhileGetsTheRestAndTheEnd) {
  verdin::run([] {
    Site site;
    verdin::Event heard;
    site.app.get("/", [&](Request&, Response& r) {
      r.write("first,");
      heard.wait();
      r.write("last");
    });
    const auto peer = site.connect();
    peer->send(get("/"));
    ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "first,"); }));
    peer->send_eof();
    heard.set();
    ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "0\r\n\r\n"); }));
    EXPECT_TRUE(has(peer->received, "last\r\n"));
    peer->settle();
    EXPECT_TRUE(peer->finished) << "it asks nothing more";
    // What it asked before is answered.
    const auto asks_twice = site.connect();
    heard.clear();
    asks_twice->send(get("/") + get("/"));
    ASSERT_TRUE(soon(asks_twice, [&] { return has(asks_twice->received, "first,"); }));
    asks_twice->send_eof();
    heard.set();
    ASSERT_TRUE(soon(asks_twice, [&] { return asks_twice->finished; }));
    const std::string all = asks_twice->take();
    EXPECT_NE(all.find("0\r\n\r\n"), all.rfind("0\r\n\r\n"));
  });
}

TEST(HttpStreaming, ASlowPeerHoldsTheHandlerBack) {
  verdin::run([] {
    Site site;
    int written = 0;
    bool ended = false;
    site.app.get("/", [&](Request&, Response& r) {
      while (written < 100 && r.write(std::string(10'000, 'x'))) ++written;
      ended = true;
    });
    const auto peer = std::make_shared<MemoryPeer>();
    peer->window = 1000;
    site.app.serve(MemoryStream::make(peer));
    peer->send(get("/"));
    peer->settle();
    EXPECT_LT(written, 10);
    EXPECT_FALSE(ended);
    for (int i = 0; i < 2000 && !ended; ++i) peer->open_window(10'000);
    EXPECT_EQ(written, 100);
    peer->open_window(1'000'000);
    EXPECT_GT(peer->received.size(), 1'000'000u);
    EXPECT_TRUE(peer->received.ends_with("0\r\n\r\n"));
  });
}

TEST(HttpStreaming, APeerThatLeavesOrTakesNothingEndsIt) {
  verdin::run([] {
    Options options;
    options.write_timeout = 30ms;
    Site site(options);
    bool ended = false;
    site.app.get("/", [&](Request&, Response& r) {
      while (r.write(std::string(10'000, 'x'))) {
      }
      ended = true;
    });
    auto peer = std::make_shared<MemoryPeer>();
    peer->window = 1000;
    site.app.serve(MemoryStream::make(peer));
    peer->send(get("/"));
    EXPECT_TRUE(soon(peer, [&] { return ended; })) << "it takes nothing";
    EXPECT_EQ(site.app.connections(), 0u);
    bool left = false;
    site.app.get("/wait", [&](Request&, Response& r) {
      r.write("first");
      EXPECT_FALSE(r.peer_leaves(1ms));
      left = r.peer_leaves(60s);
      EXPECT_FALSE(r.write("more"));
    });
    peer = site.connect();
    peer->send(get("/wait"));
    verdin::sleep(5ms);
    peer->send_eof();
    EXPECT_TRUE(soon(peer, [&] { return left; }));
    EXPECT_EQ(site.app.connections(), 0u);
    EXPECT_EQ(site.errors, 0);
  });
}

// RFC 9112 section 6.3: whatever a handler does, a peer takes what stands behind the head for the next
// answer.
// The mark goes down as the kernel's room does, so that what is left for a peer who reads nothing is little.
TEST(HttpStreaming, LittleWaitsForAPeerWhoReadsNothing) {
  verdin::run([] {
    for (const std::size_t piece : {std::size_t{100}, std::size_t{1'000}, std::size_t{10'000}}) {
      Site site;
      site.app.get("/", [piece](Request&, Response& r) {
        while (r.write(std::string(piece, 'x'))) {
        }
      });
      const auto peer = site.connect();
      peer->window = 2'000'000;
      peer->send(get("/"));
      ASSERT_TRUE(soon(peer, [&] { return peer->window == 0; })) << piece;
      EXPECT_LE(peer->stream->unsent(), 8192 + 2 * piece) << piece;
      peer->window = 2'000'000;
      ASSERT_TRUE(soon(peer, [&] { return peer->window == 0; })) << piece;
      EXPECT_LE(peer->stream->unsent(), 8192 + 2 * piece) << piece;
      peer->fail();
    }
  });
}

TEST(HttpStreaming, MuchWaitsWhileTheKernelHasRoom) {
  verdin::run([] {
    Site site;
    std::size_t most = 0;
    std::shared_ptr<MemoryPeer> peer;
    site.app.get("/", [&](Request&, Response& r) {
      for (int i = 0; i < 1000 && r.write(std::string(1'000, 'x')); ++i)
        most = std::max(most, peer->stream->unsent());
    });
    peer = site.connect();
    peer->send(get("/"));
    ASSERT_TRUE(soon(peer, [&] { return peer->received.ends_with("\r\n0\r\n\r\n"); }));
    EXPECT_GT(most, Options().write_high_water - 2'000);
  });
}

// At the end of its memory for all sockets the kernel takes less than one's room says.
TEST(HttpStreaming, AKernelThatIsShortOfMemoryIsBelievedThat) {
  verdin::run([] {
    Site site;
    site.app.get("/", [](Request&, Response& r) {
      while (r.write(std::string(1'000, 'x'))) {
      }
    });
    std::vector<std::size_t> unsent;
    for (int i = 0; i < 2; ++i) {
      const auto peer = site.connect();
      peer->room = 1'000'000;
      peer->window = 1'000;
      peer->send(get("/"));
      ASSERT_TRUE(soon(peer, [&] { return peer->window == 0; }));
      unsent.push_back(peer->stream->unsent());
      peer->fail();
    }
    EXPECT_GT(unsent[0], 60'000u);
    EXPECT_LE(unsent[1], 8192 + 2'000u);
  });
}

TEST(HttpStreaming, AnswersThatHaveNoBodyNeverGetOne) {
  verdin::run([] {
    const std::string body(100'000, 'x');
    std::string file_name = "/tmp/verdin-no-body-XXXXXX";
    const int file = ::mkstemp(file_name.data());
    ASSERT_EQ(::write(file, body.data(), body.size()), static_cast<ssize_t>(body.size()));
    ::close(file);
    const std::pair<const char*, std::function<void(Request&, Response&)>> ways[] = {
        {"send", [](Request&, Response& r) { r.send("body"); }},
        {"large", [&](Request&, Response& r) { r.send(body); }},
        {"shared", [&](Request&, Response& r) { r.send(verdin::SharedBuffer::copy(body)); }},
        {"json", [](Request&, Response& r) { r.json("{}"); }},
        {"json_text", [](Request&, Response& r) { r.json_text("{}"); }},
        {"file", [&](Request&, Response& r) { EXPECT_TRUE(r.send_file(file_name)); }},
        {"pieces",
         [](Request&, Response& r) {
           EXPECT_FALSE(r.write("one"));
           EXPECT_FALSE(r.trailer("X-Y", "z"));
           EXPECT_FALSE(r.write("two"));
         }},
        {"ended", [](Request&, Response& r) { r.write("one"), r.end(), r.write("two"); }},
        {"events", [](Request& q, Response& r) { http::EventStream(q, r).send({.data = "x"}); }},
    };
    for (const bool compresses : {false, true}) {
      Options options;
      options.compress_from = compresses ? 1 : 0;
      options.compress_events = compresses;
      for (const int status : {204, 205, 304, 200}) {  // 200: HEAD
        Site site(options);
        for (const auto& [path, handler] : ways) {
          site.app.get(std::string("/") + path, [status, handler = handler](Request& q, Response& r) {
            r.status(status);
            handler(q, r);
          });
        }
        site.app.get("/next", [](Request&, Response& r) { r.send("next"); });
        for (const auto& [path, handler] : ways) {
          const auto peer = site.connect();
          peer->send((status == 200 ? "HEAD /" : "GET /") + std::string(path) +
                     " HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nAccept-Encoding: gzip\r\n\r\n" + get("/next"));
          ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\nnext"); })) << path << status;
          const std::string answer = peer->received;
          EXPECT_EQ(status_of_answer(answer), status) << path;
          EXPECT_EQ(behind_head(answer).substr(0, 17), "HTTP/1.1 200 OK\r\n") << path << ' ' << answer;
          if (status == 200) continue;
          const std::string head = answer.substr(0, answer.find("\r\n\r\n"));
          EXPECT_EQ(has(head + "\r\n", "Content-Length: 0\r\n"), status == 205) << head;
          EXPECT_FALSE(has(head, "Transfer-Encoding") || has(head, "Content-Encoding")) << head;
          EXPECT_TRUE(status == 205 || !has(head, "Content-Length")) << head;
        }
        EXPECT_EQ(site.errors, 0);
      }
    }
    for (const int status : {100, 101, 199, 99, 1000})
      EXPECT_THROW(Response(nullptr).status(status), std::invalid_argument) << status;
    ::unlink(file_name.c_str());
  });
}

TEST(HttpStreaming, ServerSentEvents) {
  verdin::run([] {
    Site site;
    bool over = false;
    site.app.get("/", [&](Request& q, Response& r) {
      http::EventStream events(q, r);
      EXPECT_EQ(events.last_id(), "41");
      EXPECT_TRUE(events.send({.data = "one\ntwo\r\nthree\r", .name = "news", .id = "42", .retry = 5s}));
      EXPECT_TRUE(events.comment());
      EXPECT_THROW(events.send({.data = "x", .name = "a\nb"}), std::invalid_argument);
      EXPECT_THROW(events.send({.data = "x", .id = std::string_view("a\0b", 3)}), std::invalid_argument);
      EXPECT_FALSE(events.pause(60s));
      EXPECT_FALSE(events.send({.data = "x"}));
      over = true;
    });
    const auto peer = site.connect();
    peer->send("GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 41\r\n\r\n");
    ASSERT_TRUE(soon(peer, [&] { return has(peer->received, ": \n\n"); }));
    EXPECT_TRUE(has(peer->received, "Content-Type: text/event-stream\r\n"));
    EXPECT_TRUE(has(peer->received, "Cache-Control: no-store\r\n"));
    EXPECT_TRUE(has(peer->received,
                    "retry: 5000\nevent: news\nid: 42\ndata: one\ndata: two\ndata: three\ndata: \n\n"));
    peer->send_eof();
    EXPECT_TRUE(soon(peer, [&] { return over; }));
  });
}

TEST(HttpStreaming, HooksOfAStopAreCalledWheneverTheyAreAdded) {
  verdin::run([] {
    Site site;
    std::vector<std::string> called;
    site.app.on_stop([&] {
      called.emplace_back("first");
      site.app.on_stop([&] { called.emplace_back("added by it"); });
    });
    site.app.on_stop([&] { called.emplace_back("second"); });
    site.app.stop();
    site.app.on_stop([&] { called.emplace_back("late"); });
    EXPECT_EQ(called, (std::vector<std::string>{"first", "added by it", "second", "late"}));
  });
}

TEST(HttpStreaming, AnswersWithoutAnEndEndWhenTheAppStops) {
  verdin::run([] {
    Options options;
    options.stop_grace = 1h;  // nothing waits for that
    Site site(options);
    verdin::Event news;
    int told = 0;
    std::vector<std::string> ended;
    site.app
        .on_stop([&] {
          EXPECT_TRUE(site.app.stopping());
          ++told;
          news.set();
        })
        .on_stop([] { throw std::runtime_error("reported, and no more"); });
    site.app.get("/waits", [&](Request& q, Response& r) {
      http::EventStream events(q, r);
      while (events.pause(60s)) {
      }
      EXPECT_FALSE(events.pause(60s));
      EXPECT_FALSE(events.send({.data = "bye"}));
      EXPECT_FALSE(events.comment());
      ended.push_back(q.path());
    });
    site.app.get("/hears", [&](Request& q, Response& r) {
      http::EventStream events(q, r);
      do {
        news.wait();
        news.clear();
      } while (events.send({.data = "bye"}));
      ended.push_back(q.path());
    });
    site.app.get("/pieces", [&](Request& q, Response& r) {
      r.write("piece");
      EXPECT_TRUE(r.peer_leaves(60s));
      EXPECT_TRUE(r.write("bye"));  // who has something left to say can
      ended.push_back(q.path());
    });
    site.app.get("/poll", [&](Request& q, Response& r) {
      const bool over = r.peer_leaves(60s);
      ended.push_back(q.path());
      r.send(over && site.app.stopping() ? "bye, none" : "?");
    });
    EXPECT_FALSE(site.app.stopping());
    std::vector<std::shared_ptr<MemoryPeer>> peers;
    for (const char* path : {"/waits", "/hears", "/pieces", "/poll"}) {
      peers.push_back(site.connect());
      peers.back()->send(get(path));
    }
    site.app.stop();
    site.app.stop();
    EXPECT_TRUE(verdin::tests::eventually([&] { return site.app.stopped(); }));
    EXPECT_EQ(ended.size(), peers.size());
    EXPECT_EQ(told, 1);
    EXPECT_EQ(site.errors, 1);
    for (const auto& peer : peers) {
      EXPECT_TRUE(peer->finished) << peer->received;
      EXPECT_TRUE(has(peer->received, "bye")) << peer->received;
      EXPECT_TRUE(peer->received.ends_with("\r\n0\r\n\r\n") || peer->received.ends_with("none"))
          << peer->received;
    }
  });
}

/// Reads what comes, `most` octets at a time.
http::Handler counting(std::size_t most) {
  return [most](Request& q, Response& r) {
    EXPECT_EQ(q.body(), "");
    std::string body;
    for (std::string piece; !(piece = q.read(most)).empty(); body += piece) EXPECT_LE(piece.size(), most);
    EXPECT_EQ(q.read(10), "");
    r.send(body);
  };
}

TEST(HttpStreaming, BodiesAreReadAsTheyCome) {
  verdin::run([] {
    Site site;
    site.app.post("/1", counting(1), {.stream_body = true});
    site.app.post("/100", counting(100), {.stream_body = true});
    site.app.post("/whole", [](Request& q, Response& r) {
      std::string pieces = q.read(3) + "|";
      pieces += q.read(100) + "|";
      pieces += q.read(1);
      r.send(pieces);
    });
    const std::string chunked =
        "POST /100 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n";
    const std::string all = post("/1", "hello") + post("/100", std::string(1000, 'y')) + chunked +
                            post("/1", "") + post("/whole", "abcde");
    for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100}, all.size()}) {
      const auto peer = site.connect();
      for (std::size_t at = 0; at < all.size(); at += piece) {
        while (peer->paused) verdin::yield();
        peer->send(all.substr(at, piece));
        verdin::yield();
      }
      ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "abc|de|"); })) << piece;
      EXPECT_TRUE(has(peer->received, "\r\n\r\nhelloHTTP/1.1 200"));
      EXPECT_TRUE(has(peer->received, std::string(1000, 'y') + "HTTP/1.1 200"));
      EXPECT_TRUE(has(peer->received, "\r\n\r\nhello!HTTP/1.1 200"));
      EXPECT_FALSE(peer->gone());
    }
    EXPECT_EQ(site.errors, 0);
  });
}

TEST(HttpStreaming, TrailersOfRequestsAreThereBehindTheirBody) {
  verdin::run([] {
    Site site;
    const auto tell = [](Request& q, Response& r) {
      std::string seen = std::string(q.trailers().find("x-sum").value_or("none")) + "|";
      while (!q.read(2).empty()) {
      }
      for (const http::http1::HeaderField& field : q.trailers())
        seen.append(field.name).append("=").append(field.value).append(";");
      r.send(seen + std::string(q.header("X-Sum").value_or("|none")));
    };
    site.app.post("/whole", tell);
    site.app.post("/pieces", tell, {.stream_body = true});
    const std::string body = "5\r\nhello\r\n0\r\nX-Sum: 5\r\nContent-Length: 7\r\nY: z\r\n\r\n";
    const auto chunked = [](const std::string& path, const std::string& text) {
      return "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + text;
    };
    for (const std::string path : {"/whole", "/pieces"}) {
      const auto peer = site.connect();
      const std::string all = chunked(path, body) + chunked(path, "0\r\n\r\n") + post(path, "x");
      for (std::size_t at = 0; at < all.size(); at += 10) {
        ASSERT_TRUE(soon(peer, [&] { return !peer->paused; }));
        peer->send(all.substr(at, 10));
        verdin::yield();
      }
      const std::string early = path == "/whole" ? "5" : "none";
      ASSERT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\nnone||noneHTTP/1.1 200"); }))
          << peer->received;
      EXPECT_TRUE(has(peer->received, "\r\n\r\n" + early + "|X-Sum=5;Y=z;|noneHTTP/1.1 200"))
          << peer->received;
      EXPECT_TRUE(soon(peer, [&] { return peer->received.ends_with("none||none"); }));
      const auto refused = site.connect();
      refused->send(chunked(path, "0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
      ASSERT_TRUE(soon(refused, [&] { return refused->gone(); }));
      EXPECT_EQ(status_of_answer(refused->received), 400);
      const auto large = site.connect();
      large->send(chunked(path, "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"));
      ASSERT_TRUE(soon(large, [&] { return large->gone(); }));
      EXPECT_EQ(status_of_answer(large->received), 431);
    }
  });
}

TEST(HttpStreaming, TrailersThatAreNotWholeAreNone) {
  verdin::run([] {
    Site site;
    std::string seen;
    site.app.post("/",
                  [&](Request& q, Response&) {
                    seen = q.read(10) + "|" + std::string(q.trailers().text()) + "|";
                    try {
                      q.read(10);
                    } catch (const http::BodyError&) {
                      seen += "cut|" + std::string(q.trailers().text());
                    }
                  },
                  {.stream_body = true});
    const auto peer = site.connect();
    peer->send(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-A: 1\r\nAuthorization: Bas");
    ASSERT_TRUE(soon(peer, [&] { return !seen.empty(); }));
    peer->send_eof();
    ASSERT_TRUE(soon(peer, [&] { return peer->gone(); }));
    EXPECT_EQ(seen, "abc||cut|");
  });
}

TEST(HttpStreaming, TrailersAreSentToWhoAsksForThem) {
  verdin::run([] {
    Site site;
    bool taken = false;
    site.app.any("/", [&](Request&, Response& r) {
      EXPECT_THROW(r.trailer("X-Sum", "1"), std::logic_error) << "nothing was sent that it could be behind";
      r.header("Trailer", "X-Sum").write("hello");
      EXPECT_THROW(r.trailer("Content-Length", "1"), std::invalid_argument);
      EXPECT_THROW(r.trailer("X", "a\r\nY: z"), std::invalid_argument);
      taken = r.trailer("X-Sum", "5");
      EXPECT_EQ(r.trailer("X-Other", "z"), taken);
      r.end();
      EXPECT_FALSE(r.trailer("X-Late", "1"));
    });
    const auto answer = [&](const std::string& line, const std::string& headers) {
      const auto peer = site.connect();
      peer->send(line + "\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n");
      EXPECT_TRUE(soon(peer, [&] { return peer->gone(); }));
      return behind_head(peer->received);
    };
    EXPECT_EQ(answer("GET / HTTP/1.1", "TE: trailers\r\n"),
              "5\r\nhello\r\n0\r\nX-Sum: 5\r\nX-Other: z\r\n\r\n");
    EXPECT_TRUE(taken);
    EXPECT_EQ(answer("GET / HTTP/1.1", "TE: deflate;q=0.5, Trailers\r\n"),
              "5\r\nhello\r\n0\r\nX-Sum: 5\r\nX-Other: z\r\n\r\n");
    for (const char* headers : {"", "TE: deflate\r\n", "TE: xtrailers\r\n"}) {
      EXPECT_EQ(answer("GET / HTTP/1.1", headers), "5\r\nhello\r\n0\r\n\r\n") << headers;
      EXPECT_FALSE(taken);
    }
    EXPECT_EQ(answer("GET / HTTP/1.0", "TE: trailers\r\n"), "hello");
    EXPECT_EQ(answer("HEAD / HTTP/1.1", "TE: trailers\r\n"), "");
    EXPECT_FALSE(taken);
    EXPECT_EQ(site.errors, 0);
  });
}

TEST(HttpStreaming, APeerThatSendsFasterThanIsReadWaits) {
  verdin::run([] {
    Site site;
    verdin::Event go;
    std::size_t size = 0;
    site.app.post("/",
                  [&](Request& q, Response& r) {
                    go.wait();
                    for (std::string piece; !(piece = q.read(100'000)).empty();) size += piece.size();
                    r.send("ok");
                  },
                  {.stream_body = true, .body_limit = 10'000'000});
    const auto peer = site.connect();
    peer->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    std::size_t sent = 0;
    const std::string piece(10'000, 'x');
    for (; sent < 1'000'000 && !peer->paused; sent += piece.size()) peer->send(piece);
    EXPECT_LE(sent, 100'000u);
    go.set();
    for (; sent < 1'000'000; sent += piece.size()) {
      ASSERT_TRUE(soon(peer, [&] { return !peer->paused; }));
      peer->send(piece);
    }
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\nok"); }));
    EXPECT_EQ(size, 1'000'000u);
  });
}

TEST(HttpStreaming, ContinueIsSentWhenTheHandlerReads) {
  verdin::run([] {
    Site site;
    verdin::Event go;
    site.app.post("/",
                  [&](Request& q, Response& r) {
                    go.wait();
                    r.send(q.read(100));
                  },
                  {.stream_body = true});
    site.app.post("/no", [](Request&, Response& r) { r.status(403).send("no"); }, {.stream_body = true});
    const std::string head = " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    auto peer = site.connect();
    peer->send("POST /" + head);
    peer->settle();
    EXPECT_EQ(peer->received, "");
    go.set();
    EXPECT_TRUE(soon(peer, [&] { return peer->received == "HTTP/1.1 100 Continue\r\n\r\n"; }));
    peer->send("hello");
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\nhello"); }));
    peer = site.connect();
    peer->send("POST /no" + head + get("/smuggled"));
    EXPECT_TRUE(soon(peer, [&] { return peer->gone(); }));
    EXPECT_EQ(status_of_answer(peer->received), 403);
    EXPECT_EQ(peer->received.rfind("HTTP/1.1"), 0u) << "one answer";
    peer = site.connect();
    peer->send("POST /" + head + "hello");
    EXPECT_TRUE(soon(peer, [&] { return has(peer->received, "\r\n\r\nhello"); }));
    EXPECT_FALSE(has(peer->received, "100"));
  });
}

TEST(HttpStreaming, BodiesThatAreNone) {
  verdin::run([] {
    Options options;
    options.body_timeout = 500ms;
    options.body_rate = 0;
    Site site(options);
    int thrown = 0;
    site.app.post("/",
                  [&](Request& q, Response& r) {
                    try {
                      while (!q.read(100).empty()) {
                      }
                    } catch (const http::BodyError& error) {
                      ++thrown;
                      EXPECT_THROW(q.read(1), http::BodyError);
                      throw;
                    }
                    r.send("ok");
                  },
                  {.stream_body = true, .body_limit = 10});
    const auto status = [&](const std::string& octets, bool eof = false) {
      const auto peer = site.connect();
      peer->send(octets);
      if (eof) peer->send_eof();
      EXPECT_TRUE(soon(peer, [&] { return peer->gone(); })) << octets;
      return status_of_answer(peer->received);
    };
    const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string sized = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
    EXPECT_EQ(status(chunked + "5\r\nhello\r\nx"), 400);
    EXPECT_EQ(status(chunked + "5\r\nhello\r\n6\r\nhello!\r\n"), 413);
    EXPECT_EQ(status(sized + "hell"), 408);
    EXPECT_EQ(status(sized + "hell", true), 400);
    EXPECT_EQ(thrown, 4);
    EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), 413);
    EXPECT_EQ(thrown, 4);
    EXPECT_EQ(site.errors, 0) << "a peer's mistake is no error of the application";
  });
}

TEST(HttpStreaming, BothWaysAtOnceAndCutAnywhere) {
  verdin::run([] {
    Site site;
    int running = 0;
    site.app.post("/",
                  [&](Request& q, Response& r) {
                    ++running;
                    struct Out {
                      int& count;
                      ~Out() { --count; }
                    } out{running};
                    for (std::string piece; !(piece = q.read(10)).empty();) r.write(piece);
                  },
                  {.stream_body = true});
    const std::string octets = post("/", "hello, hello, hello, hello");
    for (std::size_t end = 0; end <= octets.size(); ++end) {
      for (bool polite : {true, false}) {
        const auto peer = site.connect();
        peer->send(octets.substr(0, end), 9);
        verdin::yield();
        if (polite) {
          peer->send_eof();
        } else {
          peer->fail();
        }
        EXPECT_TRUE(soon(peer, [&] { return running == 0 && site.app.connections() == 0; })) << end;
      }
    }
    EXPECT_EQ(site.errors, 0);
  });
}

}  // namespace
}  // namespace streaming_tests
