// The half of LibevLoop that calls the kernel for several streams, one after the other.
//
// The kernel's part of a small message and ours throw each other out of the caches (and out of what predicts
// branches), each time that one follows the other. So what is to be known is gathered first, then come the
// calls, with a few instructions between them, and then what is made of the results: a request over HTTP
// costs some 100 cycles less than where every stream makes its calls itself (docs/performance.md; rows of 32
// to be read bring 15 more, rows of 64 to be sent cost 80).
#include <algorithm>
#include <array>
#include <cerrno>

#include "loop/libev/libev_loop.hpp"
#include "loop/libev/libev_stream.hpp"
#include "loop/plain_calls.hpp"

namespace verdin::loop {

/// Those that come next and are to be read, with nothing read yet.
void LibevLoop::choose_received() noexcept {
  while (received_.size() < kMostReceived && !ready_.empty()) {
    const Ready next = ready_.back();
    if (next.events != EV_READ || !next.stream->may_be_read() || next.stream->expects_bulk()) return;
    received_.push_back({next.stream, next.stream->fd(), 0, 0});
    ready_.pop_back();
  }
}

/// False if the next one is not to be read, or not with others. Whoever sends much ends the row: handlers see
/// what was read before more is.
bool LibevLoop::receive_several() noexcept {
  constexpr std::size_t kLine = 64;  // of the cache
  received_.clear();
  next_received_ = 0;
  choose_received();
  std::size_t count = 0;
  for (std::size_t at = 0; at < kFewOctets && count < received_.size(); ++count) {
    Received& each = received_[count];
    each.at = at;
    each.result = plain::recv(each.fd, read_buffer() + at, kMostRead, 0);
    if (each.result < 0) each.result = -errno;
    if (each.result > 0)
      at += (static_cast<std::size_t>(each.result) + kReadPadding + kLine - 1) / kLine * kLine;
  }
  for (; received_.size() > count; received_.pop_back()) add_ready(*received_.back().stream, EV_READ);
  return count > 0;
}

void LibevLoop::deliver_received() {
  while (next_received_ < received_.size()) {
    const Received next = received_[next_received_++];
    next.stream->on_received(read_buffer() + next.at, next.result);
  }
}

// A flush never calls a handler, so nothing is added while the list is walked.
void LibevLoop::flush_dirty() {
  flushing_.swap(dirty_);
  for (std::span<LibevStream* const> rest(flushing_); !rest.empty();) {
    const std::size_t count = std::min(rest.size(), kMostSent);
    flush_several(rest.first(count));
    rest = rest.subspan(count);
  }
  flushing_.clear();
}

void LibevLoop::flush_several(std::span<LibevStream* const> streams) {
  struct Sent {
    LibevStream* stream;
    const char* octets;
    std::size_t size;
    int fd;
    ssize_t result;
  };
  std::array<Sent, kMostSent> sent;
  std::size_t count = 0;
  for (LibevStream* const stream : streams) {
    const std::string_view octets = stream->begin_flush();
    if (!octets.empty()) sent[count++] = {stream, octets.data(), octets.size(), stream->fd(), 0};
  }
  for (std::size_t i = 0; i < count; ++i) {
    sent[i].result = plain::send(sent[i].fd, sent[i].octets, sent[i].size, 0);
    if (sent[i].result < 0) sent[i].result = -errno;
  }
  for (std::size_t i = 0; i < count; ++i) sent[i].stream->end_flush(sent[i].result);
}

}  // namespace verdin::loop
