#include "net/openssl/loop_stream.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/net/address.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/spawn.hpp>

namespace verdin::net::impl {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;     // a record of TLS
constexpr std::size_t kEncodeAhead = 64 * 1024;  // what waits for the kernel
constexpr std::size_t kKeptQueue = 16 * 1024;    // of one that is empty
// A record costs some microseconds, a change of keys 60: a turn takes 2 ms at most, or one call of OpenSSL.
constexpr unsigned kWorkATurn = 32;
constexpr unsigned kWorkOfARead = 4;
constexpr std::size_t kEncodedATurn = 1024 * 1024;
constexpr std::chrono::seconds kLeaveWithin(5);

class TlsLoopStream final : public loop::Stream,
                            public RefCounted<TlsLoopStream>,
                            private verdin::impl::Runnable {
 public:
  explicit TlsLoopStream(std::unique_ptr<TlsConnection> connection)
      : hub_(Hub::current()),
        connection_(std::move(connection)),
        readable_(hub_.loop().readiness(fd(), loop::Interest::read, &TlsLoopStream::on_readable, this)),
        writable_(hub_.loop().readiness(fd(), loop::Interest::write, &TlsLoopStream::on_turn_of, this)),
        next_turn_(hub_.loop(), &TlsLoopStream::on_turn_of, this),
        leave_timer_(hub_.loop(), loop::on_timer<&TlsLoopStream::end_alive>, this),
        fork_watch_(hub_.loop().on_fork([this] { stand_still(); })) {
    callback = &TlsLoopStream::on_turn;
  }
  /// The holder of the StreamPtr has a reference.
  void begin() { self_ = IntrusivePtr<TlsLoopStream>(this); }

  void set_handler(loop::StreamHandler* handler) override {
    handler_ = handler;
    read_soon();
  }

  void send(std::string_view bytes) override { send_in_place().append(bytes); }
  void send(const SharedBuffer& buffer) override { send(buffer.view()); }
  std::string& send_in_place() override {
    work_soon();
    return queue_;
  }
  /// In octets of the sender's: what TLS says besides (answers to changes of keys, say) would hide that a
  /// peer takes nothing.
  std::size_t unsent() const override { return failed_ ? 0 : queue_.size() - encoded_ + in_flight(); }
  void flush() override {
    if (unsent() == 0) return;
    blocked_ = true;
    work_soon();
  }

  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    read_soon();
  }
  bool peer_gone() const override;

  loop::Loop& loop() const override { return hub_.loop(); }
  int fd() const override { return connection_->socket().fd(); }
  std::string peer_address() const override;

 private:
  friend class RefCounted<TlsLoopStream>;
  using Wish = TlsConnection::Wish;
  ~TlsLoopStream() override { unqueue(); }

  void close() override {
    handler_ = nullptr;
    const IntrusivePtr<TlsLoopStream> last = std::move(self_);
    end();
  }

  /// In a child of fork() the connection is the parent's, and so is what it had queued. A greenlet holds what
  /// is retired, so that the hub's end is its end, too.
  void finish() override {
    handler_ = nullptr;
    const IntrusivePtr<TlsLoopStream> self = std::move(self_);
    if (closed_ || made_.is_parents()) return end();
    finishing_ = true;
    try {
      // At once: the hub may be about to end.
      if (!working_) write_some();
      spawn_detached([self] { self->gone_.wait(); }, "retired TLS stream");
    } catch (const std::bad_alloc&) {
      return end();
    }
    leave_timer_.start(kLeaveWithin);
    read_soon();
  }

  void end() noexcept {
    if (std::exchange(closed_, true)) return;
    leave_timer_.stop();
    next_turn_.stop();
    unqueue();
    readable_.reset();
    writable_.reset();
    connection_->close();
    gone_.set();
  }

  /// Nothing is done where it was asked for: the callers may stand in a callback of this, or in a greenlet.
  void work_soon() noexcept {
    if (!closed_ && !queued()) hub_.make_ready(static_cast<verdin::impl::Runnable&>(*this));
  }
  void read_soon() noexcept {
    read_due_ = true;
    work_soon();
  }
  static void on_turn(verdin::impl::Runnable* self) { static_cast<TlsLoopStream*>(self)->work(); }
  static void on_turn_of(void* self) { static_cast<TlsLoopStream*>(self)->work(); }
  static void on_readable(void* self) {
    static_cast<TlsLoopStream*>(self)->read_due_ = true;
    static_cast<TlsLoopStream*>(self)->work();
  }
  void end_alive() {
    const IntrusivePtr<TlsLoopStream> alive(this);
    end();
  }
  /// The rest of much, when the loop has polled and rung: a hub that runs what is ready does neither.
  void go_on_next_turn() { next_turn_.start(hub_.loop().now()); }

  void work() {
    const IntrusivePtr<TlsLoopStream> alive(this);
    if (made_.is_parents()) [[unlikely]]
      return work_in_child();
    working_ = true;
    try {
      write_some();
      if (read_due_) read_some();
      if (unsent() > 0 || finishing_) write_some();  // answers to what was read
    } catch (const std::bad_alloc&) {
      failed_ = std::make_error_code(std::errc::not_enough_memory);
    }
    working_ = false;
    if (closed_) return;
    if (failed_) tell_failure();
    if (finishing_ && (failed_ || (ended_ && said_fin_))) end();
  }

  /// In a child of fork(): nothing of this keeps its hub waiting.
  void stand_still() noexcept {
    if (closed_) return;
    readable_->disarm();
    writable_->disarm();
    next_turn_.stop();
    leave_timer_.stop();
  }

  void work_in_child() {
    forget_queue();
    if (std::exchange(blocked_, false) && handler_) handler_->on_drained();
  }

