// MemoryStream: a loop::Stream without a socket, for tests that say what the peer sends, octet by octet, what
// it takes and when it goes away. What happens to it is written into a MemoryPeer, which outlives it.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <verdin/loop/stream.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/sleep.hpp>

namespace verdin::tests {

class MemoryStream;

struct MemoryPeer {
  std::string received;  // what the server has written and the "kernel" has taken
  std::size_t window = static_cast<std::size_t>(-1);  // octets that the "kernel" will still take
  std::optional<std::size_t> room;                    // what it says of that, if it is not true
  std::string waiting;                                // sent, and not read by the server
  bool paused = false;
  bool left = false;      // the peer has gone, and nothing reads that
  bool finished = false;  // retired: FIN behind what was queued
  bool closed = false;    // dropped
  MemoryStream* stream = nullptr;

  bool gone() const { return finished || closed; }
  std::string take() { return std::exchange(received, {}); }
  /// In pieces of that size; what comes behind a pause() goes to `waiting`.
  inline void send(std::string_view octets, std::size_t piece_size = static_cast<std::size_t>(-1));
  inline void send_eof();
  inline void fail();
  /// The peer reads `more` octets.
  inline void open_window(std::size_t more);
  inline void settle();

 private:
  template <typename F>
  void in_hub(F&& call);
};

class MemoryStream final : public loop::Stream {
 public:
  static loop::StreamPtr make(std::shared_ptr<MemoryPeer> peer) {
    return loop::StreamPtr(new MemoryStream(std::move(peer)));
  }

  void set_handler(loop::StreamHandler* handler) override { handler_ = handler; }
  void send(std::string_view bytes) override { queue_.append(bytes); }
  void send(const SharedBuffer& buffer) override { queue_.append(buffer.view()); }
  std::string& send_in_place() override { return queue_; }
  std::size_t unsent() const override { return queue_.size(); }
  void flush() override {
    const std::size_t size = std::min(queue_.size(), peer_->window);
    peer_->received.append(queue_, 0, size);
    if (peer_->window != static_cast<std::size_t>(-1)) peer_->window -= size;
    queue_.erase(0, size);
    blocked_ = !queue_.empty();
  }
  std::size_t room() const override { return peer_->room.value_or(peer_->window); }
  void pause() override { peer_->paused = true; }
  void resume() override { peer_->paused = false; }
  loop::Loop& loop() const override { return Hub::current().loop(); }
  bool peer_gone() const override { return peer_->left; }
  int fd() const override { return -1; }
  std::string peer_address() const override { return "192.0.2.1"; }

  loop::StreamHandler* handler() const { return handler_; }
  void end_turn() {
    const bool was_blocked = blocked_;
    flush();
    if (was_blocked && !blocked_ && handler_) handler_->on_drained();
  }

 private:
  explicit MemoryStream(std::shared_ptr<MemoryPeer> peer) : peer_(std::move(peer)) { peer_->stream = this; }
  void close() override {
    peer_->closed = !peer_->finished;
    peer_->stream = nullptr;
    delete this;
  }
  void finish() override {
    peer_->received += queue_;  // retired: the peer gets it in its time
    peer_->finished = true;
    close();
  }

  std::shared_ptr<MemoryPeer> peer_;
  loop::StreamHandler* handler_ = nullptr;
  std::string queue_;
  bool blocked_ = false;
};

// Everything that a loop would call is called in the hub; the calling greenlet waits until all has run.
template <typename F>
void MemoryPeer::in_hub(F&& call) {
  Event done;
  Hub::current().post([&] {
    if (stream && stream->handler()) call(*stream->handler());
    done.set();
  });
  done.wait();
  settle();
}

inline void MemoryPeer::send(std::string_view octets, std::size_t piece_size) {
  in_hub([&](loop::StreamHandler&) {
    for (; !octets.empty() && stream && stream->handler() && !paused;) {
      const std::size_t size = std::min(piece_size, octets.size());
      // Behind the octets there is room, as the contract says; the octets themselves may be changed.
      std::string data(octets.substr(0, size));
      data.append(loop::kReadPadding, '\0');
      stream->handler()->on_data({data.data(), size});
      if (stream) stream->end_turn();
      octets.remove_prefix(size);
    }
  });
  waiting.append(octets);
}
inline void MemoryPeer::send_eof() {
  in_hub([](loop::StreamHandler& handler) { handler.on_eof(); });
}
inline void MemoryPeer::fail() {
  in_hub([](loop::StreamHandler& handler) {
    handler.on_error(std::make_error_code(std::errc::connection_reset));
  });
}
inline void MemoryPeer::open_window(std::size_t more) {
  window += more;
  settle();
}

/// Turns, until what was to be done soon is done.
inline void MemoryPeer::settle() {
  for (int i = 0; i < 3; ++i) {
    Event done;
    Hub::current().post([&] {
      if (stream) stream->end_turn();
      done.set();
    });
    done.wait();
  }
}

/// Waits until `holds()`, for some seconds at most. False if it never did.
template <typename F>
bool eventually(F&& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    verdin::sleep(std::chrono::milliseconds(3));
  }
  return false;
}

}  // namespace verdin::tests
