// A WebSocket server that sends each message back with its type, and compresses in every way that a client
// may ask for: what public conformance suites are run against. In callbacks, so that a message is answered
// before what comes behind it is looked at: a suite that sends a fault right behind a message wants to see
// the echo first. At /parts it leaves in parts of --part octets (1000). Pages of every origin are welcome:
// there is nothing here to be stolen, and suites send any.
#include <map>
#include <memory>
#include <utility>

#include <verdin/websocket/accept.hpp>

#include "conformance/program.hpp"
#include "conformance/send_back.hpp"

namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

class EchoEndpoint final : public http::Endpoint {
 public:
  EchoEndpoint(websocket::Options options, std::size_t part) : options_(std::move(options)), part_(part) {}

 private:
  class Echo final : public websocket::ConnectionHandler {
   public:
    Echo(EchoEndpoint& endpoint, const http::ExchangePtr& exchange)
        : connection(websocket::accept(exchange, http::Origins::any(), endpoint.options_, *this)),
          endpoint_(endpoint),
          part_(exchange->request().path() == "/parts" ? endpoint.part_ : 0) {}

    void on_text(std::span<char> message) override { program::send_back(*connection, message, false, part_); }
    void on_binary(std::span<char> message) override {
      program::send_back(*connection, message, true, part_);
    }
    void on_close(const websocket::Close&) override { endpoint_.echoes_.erase(this); }

    verdin::IntrusivePtr<websocket::Connection> connection;

   private:
    EchoEndpoint& endpoint_;
    std::size_t part_;
  };

  /// What asks for no upgrade is told that it should.
  void on_request(http::ExchangePtr exchange) override {
    auto echo = std::make_unique<Echo>(*this, exchange);
    if (echo->connection) echoes_.emplace(echo.get(), std::move(echo));
  }
  void on_stop() override {
    for (const auto& [echo, owned] : echoes_) echo->connection->close(websocket::close_code::kGoingAway);
  }
  std::size_t active() const override { return echoes_.size(); }

  websocket::Options options_;
  std::size_t part_;
  std::map<Echo*, std::unique_ptr<Echo>> echoes_;
};

}  // namespace

int main(int argc, char** argv) {
  const program::Arguments arguments(argc, argv, {"--port", "--max-payload", "--part"});
  program::log_to_stderr();
  return verdin::run([&] {
    websocket::Options options;
    options.max_message_size = static_cast<std::size_t>(arguments.number("--max-payload", 64 << 20));
    options.send_limit = 2 * options.max_message_size;
    options.drop_limit = 4 * options.max_message_size;
    websocket::DeflateOptions& deflate = options.deflate.emplace();
    deflate.threshold = 0;
    deflate.server_no_context_takeover = false;  // what the client asks for is what counts
    deflate.client_no_context_takeover = false;
    EchoEndpoint endpoint(options, static_cast<std::size_t>(arguments.number("--part", 1000)));
    http::App app;
    app.mount("/", endpoint);
    program::serve(app, arguments);
  });
}
