// The WebSocket echo that scripts/bench compares with Node's ws: see bench/node/websocket_server.mjs for its
// twin. A plain GET of any path is answered with "Hello world!", which measures HTTP alone.
#include <cstddef>
#include <vector>

#include <verdin/verdin.hpp>
#include <verdin/websocket/accept.hpp>

#include "server_options.hpp"
#include "websocket_echo.hpp"

namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

/// One connection: echoes from the loop's callbacks, and deletes itself at the end.
class Echo final : public websocket::ConnectionHandler {
 public:
  static void begin(const http::ExchangePtr& exchange) {
    auto* const echo = new Echo;
    websocket::Options options;
    options.max_message_size = 16 * 1024 * 1024;
    echo->connection_ = websocket::accept(exchange, http::Origins::any(), options, *echo);
    if (!echo->connection_) return delete echo;
    echo->connection_->receive_parts(true);
  }
  void say_farewell() { connection_->close(websocket::close_code::kGoingAway); }
  static void forget_all() {
    while (!all.empty()) delete all.back();
  }

  static inline std::vector<Echo*> all{};  // of the one hub

 private:
  Echo() : index_(all.size()) { all.push_back(this); }
  ~Echo() {
    all[index_] = all.back();
    all[index_]->index_ = index_;
    all.pop_back();
  }

  void on_text(std::span<char>) override {}    // they come as parts
  void on_binary(std::span<char>) override {}  // too
  void on_part(const websocket::MessagePart& part) override { send_back(*connection_, part); }
  void on_close(const websocket::Close&) override { delete this; }

  verdin::IntrusivePtr<websocket::Connection> connection_;
  std::size_t index_;
};

class EchoEndpoint final : public http::Endpoint {
  void on_request(http::ExchangePtr exchange) override {
    const std::string_view method = exchange->request().method();
    if (method != "GET" && method != "HEAD") return exchange->respond(405, {{"Allow", "GET, HEAD"}}, "");
    exchange->respond(200, {{"Content-Type", "text/plain"}}, "Hello world!");
  }
  void on_upgrade(http::ExchangePtr exchange) override { Echo::begin(exchange); }
  void on_stop() override {
    for (Echo* const echo : Echo::all) echo->say_farewell();
  }
  std::size_t active() const override { return Echo::all.size(); }
  void on_end() override { Echo::forget_all(); }
};

}  // namespace

int main(int argc, char** argv) {
  const ServerOptions options = server_options(argc, argv, "WebSocket benchmark server", 5002);
  verdin::HubOptions hub;
  hub.loop_backend = options.loop;
  return verdin::run(hub, [&] {
    EchoEndpoint endpoint;
    http::App app;
    app.mount("/", endpoint);
    serve_at(app, options.port);
  });
}
