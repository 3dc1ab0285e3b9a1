// LibevLoop: the readiness backend, on whatever libev finds best (epoll on Linux, kqueue on BSD, ...).
#pragma once

#include <array>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ev.h>
#include <poll.h>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/loop.hpp>

#include "loop/bulk_budget.hpp"
#include "loop/send_queue.hpp"

namespace verdin::loop {

class LibevStream;
class LibevReadiness;
class LibevFdWatch;

/// libev has stopped the watcher (EV_ERROR): the kernel would not take it, for want of memory most likely. It
/// is to be told again with the next start, which libev would not do by itself: it thinks that it was.
inline void renew(ev_io& io) noexcept { ev_io_set(&io, io.fd, io.events & (EV_READ | EV_WRITE)); }

class LibevLoop final : public Loop {
 public:
  explicit LibevLoop(unsigned backend_flags);
  ~LibevLoop() override;

  std::string backend() const override;
  StreamPtr adopt(int fd) override;
  WatchPtr accept(int listening_fd, AcceptHandler& handler) override;
  WatchPtr watch(int fd, Interest interest, UniqueFunction<void()> ready) override;
  ReadinessPtr readiness(int fd, Interest interest, Readiness::Callback ready, void* owner) override;
  WatchPtr on_signal(int signal_number, UniqueFunction<void()> delivered) override;
  void turn(bool may_block) override;
  void wake() noexcept override { ev_async_send(ev_, &wake_); }
  bool has_work() const noexcept override;
  void after_fork() noexcept override;

  struct ev_loop* ev() const noexcept {
    return ev_;
  }

  // For the streams.
  char* read_buffer() noexcept { return read_buffer_.get(); }
  /// What a stream's handler may not have yet, though it was read: because of others' handlers.
  struct Held {
    std::string octets;  // and kReadPadding more
    std::size_t size = 0;
    int error = 0;  // in place of octets
  };
  using HeldMap = std::unordered_map<LibevStream*, Held>;
  /// False: there is no memory for it.
  bool hold_back(LibevStream& stream, std::string_view octets, int error) noexcept;
  void hold_again(HeldMap::node_type held) noexcept { held_.insert(std::move(held)); }
  void drop_held(LibevStream& stream) noexcept;
  /// It may now. Once, until it is delivered.
  void deliver_held_of(LibevStream& stream) noexcept { held_due_.push_back(&stream); }
  BulkBudget& bulk() noexcept { return bulk_; }
  SendQueuePool& send_queues() noexcept { return send_queues_; }
  using Loop::scrap;
  void add_stream(LibevStream& stream) noexcept;
  void remove_stream(LibevStream& stream) noexcept;
  void add_dirty(LibevStream& stream) { dirty_.push_back(&stream); }
  void add_broken(LibevStream& stream) { broken_.push_back(&stream); }
  void add_ready(LibevStream& stream, int events) { ready_.push_back({&stream, events}); }
  void bury(LibevStream& stream) { graveyard_.push_back(&stream); }
  void add_retired(LibevStream& stream) {
    look_for_parents_retired();
    retired_.push_back(&stream);
  }
  void remove_retired(LibevStream& stream);
  // For what tells of readiness.
  void add_readiness(LibevReadiness& readiness);
  void remove_readiness(LibevReadiness& readiness) noexcept;
  void add_ready(LibevReadiness& readiness) { waits_over_.push_back(&readiness); }
  void add_fd_watch(LibevFdWatch& watch);
  void remove_fd_watch(LibevFdWatch& watch) noexcept;
  void count_work(int change) noexcept { work_ += change; }

 private:
  struct Ready {
    LibevStream* stream;
    int events;
  };

  // See libev_batches.cpp.
  static constexpr std::size_t kMostReceived = 16;
  static constexpr std::size_t kMostSent = 16;
  static constexpr std::size_t kFewOctets = 32 * 1024;

  void start_waker();
  static void before_poll(struct ev_loop* ev) noexcept;
  void deliver_ready();
  bool receive_several() noexcept;
  void choose_received() noexcept;
  void deliver_received();
  void deliver_held();
  bool has_received() const noexcept { return next_received_ < received_.size() || !held_due_.empty(); }
  void deliver_readiness();
  void forget_readiness() noexcept;
  void end_readiness() noexcept;
  bool looks_for_closed() const noexcept;
  bool look_for_closed();
  void tell_of_closed();
  void flush_dirty();
  void flush_several(std::span<LibevStream* const> streams);
  void end_retired();
  void look_for_parents_retired();
  bool report_broken();
  void free_graveyard();
  void arm_timer();

  struct ev_loop* ev_ = nullptr;
  ev_async wake_;
  bool woken_ = false;
  ev_timer timer_;
  ev_check polled_;
  Clock::time_point timer_due_ = Clock::time_point::max();
  struct Free {
    void operator()(char* octets) const noexcept { std::free(octets); }
  };
  std::unique_ptr<char[], Free> read_buffer_;
  BulkBudget bulk_;
  SendQueuePool send_queues_;
  std::vector<Ready> ready_;
  /// Of one stream, in read_buffer_ until its handler has seen it.
  struct Received {
    LibevStream* stream;
    int fd;
    std::size_t at;
    ssize_t result;  // of recv(2); less than 0: -errno
  };
  std::vector<Received> received_;
  std::size_t next_received_ = 0;
  HeldMap held_;
  std::vector<LibevStream*> held_due_;
  LibevStream* streams_ = nullptr;
  std::size_t stream_count_ = 0;
  std::size_t readiness_count_ = 0;
  LibevReadiness* readinesses_ = nullptr;
  std::vector<LibevReadiness*> waits_over_;  // null: it has gone
  LibevFdWatch* fd_watches_ = nullptr;
  LibevFdWatch* next_to_tell_ = nullptr;
  std::size_t fd_watch_count_ = 0;
  std::vector<pollfd> looked_at_;
  bool any_closed_ = false;
  std::vector<LibevStream*> dirty_;
  std::vector<LibevStream*> flushing_;
  std::vector<LibevStream*> broken_;
  std::vector<LibevStream*> graveyard_;
  std::vector<LibevStream*> retired_;
  unsigned retired_generation_ = fork_generation();
  int work_ = 0;
  ForkMark forks_;
  bool newly_forked_ = false;
};

}  // namespace verdin::loop
