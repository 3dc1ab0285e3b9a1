// WebSockets in callbacks: no greenlet and no stack for each, only an object that is called. The server asks
// whose page it is, and says farewell when it stops.
#include <cstdio>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <verdin/verdin.hpp>
#include <verdin/websocket/accept.hpp>

namespace http = verdin::http;
namespace websocket = verdin::websocket;

namespace {

// [callbacks]
class EchoEndpoint final : public http::Endpoint {
  struct Peer final : websocket::ConnectionHandler {
    explicit Peer(EchoEndpoint& endpoint) : home(endpoint) {}
    void on_text(std::span<char> message) override {
      connection->send_text({message.data(), message.size()});
    }
    void on_binary(std::span<char> message) override {
      connection->send_binary({message.data(), message.size()});
    }
    void on_close(const websocket::Close&) override { home.peers_.erase(this); }

    EchoEndpoint& home;
    verdin::IntrusivePtr<websocket::Connection> connection;
  };

  void on_request(http::ExchangePtr exchange) override {
    auto peer = std::make_unique<Peer>(*this);
    peer->connection = websocket::accept(exchange, origins_, options_, *peer);
    if (peer->connection) peers_.emplace(peer.get(), std::move(peer));  // else it was answered: 403, 426, ...
  }
  void on_stop() override {
    for (const auto& [peer, owned] : peers_) peer->connection->close(websocket::close_code::kGoingAway);
  }
  std::size_t active() const override { return peers_.size(); }

  http::Origins origins_{{"https://friend.example"}};  // and our own pages
  websocket::Options options_;
  std::map<Peer*, std::unique_ptr<Peer>> peers_;
};
// [/callbacks]

std::string echo_for(const std::string& url, const std::string& page) {
  websocket::ClientOptions options;
  options.headers = {{"Origin", page}};
  try {
    websocket::Stream stream = websocket::connect(url, options);
    stream.send("hello");
    return stream.receive().value_or(websocket::Message{}).data;
  } catch (const websocket::HandshakeError& error) {
    return std::to_string(error.status);
  }
}

}  // namespace

int main() {
  return verdin::run([] {
    EchoEndpoint endpoint;
    http::App app;
    app.mount("/echo", endpoint);
    app.listen({"127.0.0.1", 0}).start();
    const std::string url = "ws://127.0.0.1:" + std::to_string(app.port()) + "/echo";
    for (const char* page : {"https://friend.example", "https://evil.example"}) {
      std::printf("a page of %s is told: %s\n", page, echo_for(url, page).c_str());
    }
    websocket::Stream last = websocket::connect(url);
    app.stop();
    std::printf("the end: %u\n", unsigned{last.wait_for_end().code});
    app.join();
  });
}
