// An Engine.IO client of raw octets beside a server on the same hub: polling requests and WebSocket frames.
#pragma once

#include <string>
#include <string_view>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_raw_client.hpp"

namespace verdin::test {

/// One polling request and its answer, on a connection of its own.
inline std::string http_exchange(http::App& app, const std::string& request) {
  RawClient client(app);
  client.send(request);
  std::string answer = client.read_until("\r\n\r\n");
  const std::size_t at = answer.find("Content-Length: ");
  if (at != std::string::npos) answer += client.read(std::stoul(answer.substr(at + 16)));
  return answer;
}

inline std::string get_request(std::string_view target, std::string_view headers = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: example.org\r\n" + std::string(headers) + "\r\n";
}

inline std::string post_request(std::string_view target, std::string_view body,
                                std::string_view headers = {}) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: example.org\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

inline std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}
inline int status_of(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

inline std::string sid_in(std::string_view open_packet) {
  const std::size_t at = open_packet.find("\"sid\":\"");
  return at == std::string_view::npos ? "" : std::string(open_packet.substr(at + 7, 22));
}

/// The polling side of one session.
class PollingPeer {
 public:
  PollingPeer(http::App& app, std::string path)
      : app_(app), target_(std::move(path) + "?EIO=4&transport=polling") {
    open_ = body_of(http_exchange(app_, get_request(target_)));
    sid_ = sid_in(open_);
    target_ += "&sid=" + sid_;
  }

  const std::string& open_packet() const { return open_; }
  const std::string& sid() const { return sid_; }
  const std::string& target() const { return target_; }
  std::string poll() { return http_exchange(app_, get_request(target_)); }
  std::string post(std::string_view payload) { return http_exchange(app_, post_request(target_, payload)); }

 private:
  http::App& app_;
  std::string target_;
  std::string open_;
  std::string sid_;
};

/// A WebSocket connection; reads unfragmented server frames.
class WebSocketPeer {
 public:
  /// `query` behind "EIO=4&transport=websocket".
  WebSocketPeer(http::App& app, const std::string& path, const std::string& query = {},
                std::string_view headers = {})
      : client_(app) {
    client_.send(upgrade_request(path + "?EIO=4&transport=websocket" + query, headers));
    head_ = client_.read_until("\r\n\r\n");
  }

  const std::string& head() const { return head_; }
  void send(std::string_view text) { client_.send(client_text(text)); }
  void send_binary(std::string_view data) { client_.send(client_binary(data)); }
  void send_raw(std::string_view octets) { client_.send(octets); }
  RawClient& raw() { return client_; }

  /// The payload of the next frame; "close:CODE" for a close frame, "gone" when the connection has ended.
  std::string receive() {
    const std::string header = client_.read(2);
    if (header.size() < 2) return "gone";
    std::size_t size = static_cast<unsigned char>(header[1]) & 0x7F;
    if (size >= 126) {
      const std::string octets = client_.read(size == 126 ? 2 : 8);
      size = 0;
      for (const char c : octets) size = size << 8 | static_cast<unsigned char>(c);
    }
    std::string payload = size > 0 ? client_.read(size) : "";
    if ((static_cast<unsigned char>(header[0]) & 0x0F) != 8) return payload;
    if (payload.size() < 2) return "close:";
    return "close:" + std::to_string(static_cast<unsigned char>(payload[0]) << 8 |
                                     static_cast<unsigned char>(payload[1]));
  }

 private:
  RawClient client_;
  std::string head_;
};

}  // namespace verdin::test
