#include "net/datagram_batch.hpp"

#include <algorithm>

namespace verdin::net {

ReceiveBatch::ReceiveBatch(std::size_t count)
    : buffers_(new char[count * kSize]), names_(count), pieces_(count), messages_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    pieces_[i] = {buffers_.get() + i * kSize, kSize};
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = &names_[i];
  }
}

int ReceiveBatch::receive(int fd) noexcept {
  for (mmsghdr& message : messages_) message.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  return ::recvmmsg(fd, messages_.data(), static_cast<unsigned>(messages_.size()), MSG_DONTWAIT, nullptr);
}

int OutgoingDatagrams::send(int fd) {
  const std::size_t count = std::min(queue_.size(), batch_);
  pieces_.resize(count);
  messages_.assign(count, mmsghdr{});
  for (std::size_t i = 0; i < count; ++i) {
    Outgoing& outgoing = queue_[i];
    pieces_[i] = {outgoing.data.data(), outgoing.data.size()};
    messages_[i].msg_hdr.msg_iov = &pieces_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = const_cast<sockaddr*>(outgoing.to.data());
    messages_[i].msg_hdr.msg_namelen = outgoing.to.size();
  }
  return ::sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void OutgoingDatagrams::drop(std::size_t count) {
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace verdin::net
