// What waits for a socket whose handler blocks: copies of the packets, in order.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include <verdin/protocol/json/document.hpp>
#include <verdin/socketio/impl/socket_state.hpp>

namespace verdin::sio::impl {

struct SocketState::Mail {
  explicit Mail(std::span<const char> packet) : size(packet.size()) {
    text.reserve(size + json::kPadding);
    text.assign(packet.data(), size);
    text.append(json::kPadding, '\0');
  }
  /// `padded`: json::kPadding octets longer than the packet.
  Mail(std::string padded, std::vector<SharedBuffer> with)
      : text(std::move(padded)), size(text.size() - json::kPadding), attachments(std::move(with)) {}

  std::string text;  // the packet's, json::kPadding octets behind it
  std::size_t size;
  std::vector<SharedBuffer> attachments;

  std::size_t octets() const noexcept {
    std::size_t octets = sizeof(Mail) + text.capacity();
    for (const SharedBuffer& attachment : attachments) octets += attachment.size();
    return octets;
  }
};

struct SocketState::Mailbox {
  std::deque<Mail> mails;
  std::size_t octets = 0;
};

}  // namespace verdin::sio::impl
