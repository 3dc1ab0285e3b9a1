// What a UringStream receives.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include <poll.h>
#include <sys/socket.h>

#include "loop/uring/uring_stream.hpp"

namespace verdin::loop {
namespace {

// As much as the other backends read of a stream in a turn.
constexpr std::size_t kTurnBudget = 64 * 1024;
// So much in one turn is worth a poll and a call of its own the next time: from two buffers on they cost less
// than the completions. What fits one buffer is not. A single small piece, the end of a message, may lie
// between large ones.
constexpr std::size_t kBulk = 2 * ReceiveBuffers::kSize;
constexpr std::size_t kNotBulk = ReceiveBuffers::kSize;
constexpr std::uint8_t kSmallOnes = 4;
// There is rarely less: small pieces that double would litter the heap.
constexpr std::size_t kLeastKept = 64 * 1024;

}  // namespace

/// Several receives at once would race for the data: a new one waits for the old one's end.
void UringStream::prepare_receive() {
  if (!receive_changes()) return;
  if (receiving_) {
    cancelling_ = true;
    return cancel(Tag::receive);
  }
  io_uring_sqe* entry = loop_.entry();
  if (bulk_) {
    io_uring_prep_poll_add(entry, fd_, POLLIN);
  } else {
    io_uring_prep_recv_multishot(entry, fd_, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ReceiveBuffers::kGroup;
  }
  entry->user_data = user_data(this, Tag::receive);
  receiving_ = true;
  polling_ = bulk_;
  ++operations_;
}

void UringStream::on_receive(int result, unsigned flags) {
  const bool polled = polling_;
  if (!(flags & IORING_CQE_F_MORE)) {
    receiving_ = polling_ = cancelling_ = false;
    --operations_;
  }
  // Whatever a handler throws.
  struct Update {
    UringStream& stream;
    ~Update() {
      if (!stream.receiving_) stream.update();
    }
  } update{*this};
  polled ? on_poll(result) : on_multishot(result, flags);
}

void UringStream::on_multishot(int result, unsigned flags) {
  // Whatever a handler throws.
  struct Recycle {
    ReceiveBuffers& buffers;
    unsigned flags;
    ProcessMark received{};
    ~Recycle() {
      if (flags & IORING_CQE_F_BUFFER && !received.is_parents())
        buffers.recycle(ReceiveBuffers::number_of(flags));
    }
  } recycle{loop_.buffers(), flags};
  if (result > 0 && (flags & IORING_CQE_F_BUFFER)) {
    take_data(loop_.buffers().at(ReceiveBuffers::number_of(flags)), static_cast<std::size_t>(result));
    if (delivered_ >= kBulk) [[unlikely]]
      look_for_bulk();
  } else if (result == 0) {
    take_end(0);
  } else if (result == -ENOBUFS) {
    // Where all are in circulation and taken, to ask again would be to ask each turn, with hundreds of
    // others: a poll needs none, and is served in its turn.
    if (!loop_.buffers().grow()) go_to_bulk();
  } else if (result < 0 && !try_again(result)) {
    take_end(-result);
  }
}

void UringStream::look_for_bulk() noexcept {
  if (budget_turn_ == loop_.turns()) go_to_bulk();
}

bool UringStream::go_to_bulk() noexcept {
  if (bulk_) return true;
  if (closed_ || !loop_.bulk_buffer()) return false;  // there is no memory for it
  bulk_ = true;
  small_in_bulk_ = 0;
  update();
  return true;
}

void UringStream::expect_bulk() { large_ = go_to_bulk(); }

/// What the poll says is not looked at: receiving tells it better.
void UringStream::on_poll(int result) {
  if (result < 0 && !try_again(result)) bulk_ = false;  // it cannot be polled
  if (result > 0 && wants_receive()) receive_bulk();
}

void UringStream::receive_bulk() {
  char* const data = loop_.bulk_buffer();
  const std::size_t most = loop_.bulk().read_size(large_);
  large_ = false;
  const ssize_t n = ::recv(fd_, data, most, MSG_DONTWAIT);
  if (n < 0) {
    if (!try_again(-errno)) take_end(errno);
    return;
  }
  if (n == 0) return take_end(0);
  const auto size = static_cast<std::size_t>(n);
  loop_.bulk().count(size);
  small_in_bulk_ = size < kNotBulk ? small_in_bulk_ + 1 : 0;
  if (small_in_bulk_ == kSmallOnes) bulk_ = false;
  take_data(data, size);
}

void UringStream::take_data(char* data, std::size_t size) {
  if (closed_ || error_ != 0 || finish_timer_) return;
  if (!wants_data() || kept_ || over_budget(size)) {
    try {
      keep(data, size);
    } catch (const std::bad_alloc&) {  // a piece is missing
      fail(ENOMEM);
    }
    return update();
  }
  handler_->on_data({data, size});
}

/// A receive takes what there is, and one peer that floods could fill a turn with megabytes.
bool UringStream::over_budget(std::size_t size) noexcept {
  if (budget_turn_ != loop_.turns()) {
    budget_turn_ = loop_.turns();
    delivered_ = 0;
  }
  if (delivered_ >= kTurnBudget) return true;
  delivered_ += static_cast<std::uint32_t>(size);
  return false;
}

void UringStream::take_end(int error) {
  if (closed_ || error_ != 0 || eof_) return;
  if (!finish_timer_ && (!wants_data() || kept_)) {
    try {
      if (!kept_) kept_ = std::make_unique<Kept>();
    } catch (const std::bad_alloc&) {
      fail(error != 0 ? error : ENOMEM);
      return update();
    }
    kept_->ended = error == 0;
    kept_->error = error;
    return;
  }
  if (error != 0) {
    fail(error);
    return update();
  }
  eof_ = true;
  update();
  if (finish_timer_) {
    if (fin_sent_) end_finishing();
  } else {
    handler_->on_eof();
  }
}

void UringStream::keep(const char* data, std::size_t size) {
  if (!kept_) kept_ = std::make_unique<Kept>();
  if (kept_->size + size > kept_->capacity) {
    const std::size_t capacity = std::max({kept_->size + size, kept_->capacity * 2, kLeastKept});
    std::unique_ptr<char[]> larger(new char[capacity + kReadPadding]);
    if (kept_->size > 0) std::memcpy(larger.get(), kept_->data.get(), kept_->size);
    kept_->data = std::move(larger);
    kept_->capacity = capacity;
  }
  std::memcpy(kept_->data.get() + kept_->size, data, size);
  kept_->size += size;
}

void UringStream::deliver_kept() {
  resumed_ = false;
  if (!wants_data() || !kept_) return;
  // Whatever a handler throws.
  struct Update {
    UringStream& stream;
    ~Update() { stream.update(); }
  } update{*this};
  if (!finish_timer_) {
    const std::size_t size = std::min(kept_->size - kept_->begin, kTurnBudget);
    if (over_budget(size)) return;
    if (size > 0) deliver_kept_data(size);
    if (!kept_ || !wants_data() || (!finish_timer_ && kept_->size > 0)) return;
  }
  const std::unique_ptr<Kept> kept = std::move(kept_);
  if (kept->ended || kept->error != 0) take_end(kept->error);
}

/// Meanwhile the octets are not the stream's, which the handler may drop; what the handler leaves or throws,
/// the rest of them and the end behind them are the stream's again.
void UringStream::deliver_kept_data(std::size_t size) {
  // The handler may use the octets behind its data, and the next part lies there.
  struct Part {
    UringStream& stream;
    std::unique_ptr<Kept> kept;
    char* behind;
    std::array<char, kReadPadding> saved{};
    ~Part() {
      std::memcpy(behind, saved.data(), kReadPadding);
      if (stream.closed_) return;
      if (kept->begin == kept->size) {
        kept->data.reset();
        kept->begin = kept->size = kept->capacity = 0;
      }
      if (kept->size > 0 || kept->ended || kept->error != 0) stream.kept_ = std::move(kept);
    }
  };
  char* const data = kept_->data.get() + kept_->begin;
  kept_->begin += size;
  Part part{*this, std::move(kept_), data + size};
  std::memcpy(part.saved.data(), part.behind, kReadPadding);
  handler_->on_data({data, size});
}

}  // namespace verdin::loop
