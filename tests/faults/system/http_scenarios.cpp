// Servers and clients of HTTP and WebSocket on one hub, for the sweep of failing calls. Each asks twice: what
// has failed before the second time is over by then, so that one must have an answer, and the right one.
#include "system/http_scenarios.hpp"

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <verdin/http/http.hpp>
#include <verdin/net/file.hpp>
#include <verdin/net/filesystem.hpp>
#include <verdin/net/tls_context.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/websocket/connect.hpp>

#include "system/failing_calls.h"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

constexpr std::chrono::milliseconds kGrace = 1s;  // of what a fault has left behind: nothing

void expect(bool right, const char* what) {
  if (!right) throw std::logic_error(what);  // what no scenario may end with
}

/// The server or the client says that something has failed.
[[noreturn]] void fail(const std::string& how) {
  throw std::system_error(std::make_error_code(std::errc::protocol_error), how);
}

std::string text_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

/// An app that is asked twice, and stopped: of itself, whatever failed.
template <typename Serve, typename Ask>
void ask_twice(Serve serve, Ask ask, const net::TlsContext* tls = nullptr) {
  http::Options options;
  options.stop_grace = kGrace;
  options.compress_from = 1;
  http::App app(options);
  serve(app);
  if (tls) {
    app.listen({"127.0.0.1", 0}, *tls);
  } else {
    app.listen({"127.0.0.1", 0});
  }
  app.start();
  std::exception_ptr failed;
  for (int i = 0; i < 2; ++i) {
    const bool is_over = i > 0 && failing_struck() != 0;
    try {
      try {
        ask("127.0.0.1:" + std::to_string(app.port()));
      } catch (const http::ClientError& e) {
        expect(e.kind != http::ClientError::Kind::bad_request, e.what());
        fail(e.what());
      } catch (const websocket::HandshakeError& e) {
        fail(e.what());
      }
    } catch (const std::system_error& e) {
      if (is_over) throw std::logic_error(std::string("it has not recovered: ") + e.what());
      failed = std::current_exception();
    } catch (const std::bad_alloc&) {
      expect(!is_over, "it has not recovered");
      failed = std::current_exception();
    }
  }
  app.stop();
  const auto began = loop::Clock::now();
  app.join();
  expect(loop::Clock::now() - began < kGrace, "something did not end by itself");
  if (failed) std::rethrow_exception(failed);
}

http::ClientRequest request_for(std::string method, std::string url) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  return request;
}

/// An answer of 200 is whole and right; any other says that it is none.
void expect_answer(const http::ClientResponse& answer, std::string_view body) {
  if (answer.status() >= 500) fail(std::to_string(answer.status()));
  expect(answer.status() == 200 || answer.status() == 206, "another status");
  expect(answer.body() == body, "another answer");
}

