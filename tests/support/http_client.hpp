// A blocking HTTP client of raw octets, for a thread of its own beside the hub that it talks to.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <verdin/http/http.hpp>
#include <verdin/runtime/run.hpp>

namespace verdin::tests {

class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval limit{10, 0};  // a hang is a failure, not a hang of the tests
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  bool connected() const { return connected_; }
  Client& send(std::string_view octets) {
    while (!octets.empty()) {
      const ssize_t n = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        cut_ = true;
        break;
      }
      octets.remove_prefix(static_cast<std::size_t>(n));
    }
    return *this;
  }
  /// The peer did not take all that was sent.
  bool cut() const { return cut_; }
  void finish() { ::shutdown(fd_, SHUT_WR); }

  /// One response with its head, by its Content-Length (no body for `head_only`). Empty when the peer has
  /// closed.
  std::string receive(bool head_only = false) {
    std::size_t head_end;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return std::exchange(buffer_, {});
    }
    const std::size_t at = buffer_.find("Content-Length: ");
    const std::size_t length = at < head_end && !head_only ? std::stoul(buffer_.substr(at + 16)) : 0;
    while (buffer_.size() < head_end + 4 + length && more()) {
    }
    std::string response = buffer_.substr(0, head_end + 4 + length);
    buffer_.erase(0, response.size());
    return response;
  }
  /// Waits for any octets of an answer.
  bool receive_some() { return more(); }
  /// Everything until the peer closes.
  std::string receive_all() {
    while (more()) {
    }
    return std::exchange(buffer_, {});
  }
  std::string get(std::string_view path, std::string_view headers = {}) {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n");
    return receive();
  }

 private:
  bool more() {
    char piece[16384];
    const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
    if (n > 0) buffer_.append(piece, static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_;
  bool connected_ = false;
  bool cut_ = false;
  std::string buffer_;
};

inline int status_of(std::string_view response) {
  return response.size() < 12 ? 0 : std::stoi(std::string(response.substr(9, 3)));
}
inline std::string body_of(std::string_view response) {
  const std::size_t end = response.find("\r\n\r\n");
  return end == response.npos ? "" : std::string(response.substr(end + 4));
}
inline std::string header_of(std::string_view response, std::string_view name) {
  const std::size_t at = response.find("\r\n" + std::string(name) + ": ");
  if (at == response.npos || at > response.find("\r\n\r\n")) return "";
  const std::size_t begin = at + name.size() + 4;
  return std::string(response.substr(begin, response.find("\r\n", begin) - begin));
}

/// Runs `app` on a hub of this thread while `client` runs on another; then stops it gracefully.
inline void serve_while(http::App& app, const std::function<void(std::uint16_t port)>& client) {
  verdin::run([&] {
    app.listen({"127.0.0.1", 0});
    Hub& hub = Hub::current();
    std::thread thread([&] {
      client(app.port());
      hub.post([&] { app.stop(); });
    });
    app.serve_forever();
    thread.join();
  });
}

}  // namespace verdin::tests
