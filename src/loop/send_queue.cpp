#include "loop/send_queue.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "loop/plain_calls.hpp"

namespace verdin::loop {

namespace {
constexpr std::size_t kGatherLimit = 32;
constexpr std::size_t kTrimmed = 16 * 1024;
constexpr std::size_t kWorthATrim = 2 * 1024;
}  // namespace

void SendQueue::append(const SharedBuffer& buffer) {
  if (buffer.size() <= kCopyLimit) {
    own_.append(buffer.view());
    return;
  }
  shared_.push_back({own_.size(), buffer});
  shared_unsent_ += buffer.size();
}

ssize_t SendQueue::write_through(int fd, SendQueue* queue, std::string_view bytes) {
  std::array<iovec, 16> pieces;
  const std::size_t queued = queue ? queue->gather(std::span(pieces).first(pieces.size() - 1)) : 0;
  std::size_t before = 0;
  for (std::size_t i = 0; i < queued; ++i) before += pieces[i].iov_len;
  const bool is_whole = !queue || before == queue->size();
  if (is_whole) pieces[queued] = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = queued + (is_whole ? 1 : 0);
  ssize_t n;
  do {
    n = plain::sendmsg(fd, message, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
  const auto sent = static_cast<std::size_t>(n);
  if (queue) queue->consume(std::min(sent, before));
  return static_cast<ssize_t>(sent - std::min(sent, before));
}

std::size_t SendQueue::gather(std::span<iovec> to) const {
  std::size_t count = 0;
  const auto put = [&](const char* data, std::size_t size) {
    if (size > 0 && count < to.size()) to[count++] = {const_cast<char*>(data), size};
  };
  std::size_t position = own_sent_;
  std::size_t offset = shared_offset_;
  for (std::size_t i = shared_first_; i < shared_.size() && count < to.size(); ++i) {
    put(own_.data() + position, shared_[i].at - position);
    position = shared_[i].at;
    const std::string_view bytes = shared_[i].buffer.view().substr(offset);
    put(bytes.data(), bytes.size());
    offset = 0;
  }
  put(own_.data() + position, own_.size() - position);
  return count;
}

SendQueue::Written SendQueue::write(int fd, int flags) const {
  if (is_plain()) return {plain::send(fd, plain().data(), plain().size(), flags), true};
  std::array<iovec, kGatherLimit> pieces;
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = gather(pieces);
  return {plain::sendmsg(fd, message, flags), message.msg_iovlen < kGatherLimit};
}

void SendQueue::consume(std::size_t count) {
  if (count == size()) return clear();
  while (count > 0) {
    const std::size_t own_end = shared_first_ < shared_.size() ? shared_[shared_first_].at : own_.size();
    const std::size_t own_part = std::min(count, own_end - own_sent_);
    own_sent_ += own_part;
    count -= own_part;
    if (count == 0) break;
    const std::size_t left = shared_[shared_first_].buffer.size() - shared_offset_;
    const std::size_t part = std::min(count, left);
    count -= part;
    shared_unsent_ -= part;
    shared_offset_ += part;
    if (part == left) {
      shared_[shared_first_++].buffer = {};
      shared_offset_ = 0;
    }
  }
  compact();
}

/// A peer that reads slowly and for ever must not make the sent part grow.
void SendQueue::compact() {
  if (own_sent_ > 64 * 1024 && own_sent_ > own_.size() / 2) {
    own_.erase(0, own_sent_);
    for (std::size_t i = shared_first_; i < shared_.size(); ++i) shared_[i].at -= own_sent_;
    own_sent_ = 0;
  }
  if (shared_first_ > 64 && shared_first_ > shared_.size() / 2) {
    shared_.erase(shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(shared_first_));
    shared_first_ = 0;
  }
}

void SendQueue::trim() {
  const std::size_t left = own_.size() - own_sent_;
  if (left > kTrimmed || !shared_.empty() || own_.capacity() <= 2 * left + kWorthATrim) return;
  own_.erase(0, own_sent_);
  own_sent_ = 0;
  own_.shrink_to_fit();  // without memory it stays
}

void SendQueue::clear() {
  own_.clear();
  if (!shared_.empty()) shared_.clear();
  own_sent_ = shared_first_ = shared_offset_ = shared_unsent_ = 0;
}

std::unique_ptr<SendQueue> SendQueuePool::take() {
  if (idle_.empty()) return std::make_unique<SendQueue>();
  auto queue = std::move(idle_.back());
  idle_.pop_back();
  queue->taken_ = {};
  return queue;
}

void SendQueuePool::give_back(std::unique_ptr<SendQueue> queue) noexcept {
  if (idle_.size() >= kKept || queue->capacity() > kKeptCapacity) return;
  if (!queue->is_clear()) queue->clear();
  idle_.push_back(std::move(queue));
}

}  // namespace verdin::loop
