// UringStream: a Stream on io_uring. One multishot receive for its life, one send for each turn.
//
// Receiving is two-fold. The multishot receive fills small buffers that all streams share, each of which is a
// completion: right for messages, and four times the price of the octets for what comes in bulk. A stream
// that got much in one turn ends it and goes on in bulk: it has the kernel say when there is something, and
// reads that itself, into one large buffer that the loop has for all. So the kernel never writes to memory of
// a stream, and a stream in bulk that is idle costs what any other does. When little comes, it goes back.
// There is one operation at a time, which keeps the octets in order.
//
// Sending is two-fold. What a turn produced goes out as a quick send: it writes at once or says that it
// cannot, never waits, and completes silently when all is written, which is nearly always. What the kernel
// would not take is sent again with an operation that waits; its octets stay where they are till it
// completes, also when the stream has been dropped: the stream's memory is kept until the last completion.
#pragma once

#include <cerrno>
#include <memory>

#include "loop/socket.hpp"
#include "loop/uring/uring_loop.hpp"

namespace verdin::loop {

class UringStream final : public Stream {
 public:
  UringStream(UringLoop& loop, int fd);
  ~UringStream() override;

  void set_handler(StreamHandler* handler) override;
  void send(std::string_view bytes) override {
    if (made_.is_parents()) return;
    if (bytes.size() < SendQueue::kWriteThrough || closed_ || blocked_ || sending_ || error_ != 0) {
      queue().append(bytes);
    } else {
      write_through(bytes);
    }
  }
  void send(const SharedBuffer& buffer) override {
    if (!made_.is_parents()) queue().append(buffer);
  }
  std::string& send_in_place() override { return made_.is_parents() ? loop_.scrap() : queue().tail(); }
  std::size_t unsent() const override;
  void flush() override;
  void pause() override;
  void resume() override;
  void expect_bulk() override;
  Loop& loop() const override { return loop_; }
  int fd() const override { return fd_; }
  std::string peer_address() const override;
  bool peer_gone() const override;
  std::size_t room() const override { return room_of(fd_); }
  void close() override;

  // For the loop.
  void prepare();
  void settle_quick_send();
  void on_receive(int result, unsigned flags);
  void on_quick_send_failed(int result);
  void on_sent(int result);
  void on_cancelled(int result);
  void deliver_kept();
  void report_broken();
  void report_drained();
  bool free_to_go() const noexcept {
    return operations_ == 0 && !(dirty_ || broken_ || drained_ || resumed_ || quick_);
  }
  /// In a child process: what was under way is the parent's.
  void after_fork() noexcept;

 private:
  friend class UringLoop;
  /// What came in while nobody wanted it, or was more than a stream's share of a turn.
  struct Kept {
    std::unique_ptr<char[]> data;
    std::size_t begin = 0;  // what is before it has been delivered
    std::size_t size = 0;
    std::size_t capacity = 0;
    bool ended = false;
    int error = 0;
  };

  /// Does what failed with this only have to be done again?
  static bool try_again(int result) noexcept {
    return result == -EAGAIN || result == -EINTR || result == -ECANCELED;
  }

  void finish() override;
  void send_fin();
  void end_finishing();
  void withdraw() noexcept;
  bool wants_data() const noexcept {
    return (handler_ != nullptr || finish_timer_) && !paused_ && !eof_ && !closed_ && error_ == 0 &&
           !made_.is_parents();
  }
  bool wants_receive() const noexcept { return wants_data() && !kept_; }
  /// Is another operation to receive to be submitted, or the one under way to be cancelled? A poll does no
  /// harm.
  bool receive_changes() const noexcept {
    if (!receiving_) return wants_receive();
    return !polling_ && !cancelling_ && (bulk_ || !wants_receive());
  }
  bool over_budget(std::size_t size) noexcept;
  SendQueue& queue();
  void touch();
  void update();
  void prepare_receive();
  void prepare_send();
  void write_through(std::string_view bytes);
  void prepare_cancellation();
  void cancel(Tag what);
  void on_multishot(int result, unsigned flags);
  void look_for_bulk() noexcept;
  bool go_to_bulk() noexcept;
  void on_poll(int result);
  void receive_bulk();
  void take_data(char* data, std::size_t size);
  void take_end(int error);
  void keep(const char* data, std::size_t size);
  void deliver_kept_data(std::size_t size);
  void on_written(std::size_t count);
  void after_write();
  void unblock();
  void fail(int error);
  void add_broken();

  UringLoop& loop_;
  StreamHandler* handler_ = nullptr;
  std::unique_ptr<SendQueue> queue_;    // what is still to be submitted
  std::unique_ptr<SendQueue> sending_;  // what the kernel reads from
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Timer> finish_timer_;  // exists while the stream is retired
  UringStream* next_ = nullptr;
  UringStream* prev_ = nullptr;
  int fd_;
  int error_ = 0;
  ProcessMark made_;
  std::size_t quick_size_ = 0;
  std::uint32_t budget_turn_ = 0;  // of the loop, in which so much was delivered:
  std::uint32_t delivered_ = 0;
  std::uint8_t operations_ = 0;     // completions that are still to come
  std::uint8_t small_in_bulk_ = 0;  // receives in a row that would not have needed it
  bool dirty_ : 1 = false;
  bool broken_ : 1 = false;
  bool untold_ : 1 = false;  // broken while there was no handler
  bool drained_ : 1 = false;
  bool resumed_ : 1 = false;
  bool quick_ : 1 = false;  // a quick send is on its way: settled before any handler runs
  bool closed_ : 1 = false;
  bool paused_ : 1 = false;
  bool eof_ : 1 = false;
  bool receiving_ : 1 = false;   // the multishot receive is under way, or a poll:
  bool polling_ : 1 = false;     // which it is
  bool cancelling_ : 1 = false;  // the receive is being cancelled
  bool bulk_ : 1 = false;        // the next one is to be a poll
  bool large_ : 1 = false;       // and the receive behind it may be a large one
  bool waiting_ : 1 = false;     // a send that waits is under way
  bool blocked_ : 1 = false;     // the kernel would not take all
  bool fin_sent_ : 1 = false;
  bool counted_ : 1 = false;
};

}  // namespace verdin::loop