  void forget_queue() noexcept {
    queue_.clear();
    encoded_ = 0;
  }

  void tell_failure() {
    forget_queue();
    if (handler_ && !std::exchange(told_, true)) handler_->on_error(failed_);
  }

  // ---- Reading

  bool wants_to_read() const noexcept {
    return !closed_ && !ended_ && !failed_ && (finishing_ || (handler_ && !paused_));
  }

  void read_some() {
    std::array<char, kReadSize + loop::kReadPadding> buffer;
    for (unsigned done = 0; done < kWorkATurn;) {
      if (!wants_to_read()) return;
      const auto [size, wish, idle] = connection_->try_recv(std::span(buffer).first(kReadSize));
      done += kWorkOfARead + idle;
      const bool more = size == kReadSize || connection_->holds_input();
      if (size > 0) {
        if (!more) await_input();
        if (handler_) handler_->on_data(std::span(buffer).first(size));
        if (!more) return;
      } else if (connection_->failure()) {
        failed_ = connection_->failure();
        return;
      } else if (wish == Wish::none) {
        ended_ = true;
        if (handler_) handler_->on_eof();
        return;
      } else {
        return wish == Wish::read ? await_input() : writable_->arm();
      }
    }
    go_on_next_turn();
  }

  /// What is there already counts, so this may be said before it is known that there is no more.
  void await_input() {
    read_due_ = false;
    readable_->arm();
  }

  // ---- Writing

  std::size_t in_flight() const noexcept {
    const std::uint64_t flushed = connection_->flushed();
    if (flushed >= in_flight_end_) return 0;
    return static_cast<std::size_t>(std::min<std::uint64_t>(in_flight_, in_flight_end_ - flushed));
  }

  void write_some() {
    std::size_t encoded = 0;
    while (!closed_ && !failed_) {
      if (!flush_encoded()) return;
      if (encoded_ == queue_.size()) return all_written();
      if (encoded >= kEncodedATurn) return go_on_next_turn();
      const std::size_t size = encode_some();
      if (size == 0) return;
      encoded += size;
    }
  }

  /// False: it is waited for, or has failed.
  bool flush_encoded() {
    std::error_code error;
    if (connection_->pending() == 0 || connection_->flush_now(error)) return true;
    if (error) {
      failed_ = error;
    } else {
      writable_->arm();
    }
    return false;
  }

  /// How much of the queue. Nothing: it is waited for, or has failed.
  std::size_t encode_some() {
    std::size_t encoded = 0;
    while (encoded_ < queue_.size() && connection_->pending() < kEncodeAhead) {
      const auto attempt = connection_->try_send(std::string_view(queue_).substr(encoded_));
      if (attempt.size > 0) {
        encoded_ += attempt.size;
        encoded += attempt.size;
        in_flight_ = in_flight() + attempt.size;
        in_flight_end_ = connection_->flushed() + connection_->pending();
        continue;
      }
      if (attempt.wish == Wish::none) {
        failed_ = connection_->failure();
      } else if (attempt.wish == Wish::read) {
        // The peer has begun a message (new keys, say), and OpenSSL writes nothing until all of it is here.
        // It reads on as it is asked to write, also for a handler that has paused.
        readable_->arm();
      }
      break;
    }
    drop_encoded();
    return encoded;
  }

  /// A queue that is never empty must not grow for ever.
  void drop_encoded() {
    if (encoded_ < queue_.size() && encoded_ < std::max(kEncodeAhead, queue_.size() / 2)) return;
    queue_.erase(0, encoded_);
    encoded_ = 0;
    if (queue_.empty() && queue_.capacity() > kKeptQueue) queue_.shrink_to_fit();
  }

  void all_written() {
    if (std::exchange(blocked_, false) && handler_) handler_->on_drained();
    if (!finishing_ || closed_ || said_fin_) return;
    connection_->say_goodbye();  // once
    if (!flush_encoded()) return;
    said_fin_ = true;
    ::shutdown(fd(), SHUT_WR);
  }

  Hub& hub_;
  std::unique_ptr<TlsConnection> connection_;
  const loop::ProcessMark made_;
  IntrusivePtr<TlsLoopStream> self_;  // the holder's
  Event gone_;
  loop::StreamHandler* handler_ = nullptr;
  loop::ReadinessPtr readable_;
  loop::ReadinessPtr writable_;
  loop::DeadlineTimer next_turn_;
  loop::Timer leave_timer_;  // retired: how long that may take
  loop::WatchPtr fork_watch_;
  std::string queue_;
  std::size_t encoded_ = 0;          // of that
  std::size_t in_flight_ = 0;        // of it, encoded and not all sent
  std::uint64_t in_flight_end_ = 0;  // where that ends in all that is encoded
  std::error_code failed_;
  bool read_due_ = false;
  bool paused_ = false;
  bool blocked_ = false;    // on_drained() is due
  bool finishing_ = false;  // retired
  bool said_fin_ = false;   // all is sent, and close_notify behind it
  bool working_ = false;
  bool closed_ = false;
  bool ended_ = false;  // nothing more comes
  bool told_ = false;   // on_error(), which is the last
};

bool TlsLoopStream::peer_gone() const {
  if (ended_ || closed_) return true;
  // Behind what is not read yet.
  pollfd state{fd(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 1;
}

std::string TlsLoopStream::peer_address() const {
  try {
    return connection_->socket().peer_address().host();
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace

loop::StreamPtr tls_loop_stream(std::unique_ptr<TlsConnection> connection) {
  auto stream = make_intrusive<TlsLoopStream>(std::move(connection));
  stream->begin();
  return loop::StreamPtr(stream.get());
}

}  // namespace verdin::net::impl