void requests() {
  http::Client client;
  const std::string form = text_of(3'000);
  ask_twice(
      [](http::App& app) {
        app.use([](http::Request&, http::Response& r, const http::Next& next) {
          r.lasting_header("X-Site", "here");
          next();
        });
        app.get("/hello/:name", [](http::Request& q, http::Response& r) {
          r.header("X-More", "1")
              .send("hello " + std::string(q.param("name")) + ' ' + q.query("q").value_or("?"));
        });
        app.post("/", [](http::Request& q, http::Response& r) {
          yield();
          r.send(q.body());
        });
      },
      [&](const std::string& host) {
        client.close_idle();  // whoever finds out that it is closed asks again, but not with POST
        expect_answer(client.get("http://" + host + "/hello/you?q=a%20b"), "hello you a b");
        expect_answer(client.post("http://" + host + "/", form), form);
        expect_answer(client.get("http://" + host + "/hello/me"), "hello me ?");
      });
}

void pieces() {
  http::Client client;
  const std::string piece = text_of(30'000);
  ask_twice(
      [&](http::App& app) {
        app.get("/pieces", [&](http::Request&, http::Response& r) {
          r.type("application/octet-stream");
          for (int i = 0; i < 6 && r.write(piece); ++i) yield();
        });
        app.get("/coded", [&](http::Request&, http::Response& r) {
          for (int i = 0; i < 2 && r.write(piece); ++i) yield();
        });
        app.put("/upload",
                [&](http::Request& q, http::Response& r) {
                  std::size_t size = 0;
                  bool right = true;
                  for (std::string part; !(part = q.read(10'000)).empty(); size += part.size()) {
                    for (std::size_t i = 0; i < part.size(); ++i)
                      right = right && part[i] == piece[(size + i) % piece.size()];
                  }
                  r.send(right ? std::to_string(size) : "altered");
                },
                {.stream_body = true});
      },
      [&](const std::string& host) {
        client.close_idle();
        std::string all;
        for (int i = 0; i < 6; ++i) all += piece;
        expect_answer(client.get("http://" + host + "/pieces"), all);
        expect_answer(client.get("http://" + host + "/coded"), piece + piece);
        http::ClientRequest upload = request_for("PUT", "http://" + host + "/upload");
        upload.upload = [&, left = 4](std::string& part) mutable {
          part = piece;
          yield();
          return --left > 0;
        };
        expect_answer(client.request(std::move(upload)), "120000");
        http::ClientStream both = client.begin(request_for("PUT", "http://" + host + "/upload"));
        for (int i = 0; i < 3 && both.write(piece); ++i) {
        }
        both.finish();
        both.wait_head();
        if (both.status() >= 500) fail(std::to_string(both.status()));
        expect(both.read_all(100) == "90000", "another answer");
      });
}

void events() {
  http::Client client;
  ask_twice(
      [](http::App& app) {
        app.get("/", [](http::Request& q, http::Response& r) {
          http::EventStream events(q, r);
          int number = 0;
          do {
            events.send({.data = std::to_string(++number)});
          } while (events.pause(1ms));
        });
      },
      [&](const std::string& host) {
        client.close_idle();
        http::ClientStream stream = client.open(request_for("GET", "http://" + host + "/"));
        if (stream.status() >= 500) fail(std::to_string(stream.status()));
        std::string text;
        while (text.find("4\n\n") == text.npos) {
          const std::string more = stream.read(1000);
          if (more.empty()) fail("the end");  // the end, whole: the handler was told so
          text += more;
        }
        expect(text.substr(0, 36) == "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n", "other events");
      });
}

void pages() {
  const std::string folder = scenario_folder() + "/pages";
  const std::string large = text_of(300'000);
  if (!fs::exists(folder)) {
    fs::make_directory(folder);
    write_file(folder + "/large.bin", large);
    write_file(folder + "/small.bin", "small");
  }
  http::Client client;
  ask_twice([&](http::App& app) { app.static_files("/files", folder); },
            [&](const std::string& host) {
              client.close_idle();
              const std::string site = "http://" + host + "/files/";
              expect_answer(client.get(site + "small.bin"), "small");
              expect_answer(client.get(site + "large.bin"), large);
              http::ClientRequest part = request_for("GET", site + "large.bin");
              part.headers = {{"Range", "bytes=1000-200999"}};
              expect_answer(client.request(std::move(part)), std::string_view(large).substr(1'000, 200'000));
            });
}

void secure_requests() {
  http::ClientOptions options;
  options.tls = scenario_tls_client();
  options.resolve = [](std::string_view, std::uint16_t port, net::Deadline) {
    return std::vector{net::Address::loopback_ipv4(port)};
  };
  http::Client client(options);
  const std::string text = text_of(40'000);
  ask_twice(
      [&](http::App& app) {
        app.post("/", [](http::Request& q, http::Response& r) { r.type("image/png").send(q.body()); });
      },
      [&](const std::string& host) {
        client.close_idle();
        const std::string site = "https://one.test" + host.substr(host.find(':'));
        expect_answer(client.post(site + "/", text), text);
        expect_answer(client.post(site + "/", "more"), "more");
      },
      &scenario_tls_server());
}

void sockets() {
  websocket::RouteOptions options;
  options.deflate.emplace().threshold = 100;
  options.close_timeout = kGrace / 2;
  websocket::ClientOptions client_options;
  static_cast<websocket::Options&>(client_options) = options;
  const std::string large = text_of(150'000);
  ask_twice(
      [&](http::App& app) {
        websocket::route(
            app, "/echo",
            [](websocket::Stream& peer) {
              for (const websocket::Message& message : peer) peer.send(message);
            },
            options);
      },
      [&](const std::string& host) {
        websocket::Stream stream = websocket::connect("ws://" + host + "/echo", client_options);
        const auto expect_message = [&](std::string_view data, bool binary) {
          const auto message = stream.receive();
          if (!message) fail("no message, but " + std::to_string(stream.wait_for_end().code));
          expect(message->data == data && message->binary == binary, "another message");
        };
        stream.send("hello");
        stream.send_binary(large);
        expect_message("hello", false);
        websocket::MessageSink sink = stream.begin_text();
        sink.write("in ");
        yield();
        sink.write("parts");
        sink.finish();
        expect_message(large, true);
        expect_message("in parts", false);
        stream.close(1000, "enough");
        const websocket::Close end = stream.wait_for_end();
        if (end.code != 1000) fail(std::to_string(end.code) + ' ' + end.reason);
      });
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMost = 15;
#else
constexpr int kMost = 40;
#endif

constexpr SystemScenario kScenarios[] = {
    {"http_requests", requests, kMost}, {"http_pieces", pieces, kMost},    {"http_events", events, kMost},
    {"http_files", pages, kMost},       {"https", secure_requests, kMost}, {"websocket", sockets, kMost},
};

}  // namespace

std::span<const SystemScenario> http_scenarios() { return kScenarios; }

}  // namespace verdin::test
