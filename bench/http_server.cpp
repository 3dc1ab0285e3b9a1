// What scripts/bench-http asks of HTTP and WebSocket: "/" is answered from a callback, "/g" by a
// handler on a greenlet, "/files/..." from a folder, "/pieces/N" by 1 MiB in pieces of N octets; WebSockets
// are echoed, those of "/cast" hear what any of them says.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <verdin/verdin.hpp>
#include <verdin/websocket/accept.hpp>
#include <verdin/websocket/topics.hpp>

#include "server_options.hpp"
#include "websocket_echo.hpp"

namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

constexpr std::string_view kHello = "Hello world!";
constexpr std::size_t kMuch = 1 << 20;

/// One WebSocket; deletes itself at the end.
class Peer : public websocket::ConnectionHandler {
 public:
  template <typename T, typename... Arguments>
  static void begin(const http::ExchangePtr& exchange, Arguments&... arguments) {
    Peer* const peer = new T(arguments...);
    websocket::Options options;
    options.max_message_size = 16 * 1024 * 1024;
    peer->connection_ = websocket::accept(exchange, http::Origins::any(), options, *peer);
    peer->connection_ ? peer->on_begin() : delete peer;
  }
  void say_farewell() { connection_->close(websocket::close_code::kGoingAway); }
  static void forget_all() {
    while (!all.empty()) delete all.back();
  }

  static inline std::vector<Peer*> all{};  // of the one hub

 protected:
  Peer() : index_(all.size()) { all.push_back(this); }
  virtual ~Peer() {
    all[index_] = all.back();
    all[index_]->index_ = index_;
    all.pop_back();
  }
  virtual void on_begin() {}
  void on_binary(std::span<char> message) override {
    connection_->send_binary({message.data(), message.size()});
  }
  void on_close(const websocket::Close&) override { delete this; }

  verdin::IntrusivePtr<websocket::Connection> connection_;

 private:
  std::size_t index_;
};

class Echo final : public Peer {
  void on_begin() override { connection_->receive_parts(true); }
  void on_text(std::span<char>) override {}  // they come as parts
  void on_part(const websocket::MessagePart& part) override { send_back(*connection_, part); }
};

class WholeEcho final : public Peer {
  void on_text(std::span<char> message) override { connection_->send_text({message.data(), message.size()}); }
};

class Member final : public Peer {
 public:
  explicit Member(websocket::Topics& topics) : topics_(topics) {}

 private:
  void on_begin() override { topics_.subscribe(*connection_, "all"); }
  void on_text(std::span<char> message) override {
    topics_.publish("all", std::string_view(message.data(), message.size()));
  }

  websocket::Topics& topics_;
};

class Hello final : public http::Endpoint {
  void on_request(http::ExchangePtr exchange) override {
    exchange->respond(200, {{"Content-Type", "text/plain"}}, kHello);
  }
  void on_upgrade(http::ExchangePtr exchange) override {
    const std::string_view path = exchange->request().path();
    if (path == "/cast") return Peer::begin<Member>(exchange, topics_);
    path == "/whole" ? Peer::begin<WholeEcho>(exchange) : Peer::begin<Echo>(exchange);
  }
  void on_stop() override {
    for (Peer* const peer : Peer::all) peer->say_farewell();
  }
  std::size_t active() const override { return Peer::all.size(); }
  void on_end() override { Peer::forget_all(); }

  websocket::Topics topics_;
};

}  // namespace

int main(int argc, char** argv) {
  const ServerOptions options = server_options(argc, argv, "HTTP and WebSocket benchmark server", 5003);
  verdin::HubOptions hub;
  hub.loop_backend = options.loop;
  return verdin::run(hub, [&] {
    http::App app;
    const auto hello = std::make_shared<Hello>();
    app.route("/", hello).route("/cast", hello).route("/whole", hello);
    app.get("/g", [](http::Request&, http::Response& response) { response.type("text/plain").send(kHello); });
    app.get("/pieces/:size", [](http::Request& request, http::Response& response) {
      const auto size = std::clamp<std::size_t>(
          std::strtoul(std::string(request.param("size")).c_str(), nullptr, 10), 1, kMuch);
      const std::string piece(size, 'p');
      for (std::size_t left = kMuch; left > 0; left -= std::min(left, size)) {
        if (!response.write(std::string_view(piece).substr(0, left))) return;
      }
    });
    if (!options.files.empty()) app.static_files("/files", options.files);
    serve_at(app, options.port);
  });
}
