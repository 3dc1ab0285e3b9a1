#include <array>
#include <chrono>
#include <string>
#include <utility>

#include <poll.h>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/net/address.hpp>
#include <verdin/net/loop_stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/spawn.hpp>

namespace verdin::net {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::chrono::seconds kFarewell(5);

class LoopStream final : public loop::Stream, public RefCounted<LoopStream> {
 public:
  explicit LoopStream(std::unique_ptr<StreamSocket> socket)
      : hub_(Hub::current()), socket_(std::move(socket)) {}

  /// The holder of the StreamPtr has one reference, each greenlet another.
  void begin() {
    self_ = IntrusivePtr<LoopStream>(this);
    spawn_detached([self = self_] { self->write_all(); }, "stream writer");
  }

  void set_handler(loop::StreamHandler* handler) override {
    handler_ = handler;
    if (!handler || std::exchange(reading_, true)) return;
    spawn_detached([self = self_] { self->read_all(); }, "stream reader");
  }

  void send(std::string_view bytes) override { send_in_place().append(bytes); }
  void send(const SharedBuffer& buffer) override { send(buffer.view()); }
  std::string& send_in_place() override {
    to_write_.set();
    return queue_;
  }
  std::size_t unsent() const override { return queue_.size() + sending_.size(); }
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
  ~LoopStream() = default;

  void close() override {
    handler_ = nullptr;
    closed_ = true;
    socket_->close();
    wake_both();
    const IntrusivePtr<LoopStream> last = std::move(self_);
  }

  void finish() override {
    handler_ = nullptr;
    finishing_ = true;
    wake_both();
    const IntrusivePtr<LoopStream> last = std::move(self_);
  }

  void wake_both() {
    to_write_.set();
    resumed_.set();
  }

  /// Nothing is read while paused, and what had come before is kept; at the end all is read and dropped.
  void wait_while_paused() {
    while (paused_ && !closed_ && !finishing_) {
      resumed_.clear();
      resumed_.wait();
    }
  }

  void read_all() {
    std::array<char, kPiece + loop::kReadPadding> buffer;
    while (!closed_) {
      wait_while_paused();
      if (closed_) break;
      std::error_code error;
      const std::size_t size = socket_->recv(std::span(buffer).first(kPiece), error);
      if (size == 0 || error) ended_ = true;
      wait_while_paused();
      if (ended_) return tell_end(error);
      if (handler_) handler_->on_data(std::span(buffer).first(size));
    }
  }

  void tell_end(std::error_code error) {
    read_to_end_.set();
    if (!handler_) return;
    if (error) return handler_->on_error(error);
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
    if (finishing_) {
      socket_->send_all(sending_, error, kFarewell);
    } else {
      socket_->send_all(sending_, error);
    }
    sending_.clear();
    if (closed_) return false;
    if (error) {
      ended_ = true;
      queue_.clear();
      if (finishing_) socket_->close();
      if (handler_) handler_->on_error(error);
      return false;
    }
    if (queue_.empty() && std::exchange(blocked_, false) && handler_) handler_->on_drained();
    return true;
  }

  void take_leave() {
    std::error_code ignored;
    try {
      socket_->shutdown_write(kFarewell);
      if (reading_) read_to_end_.wait_for(kFarewell);
    } catch (const std::system_error&) {
      // It is closed all the same.
    }
    closed_ = true;
    socket_->close();
    wake_both();
  }

  Hub& hub_;
  std::unique_ptr<StreamSocket> socket_;
  IntrusivePtr<LoopStream> self_;  // the holder's
  loop::StreamHandler* handler_ = nullptr;
  std::string queue_;
  std::string sending_;
  Event to_write_;
  Event resumed_;
  Event read_to_end_;
  bool reading_ = false;  // there is a greenlet for it
  bool paused_ = false;
  bool blocked_ = false;    // on_drained() is due
  bool finishing_ = false;  // retired
  bool closed_ = false;
  bool ended_ = false;  // nothing more comes
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
  auto stream = make_intrusive<LoopStream>(std::move(socket));
  stream->begin();
  return loop::StreamPtr(stream.get());
}

}  // namespace verdin::net
