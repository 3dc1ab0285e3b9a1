#include "net/openssl/loop_stream.hpp"

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <poll.h>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/loop.hpp>
#include <verdin/loop/timer.hpp>
#include <verdin/net/address.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/spawn.hpp>

namespace verdin::net {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::size_t kSlice = 16 * 1024;  // a record of TLS
constexpr std::size_t kKept = 16 * 1024;
constexpr std::chrono::seconds kFarewell(5);

class LoopStream final : public loop::Stream, public RefCounted<LoopStream> {
 public:
  explicit LoopStream(std::unique_ptr<StreamSocket> socket)
      : hub_(Hub::current()),
        socket_(std::move(socket)),
        finish_timer_(hub_.loop(), loop::on_timer<&LoopStream::end>, this) {}

  /// The holder of the StreamPtr has one reference, each greenlet another.
  void begin() {
    spawn_detached([self = IntrusivePtr<LoopStream>(this)] { self->guarded([&] { self->write_all(); }); },
                   "stream writer");
    self_ = IntrusivePtr<LoopStream>(this);
  }

  void set_handler(loop::StreamHandler* handler) override {
    handler_ = handler;
    resumed_.set();
    if (!handler || reading_) return;
    spawn_detached([self = self_] { self->guarded([&] { self->read_all(); }); }, "stream reader");
    reading_ = true;
  }

  void send(std::string_view bytes) override { send_in_place().append(bytes); }
  void send(const SharedBuffer& buffer) override { send(buffer.view()); }
  std::string& send_in_place() override {
    to_write_.set();
    return queue_;
  }
  std::size_t unsent() const override { return queue_.size() + sending_.size() - sent_; }
  void flush() override {
    if (unsent() > 0) blocked_ = true;
  }

  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    resumed_.set();
  }
  bool peer_gone() const override;

  loop::Loop& loop() const override { return hub_.loop(); }
  int fd() const override { return socket_->fd(); }
  std::string peer_address() const override;

 private:
  friend class RefCounted<LoopStream>;
  ~LoopStream() override = default;

  void close() override {
    handler_ = nullptr;
    const IntrusivePtr<LoopStream> last = std::move(self_);
    end();
  }

  /// In a child of fork() the connection is the parent's, and so is what it had queued.
  void finish() override {
    handler_ = nullptr;
    const IntrusivePtr<LoopStream> last = std::move(self_);
    finishing_ = true;
    if (made_.is_parents()) return end();
    finish_timer_.start(kFarewell);
    wake_both();
  }

  void end() {
    closed_ = true;
    finish_timer_.stop();
    socket_->close();
    wake_both();
  }

  void wake_both() {
    to_write_.set();
    resumed_.set();
  }

  /// A greenlet of ours that ends by an exception ends the connection: nobody else would.
  template <typename F>
  void guarded(F&& body) {
    try {
      body();
    } catch (const Interrupt&) {
      end();
      throw;
    } catch (...) {
      end();
      if (handler_) handler_->on_error(std::make_error_code(std::errc::connection_aborted));
      throw;
    }
  }

  /// Nothing is delivered while paused or without a handler, and what had come before is kept; at the end all
  /// is read and dropped.
  void wait_for_a_reader() {
    while ((paused_ || !handler_) && !closed_ && !finishing_) {
      resumed_.clear();
      resumed_.wait();
    }
  }

  void read_all() {
    std::array<char, kPiece + loop::kReadPadding> buffer;
    while (!closed_) {
      wait_for_a_reader();
      if (closed_) break;
      std::error_code error;
      const std::size_t size = socket_->recv(std::span(buffer).first(kPiece), error);
      const bool at_end = size == 0 || error;
      if (at_end) ended_ = true;
      wait_for_a_reader();
      if (at_end) return tell_end(error);
      if (handler_) handler_->on_data(std::span(buffer).first(size));
    }
  }

  void tell_end(std::error_code error) {
    read_to_end_.set();
    if (!handler_ || std::exchange(told_, true)) return;
    if (error) return handler_->on_error(error);
    told_ = false;  // of the other direction
    handler_->on_eof();
  }

  void write_all() {
    while (!closed_) {
      if (!queue_.empty()) {
        if (!write_queue()) return;
      } else if (finishing_) {
        return take_leave();
      } else {
        to_write_.clear();
        to_write_.wait();
      }
    }
  }

  /// False when the connection has ended.
  bool write_queue() {
    sending_.swap(queue_);
    std::error_code error;
    // In slices, so that it can be seen whether the peer takes anything.
    while (sent_ < sending_.size() && !error && !closed_) {
      sent_ += socket_->send_all(std::string_view(sending_).substr(sent_, kSlice), error);
    }
    sent_ = 0;
    clear(sending_);
    if (closed_) return false;
    if (error) {
      ended_ = true;
      clear(queue_);
      if (finishing_) end();
      if (handler_ && !std::exchange(told_, true)) handler_->on_error(error);
      return false;
    }
    if (queue_.empty()) {
      clear(queue_);
      if (std::exchange(blocked_, false) && handler_) handler_->on_drained();
    }
    return true;
  }

  /// A burst's memory is given back.
  static void clear(std::string& octets) {
    octets.clear();
    if (octets.capacity() > kKept) octets.shrink_to_fit();
  }

  void take_leave() {
    try {
      socket_->shutdown_write();
      if (reading_) read_to_end_.wait();
    } catch (const std::system_error&) {
      // It is closed all the same.
    }
    end();
  }

  Hub& hub_;
  std::unique_ptr<StreamSocket> socket_;
  const loop::ProcessMark made_;
  IntrusivePtr<LoopStream> self_;  // the holder's
  loop::StreamHandler* handler_ = nullptr;
  loop::Timer finish_timer_;  // retired: how long that may take
  std::string queue_;
  std::string sending_;
  std::size_t sent_ = 0;  // of that
  Event to_write_;
  Event resumed_;
  Event read_to_end_;
  bool reading_ = false;  // there is a greenlet for it
  bool paused_ = false;
  bool blocked_ = false;    // on_drained() is due
  bool finishing_ = false;  // retired
  bool closed_ = false;
  bool ended_ = false;  // nothing more comes
  bool told_ = false;   // on_error(), which is the last
};

bool LoopStream::peer_gone() const {
  if (ended_) return true;
  // Behind what is not read yet.
  pollfd state{socket_->fd(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 1;
}

std::string LoopStream::peer_address() const {
  try {
    return socket_->peer_address().host();
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace

loop::StreamPtr loop_stream(std::unique_ptr<StreamSocket> socket) {
  // Before the handshake it needs a greenlet that does it.
  if (auto* const tls = dynamic_cast<TlsStream*>(socket.get());
      tls && tls->open() && impl::TlsStreamInside::connection(*tls).shaken())
    return impl::tls_loop_stream(impl::TlsStreamInside::take(*tls));
  auto stream = make_intrusive<LoopStream>(std::move(socket));
  stream->begin();
  return loop::StreamPtr(stream.get());
}

}  // namespace verdin::net
