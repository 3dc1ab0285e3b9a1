// A storm of connections over HTTP and WebSocket that end in every way that there is, against an app of one
// hub; and listeners to a topic, who must hear all that is published meanwhile. For a short test, and for
// scripts/soak.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>

#include <verdin/http/http.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/websocket/connect.hpp>
#include <verdin/websocket/topics.hpp>

namespace verdin::test {

class HttpStorm {
 public:
  static constexpr std::size_t kWays = 12;
  struct Left {
    int descriptors = 0;
    std::size_t greenlets = 0;
    std::size_t connections = 0;
    bool operator==(const Left&) const = default;
  };

  /// In a hub.
  HttpStorm() {
    app_.on_error([this](const http::Request*, const std::exception_ptr& error) { note(error); });
    app_.post("/echo", [](http::Request& q, http::Response& r) { r.send(q.body()); });
    app_.get("/pieces/:count", [](http::Request& q, http::Response& r) {
      const int count = q.param_as<int>("count").value_or(0);
      for (int i = 0; i < count && r.write(piece(i)); ++i) {
        if (i % 8 == 7) yield();
      }
    });
    app_.put("/upload",
             [](http::Request& q, http::Response& r) {
               std::string all;
               for (std::string some; !(some = q.read(10'000)).empty();) all += some;
               r.send(std::to_string(all.size()) + ' ' + std::to_string(sum(all)));
             },
             {.stream_body = true});
    websocket::RouteOptions options;
    options.deflate.emplace().threshold = 200;
    websocket::route(
        app_, "/ws",
        [](websocket::Stream& peer) {
          for (const websocket::Message& message : peer) peer.send(message);
        },
        options);
    websocket::route(
        app_, "/hall",
        [this](websocket::Stream& peer) {
          topics_.subscribe(peer, "hall");
          peer.send("welcome");
          peer.receive();
        },
        options);
    app_.listen({"0.0.0.0", 0}).start();
  }
  HttpStorm(const HttpStorm&) = delete;
  HttpStorm& operator=(const HttpStorm&) = delete;
  ~HttpStorm() {
    app_.stop();
    app_.join();
  }

  /// `count` connections, `at_once` of them at a time, while `listeners` hear what is published.
  void run(int count, int at_once, int listeners, unsigned seed) {
    left_ = count;
    published_ = 0;
    std::vector<Greenlet<>> hearers;
    for (int i = 0; i < listeners; ++i) hearers.push_back(spawn([this] { hear(); }));
    while (topics_.subscribers("hall") < static_cast<std::size_t>(listeners))
      sleep(std::chrono::milliseconds(1));
    over_ = false;
    auto publisher = spawn([this] {
      for (; !over_; sleep(std::chrono::milliseconds(1))) publish();
      topics_.publish("hall", "end");
    });
    std::vector<Greenlet<>> clients;
    for (int i = 0; i < at_once; ++i) {
      clients.push_back(spawn([this, random = std::mt19937(seed + static_cast<unsigned>(i))]() mutable {
        while (left_-- > 0) one(random);
      }));
    }
    for (auto& client : clients) client.get();
    over_ = true;
    publisher.get();
    for (auto& hearer : hearers) hearer.get();
  }

  /// Waits until nothing changes any more, or for `limit`.
  Left settle(const Left& wanted, std::chrono::seconds limit) const {
    const auto give_up = loop::Clock::now() + limit;
    Left now = look();
    while (now != wanted && loop::Clock::now() < give_up) {
      sleep(std::chrono::milliseconds(1));
      now = look();
    }
    return now;
  }
  Left look() const {
    return {descriptors(), Hub::current().greenlet_count(), app_.connections() + topics_.subscribers("hall")};
  }
  /// How many of each way.
  const std::array<int, kWays>& ways() const noexcept { return ways_; }
  int failures() const noexcept { return failures_; }
  /// The first of them.
  const std::string& why() const noexcept { return why_; }
  /// To each listener.
  int published() const noexcept { return published_; }

 private:
  static constexpr std::chrono::seconds kLong{60};
  using Random = std::mt19937;

  static int descriptors() {
    int count = 0;
    DIR* const directory = ::opendir("/proc/self/fd");
    if (!directory) return -1;
    while (::readdir(directory)) ++count;
    ::closedir(directory);
    return count;
  }
  static std::string piece(int i) { return "piece " + std::to_string(i) + std::string(i % 700, '.') + '\n'; }
  static std::uint32_t sum(std::string_view text) {
    std::uint32_t all = 1;
    for (const char c : text) all = all * 31 + static_cast<unsigned char>(c);
    return all;
  }
  static std::string noise(Random& random, std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>('a' + random() % 26);
    return text;
  }

  void expect(bool right, const std::string& what) {
    if (!right) throw std::runtime_error(what);
  }
  void note(const std::exception_ptr& error) {
    if (failures_++ > 0) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      why_ = e.what();
    } catch (...) {
      why_ = "something else";
    }
  }

  void publish() { topics_.publish("hall", std::to_string(++published_) + std::string(300, '-')); }

  /// One after the other, none left out.
  void hear() {
    try {
      websocket::Stream stream = websocket::connect(url("ws", "/hall"), socket_options());
      expect(stream.receive().value_or(websocket::Message{}).data == "welcome", "another welcome");
      int last = 0;
      for (const websocket::Message& message : stream) {
        if (message.data == "end") {
          expect(last == published_, "a listener has not heard all");
          return;
        }
        expect(std::stoi(message.data) == last + 1, "a listener has missed something");
        ++last;
      }
      expect(false, "a listener was dropped");
    } catch (const std::exception&) {
      note(std::current_exception());
    }
  }

  /// Each goes to another address of this machine, or the ports of those that have ended would run out.
  net::Address next_address() {
    const unsigned n = ++serial_ % 60'000;
    const std::string host = "127.0." + std::to_string(n / 250) + '.' + std::to_string(1 + n % 250);
    return *net::Address::try_parse_ip(host, app_.port());
  }
  net::ResolveFunction resolve() {
    return [this](std::string_view, std::uint16_t, net::Deadline) { return std::vector{next_address()}; };
  }
  std::string url(const char* scheme, const std::string& path) const {
    return std::string(scheme) + "://storm.test:" + std::to_string(app_.port()) + path;
  }
  http::ClientOptions client_options() {
    http::ClientOptions options;
    options.resolve = resolve();
    return options;
  }
  websocket::ClientOptions socket_options() {
    websocket::ClientOptions options;
    options.resolve = resolve();
    options.deflate.emplace().threshold = 200;
    return options;
  }

  static void reset(net::Socket& socket) {
    socket.set(net::option::linger, std::optional(std::chrono::seconds(0)));
    socket.close();
  }
  net::Socket connect(std::string_view text) {
    net::Socket socket = net::Socket::connected(next_address(), kLong);
    socket.send_all(text, kLong);
    return socket;
  }
  net::Socket upgraded(const char* path) {
    net::Socket socket = connect(std::string("GET ") + path +
                                 " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                 "Sec-WebSocket-Version: 13\r\n\r\n");
    expect(socket.recv_until("\r\n\r\n", 1000, kLong).starts_with("HTTP/1.1 101 "), "no upgrade");
    return socket;
  }

  void one(Random& random) {
    const std::size_t way = random() % kWays;
    ++ways_[way];
    try {
      way < 6 ? one_of_http(way, random) : one_of_websocket(way, random);
    } catch (const std::exception&) {  // none of them should
      note(std::current_exception());
    }
  }

  void one_of_http(std::size_t way, Random& random) {
    switch (way) {
      case 0: {  // two answers on one connection
        http::Client client(client_options());
        for (int i = 0; i < 2; ++i) {
          const std::string body = noise(random, random() % 50'000);
          expect(client.post(url("http", "/echo"), body).body() == body, "another answer");
        }
        return;
      }
      case 1: {  // an answer in pieces, whole or given up
        http::Client client(client_options());
        http::ClientRequest request;
        const int count = static_cast<int>(random() % 200);
        request.url = url("http", "/pieces/" + std::to_string(count));
        http::ClientStream stream = client.open(std::move(request));
        if (random() % 3 == 0) return;
        std::string all;
        for (int i = 0; i < count; ++i) all += piece(i);
        return expect(stream.read_all(1'000'000) == all, "other pieces");
      }
      case 2: {  // an upload in pieces
        http::Client client(client_options());
        std::string all;
        http::ClientRequest request;
        request.method = "PUT";
        request.url = url("http", "/upload");
        request.upload = [&, left = random() % 5](std::string& some) mutable {
          some = noise(random, random() % 20'000);
          all += some;
          yield();
          return left-- > 0;
        };
        const std::string answer = client.request(std::move(request)).body();
        return expect(answer == std::to_string(all.size()) + ' ' + std::to_string(sum(all)),
                      "another upload");
      }
      case 3: {  // it ends within a head or a body
        static constexpr std::array kHalves{
            "", "GET /pie", "GET /pieces/3 HTTP/1.1\r\nHost: x\r\nX: ",
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
            "PUT /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nhalf"};
        net::Socket socket = connect(kHalves[random() % kHalves.size()]);
        if (random() % 2) yield();
        if (random() % 2) reset(socket);
        return;
      }
      case 4: {  // never reads, until both sides are full
        net::Socket socket = connect("GET /pieces/2000 HTTP/1.1\r\nHost: x\r\n\r\n");
        sleep(std::chrono::milliseconds(random() % 5));
        return reset(socket);
      }
      case 5: {  // half open
        net::Socket socket = connect("GET /pieces/9 HTTP/1.1\r\nHost: x\r\n\r\n");
        socket.shutdown_write();
        return expect(socket.recv_all(100'000, kLong).ends_with("\r\n0\r\n\r\n"), "no end of an answer");
      }
    }
  }

  void one_of_websocket(std::size_t way, Random& random) {
    switch (way) {
      case 6:
      case 7: {  // messages in flight, in order
        websocket::Stream stream = websocket::connect(url("ws", "/ws"), socket_options());
        std::vector<std::string> sent;
        for (std::size_t i = random() % 8; i-- > 0;) {
          sent.push_back(noise(random, random() % (i % 4 == 3 ? 100'000 : 500)));
          if (way == 6) {
            stream.send(sent.back());
            continue;
          }
          websocket::MessageSink sink = stream.begin_text();
          const std::size_t half = sent.back().size() / 2;
          sink.write(std::string_view(sent.back()).substr(0, half));
          yield();
          sink.write(std::string_view(sent.back()).substr(half));
          sink.finish();
        }
        for (const std::string& text : sent) {
          const auto message = stream.receive();
          expect(message && message->data == text, "another message");
        }
        stream.close(4000, "enough");
        const websocket::Close end = stream.wait_for_end();
        return expect(end.code == 4000 && end.clean,
                      "another end: " + std::to_string(end.code) + ' ' + end.reason);
      }
      case 8: {  // it ends within a frame
        net::Socket socket = upgraded("/ws");
        socket.send_all(std::string_view("\x82\xfe\x10\x00\x01\x02\x03\x04half", 12), kLong);
        if (random() % 2) reset(socket);
        return;
      }
      case 9: {  // never reads, until both sides are full
        net::Socket socket = upgraded("/ws");
        std::string much("\x82\xff\0\0\0\0\0\x01\0\0\x01\x02\x03\x04", 14);
        much.append(65'536, 'm');
        for (int i = 0; i < 10 && socket.try_send(much) > 0; ++i) yield();
        return reset(socket);
      }
      case 10: {  // a listener that is cut
        net::Socket socket = upgraded("/hall");
        if (random() % 2) socket.recv(100, kLong);
        if (random() % 2) reset(socket);
        return;
      }
      case 11: {  // a listener that leaves: all that it has heard was in order
        websocket::Stream stream = websocket::connect(url("ws", "/hall"), socket_options());
        expect(stream.receive().value_or(websocket::Message{}).data == "welcome", "another welcome");
        int last = 0;
        for (int i = 0; i < 3; ++i) {
          const auto message = stream.receive();
          if (!message || message->data == "end") return;
          expect(last == 0 || std::stoi(message->data) == last + 1, "a guest has missed something");
          last = std::stoi(message->data);
        }
        return stream.close();
      }
    }
  }

  http::App app_;
  websocket::Topics topics_;
  std::array<int, kWays> ways_{};
  std::string why_;
  bool over_ = false;  // of the clients
  int left_ = 0;
  int published_ = 0;
  int failures_ = 0;
  unsigned serial_ = 0;
};

}  // namespace verdin::test
