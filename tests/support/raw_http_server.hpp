// A server of octets for tests of a client: each connection is served by what the test says, on its own
// greenlet of the same hub; the heads (and sized bodies) that came in are kept.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <verdin/net/stream_server.hpp>

namespace verdin::tests {

class RawHttpServer {
 public:
  /// One request, with its body if it has a Content-Length; empty when the peer has ended.
  static std::string read_request(net::StreamSocket& peer) {
    std::string text;
    std::error_code error;
    char piece[4096];
    std::size_t wanted = 0;
    while (wanted == 0 || text.size() < wanted) {
      const std::size_t size = peer.recv(std::span(piece), error, std::chrono::seconds(10));
      if (error || size == 0) return {};
      text.append(piece, size);
      const std::size_t end = text.find("\r\n\r\n");
      if (end == text.npos) continue;
      const std::size_t length = text.find("Content-Length: ");
      wanted = end + 4 + (length < end ? std::stoul(text.substr(length + 16)) : 0);
    }
    return text;
  }

  using Serve = std::function<void(net::StreamSocket& peer, RawHttpServer& server)>;

  explicit RawHttpServer(Serve serve)
      : server_(net::Address::loopback_ipv4(0),
                [this, serve = std::move(serve)](net::Socket& peer, const net::Address&) {
                  ++connections;
                  serve(peer, *this);
                }) {
    server_.start();
  }
  /// Answers the requests of each connection with these, one after the other, and closes it then; the last
  /// one again and again for further connections.
  explicit RawHttpServer(std::vector<std::string> answers)
      : RawHttpServer([answers = std::move(answers), next = std::size_t{0}](net::StreamSocket& peer,
                                                                            RawHttpServer& server) mutable {
          do {
            const std::string request = read_request(peer);
            if (request.empty()) return;
            server.requests.push_back(request);
            peer.send_all(answers[std::min(next, answers.size() - 1)]);
          } while (++next < answers.size());
        }) {}

  std::string url(const std::string& target = "/") const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + target;
  }
  std::uint16_t port() const { return server_.port(); }
  void stop() { server_.stop(); }

  int connections = 0;
  std::vector<std::string> requests;

 private:
  net::StreamServer server_;
};

}  // namespace verdin::tests
