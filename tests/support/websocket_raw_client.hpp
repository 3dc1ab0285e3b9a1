// A peer over a socket pair that an http::App serves on the same hub: writes octets, waits for octets.
#pragma once

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/socket.h>

#include <verdin/http/app.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>

namespace verdin::test {

class RawClient final : private loop::StreamHandler {
 public:
  explicit RawClient(http::App& app) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    loop::Loop& loop = Hub::current().loop();
    app.serve(loop.adopt(fds[0]));
    stream_ = loop.adopt(fds[1]);
    stream_->set_handler(this);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view octets) { stream_->send(octets); }
  std::size_t unsent() const { return stream_->unsent(); }
  void pause() { stream_->pause(); }
  void resume() { stream_->resume(); }
  void disconnect() { stream_.reset(); }

  /// What has come up to `end` and with it; all there is if it does not come in 5 seconds.
  std::string read_until(std::string_view end) {
    return read_when([&] {
      const std::size_t at = received_.find(end);
      return at == std::string::npos ? at : at + end.size();
    });
  }
  std::string read(std::size_t size) {
    return read_when([&] {
      if (received_.size() >= size) return size;
      return ended_ ? received_.size() : std::string::npos;
    });
  }
  /// Everything up to the server's FIN.
  std::string read_to_end() {
    return read_when([&] { return ended_ ? received_.size() : std::string::npos; });
  }
  bool ended() const { return ended_; }

 private:
  template <typename Find>
  std::string read_when(Find find) {
    const auto due = loop::Clock::now() + std::chrono::seconds(5);
    std::size_t size = find();
    while (size == std::string::npos && loop::Clock::now() < due) {
      changed_.clear();
      changed_.wait_for(due - loop::Clock::now());
      size = find();
    }
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  void on_data(std::span<char> data) override {
    received_.append(data.data(), data.size());
    changed_.set();
  }
  void on_eof() override {
    ended_ = true;
    changed_.set();
  }
  void on_error(std::error_code) override { on_eof(); }

  loop::StreamPtr stream_;
  std::string received_;
  Event changed_;
  bool ended_ = false;
};

inline std::string upgrade_request(std::string_view path, std::string_view more_headers = {}) {
  std::string request = "GET ";
  request.append(path).append(
      " HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n");
  return request.append(more_headers).append("\r\n");
}

}  // namespace verdin::test
