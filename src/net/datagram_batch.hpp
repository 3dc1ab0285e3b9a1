// Many datagrams in one system call: buffers for receiving, and what waits to be sent.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include <verdin/net/address.hpp>

namespace verdin::net {

class ReceiveBatch {
 public:
  static constexpr std::size_t kSize = 64 * 1024;  // no datagram is longer

  explicit ReceiveBatch(std::size_t count);
  /// As recvmmsg(2): how many came, or -1 and errno.
  int receive(int fd) noexcept;
  std::string_view data(std::size_t index) const noexcept {
    return {buffers_.get() + index * kSize, messages_[index].msg_len};
  }
  Address from(std::size_t index) const noexcept {
    return {reinterpret_cast<const sockaddr*>(&names_[index]), messages_[index].msg_hdr.msg_namelen};
  }

 private:
  std::unique_ptr<char[]> buffers_;
  std::vector<sockaddr_storage> names_;
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> messages_;
};

class OutgoingDatagrams {
 public:
  explicit OutgoingDatagrams(std::size_t batch) : batch_(batch) {}

  std::size_t size() const noexcept { return queue_.size(); }
  void push(std::string_view data, const Address& to) { queue_.push_back({std::string(data), to}); }
  /// As sendmmsg(2), for the first of the queue: how many went, or -1 and errno.
  int send(int fd);
  void drop(std::size_t count);
  void clear() noexcept { queue_.clear(); }

 private:
  struct Outgoing {
    std::string data;
    Address to;
  };
  std::size_t batch_;
  std::deque<Outgoing> queue_;
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> messages_;
};

}  // namespace verdin::net
