// A loop whose time stands still until it is told, and a stream whose peer is the test.
#pragma once

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/loop/loop.hpp>

namespace verdin::test {

class FakeLoop final : public loop::Loop {
 public:
  std::string backend() const override { return "fake"; }
  loop::StreamPtr adopt(int) override { return nullptr; }
  loop::WatchPtr accept(int, loop::AcceptHandler&) override { return nullptr; }
  loop::WatchPtr watch(int, loop::Interest, UniqueFunction<void()>) override { return nullptr; }
  loop::ReadinessPtr readiness(int, loop::Interest, loop::Readiness::Callback, void*) override {
    return nullptr;
  }
  loop::WatchPtr on_signal(int, UniqueFunction<void()>) override { return nullptr; }
  void after_fork() noexcept override {}
  void turn(bool) override {}
  void wake() noexcept override {}
  bool has_work() const noexcept override { return false; }

  void advance(std::chrono::milliseconds time) {
    now_ += time;
    wheel_.fire(now_);
  }
};

/// What the test sees of a stream, also after it is gone.
struct FakePeer {
  std::string received;                             // what the kernel took of what was sent
  std::size_t room = static_cast<std::size_t>(-1);  // what the kernel will still take
  loop::StreamHandler* handler = nullptr;
  class FakeStream* stream = nullptr;
  bool paused = false;
  bool closed = false;       // cut
  bool retired = false;      // closed politely
  bool gone_unseen = false;  // it left, and nobody has read that
  SharedBuffer shared;       // the last that was sent by reference

  bool gone() const { return closed || retired; }
  /// Octets arrive, in a block with the promised padding and nothing more.
  void deliver(std::string_view octets);
  void deliver_by_octet(std::string_view octets) {
    for (std::size_t i = 0; i < octets.size() && handler; ++i) deliver(octets.substr(i, 1));
  }
  /// The end of the loop's turn.
  void end_turn();
  /// The kernel takes so many octets more.
  void read(std::size_t octets);
  std::string take_received() { return std::exchange(received, {}); }
};

class FakeStream final : public loop::Stream {
 public:
  static loop::StreamPtr make(loop::Loop& loop, FakePeer& peer) {
    return loop::StreamPtr(new FakeStream(loop, peer));
  }

  void set_handler(loop::StreamHandler* handler) override { peer_.handler = handler; }
  void send(std::string_view bytes) override { queue_.append(bytes); }
  void send(const SharedBuffer& buffer) override {
    queue_.append(buffer.view());
    peer_.shared = buffer;
  }
  std::string& send_in_place() override { return queue_; }
  std::size_t unsent() const override { return queue_.size(); }
  void flush() override {
    if (!blocked_) write();
  }
  void pause() override { peer_.paused = true; }
  void resume() override { peer_.paused = false; }
  loop::Loop& loop() const override { return loop_; }
  bool peer_gone() const override { return peer_.gone_unseen; }
  int fd() const override { return -1; }
  std::string peer_address() const override { return "192.0.2.1"; }

  /// Whether all is written now, after a time in which it was not.
  bool write() {
    const std::size_t count = std::min(peer_.room, queue_.size());
    peer_.received.append(queue_, 0, count);
    queue_.erase(0, count);
    peer_.room -= count;
    const bool was_blocked = std::exchange(blocked_, !queue_.empty());
    return was_blocked && !blocked_;
  }

 private:
  FakeStream(loop::Loop& loop, FakePeer& peer) : loop_(loop), peer_(peer) { peer_.stream = this; }

  void leave() {
    peer_.handler = nullptr;
    peer_.stream = nullptr;
    delete this;
  }
  void close() override {
    peer_.closed = true;
    leave();
  }
  void finish() override {
    peer_.retired = true;
    write();
    leave();
  }

  loop::Loop& loop_;
  FakePeer& peer_;
  std::string queue_;
  bool blocked_ = false;
};

inline void FakePeer::deliver(std::string_view octets) {
  const std::unique_ptr<char[]> block(new char[octets.size() + loop::kReadPadding]());
  std::memcpy(block.get(), octets.data(), octets.size());
  if (handler) handler->on_data({block.get(), octets.size()});
}

inline void FakePeer::end_turn() {
  if (stream) stream->flush();
}

inline void FakePeer::read(std::size_t octets) {
  room = room + octets < room ? static_cast<std::size_t>(-1) : room + octets;
  if (stream && stream->write() && handler) handler->on_drained();
}

}  // namespace verdin::test
