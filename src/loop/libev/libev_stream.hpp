// LibevStream: a Stream on a readiness loop. One recv(2) for each event, one send for each turn.
//
// Its memory outlives close() until the end of the turn, so that callbacks on the way can look at closed_.
#pragma once

#include <memory>
#include <string_view>

#include <ev.h>

#include "loop/libev/libev_loop.hpp"
#include "loop/socket.hpp"

namespace verdin::loop {

class LibevStream final : public Stream {
 public:
  LibevStream(LibevLoop& loop, int fd);
  ~LibevStream() override;

  void set_handler(StreamHandler* handler) override;
  void send(std::string_view bytes) override;
  void send(const SharedBuffer& buffer) override;
  std::string& send_in_place() override;
  std::size_t unsent() const override { return queue_ && !queue_->is_parents() ? queue_->size() : 0; }
  void flush() override;
  FileSend send_file(int file, std::uint64_t& offset, std::uint64_t& size) override;
  void pause() override;
  void resume() override;
  void expect_bulk() override { bulk_ = true; }
  Loop& loop() const override { return loop_; }
  int fd() const override { return io_.fd; }
  std::string peer_address() const override;
  bool peer_gone() const override;
  std::size_t room() const override { return room_of(io_.fd); }

  // For the loop.
  /// At the end of a turn. What a plain send(2) may offer to the kernel; nothing: there is no more to be
  /// done.
  std::string_view begin_flush();
  /// What that send(2) has returned; less than 0: -errno.
  void end_flush(ssize_t sent);
  void report_broken();
  void on_ready(int events);
  /// May what has come be read, for a handler?
  bool may_be_read() const noexcept {
    return handler_ && !closed_ && !paused_ && !eof_ && !held_ && error_ == 0 && !made_.is_parents();
  }
  bool expects_bulk() const noexcept { return bulk_; }
  /// Reads what may be read now: how much, or -errno.
  ssize_t read(char* at) noexcept;
  /// What was read, or -errno.
  void on_received(char* data, ssize_t result);
  void on_held(LibevLoop::HeldMap::node_type held);
  bool closed() const noexcept { return closed_; }
  bool listed() const noexcept { return dirty_ || broken_; }
  void close() override;
  /// In a child process: what came in, and what was to be written, is the parent's.
  void after_fork() noexcept { update_interest(); }

 private:
  friend class LibevLoop;
  void finish() override;

  static void on_io(struct ev_loop*, ev_io* io, int events);
  bool takes_data() const noexcept { return handler_ && !paused_; }
  void discard_input();
  void discarded(ssize_t result);
  void look_at_held() noexcept;
  void hold(std::string_view octets, int error);
  void drop_held() noexcept;
  void after_flush();
  void send_fin();
  void end_finishing();
  SendQueue& queue();
  bool has_to_flush() noexcept;
  void write_some(int flags = 0);
  bool wrote(ssize_t sent, bool tried_all);
  void write_through(std::string_view bytes);
  void unblock();
  void update_interest() noexcept;
  void fail(int error);
  void tell_of_error();

  LibevLoop& loop_;
  StreamHandler* handler_ = nullptr;
  ev_io io_;
  std::unique_ptr<SendQueue> queue_;
  std::unique_ptr<Timer> finish_timer_;  // exists while the stream is retired
  LibevStream* next_ = nullptr;          // of all of the loop
  LibevStream* prev_ = nullptr;
  int error_ = 0;
  ProcessMark made_;
  bool dirty_ : 1 = false;
  bool broken_ : 1 = false;
  bool closed_ : 1 = false;
  bool paused_ : 1 = false;
  bool eof_ : 1 = false;
  bool blocked_ : 1 = false;  // the kernel would not take all
  bool fin_sent_ : 1 = false;
  bool counted_ : 1 = false;
  bool held_ : 1 = false;      // the loop has octets of it that its handler could not take
  bool held_due_ : 1 = false;  // which it can now
  bool told_ : 1 = false;      // of error_
  bool bulk_ : 1 = false;      // the next read may be a large one
};

}  // namespace verdin::loop
