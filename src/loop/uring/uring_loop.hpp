// UringLoop: the completion backend, on Linux's io_uring.
//
// Entries are prepared only right before they are submitted, from lists of who wants something, and no
// handler runs in between: so no entry can name a descriptor whose number has gone to somebody else
// meanwhile. A turn is one system call, which submits everything and waits; it is none when there is nothing
// to do.
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include <verdin/loop/fork_generation.hpp>
#include <verdin/loop/loop.hpp>

#include "loop/bulk_budget.hpp"
#include "loop/send_queue.hpp"
#include "loop/uring/receive_buffers.hpp"
#include "loop/uring/ring.hpp"

namespace verdin::loop {

class FileCompletion;
class UringStream;
class UringRegistration;
class UringWaker;

class UringLoop final : public Loop {
 public:
  UringLoop();
  ~UringLoop() override;

  std::string backend() const override { return "uring"; }
  StreamPtr adopt(int fd) override;
  WatchPtr accept(int listening_fd, AcceptHandler& handler) override;
  WatchPtr watch(int fd, Interest interest, UniqueFunction<void()> ready) override;
  ReadinessPtr readiness(int fd, Interest interest, Readiness::Callback ready, void* owner) override;
  WatchPtr on_signal(int signal_number, UniqueFunction<void()> delivered) override;
  void turn(bool may_block) override;
  void wake() noexcept override;
  bool has_work() const noexcept override;
  bool submit(FileOperation& operation) override;
  void cancel(FileOperation& operation) override;
  void after_fork() noexcept override;

  // For the streams.
  ReceiveBuffers& buffers() noexcept { return buffers_; }
  SendQueuePool& send_queues() noexcept { return send_queues_; }
  BulkBudget& bulk() noexcept { return bulk_; }
  /// For receives in bulk: kBulkRead octets and kReadPadding, of one stream at a time. Null if there is no
  /// memory for the first of them; once there, it stays.
  char* bulk_buffer() noexcept;
  using Loop::scrap;
  /// Before the descriptor that it names is closed. Nothing is prepared then, but in a loop that could not
  /// submit.
  void withdraw(std::uint64_t user_data) noexcept {
    after_fork();
    if (ring_.is_open() && ring_.prepared() > 0) [[unlikely]]
      ring_.spoil(user_data);
  }
  void add_dirty(UringStream& stream) { dirty_.push_back(&stream); }
  void add_broken(UringStream& stream) { broken_.push_back(&stream); }
  void add_drained(UringStream& stream) { drained_.push_back(&stream); }
  void add_resumed(UringStream& stream) { resumed_.push_back(&stream); }
  void add_quick_send(UringStream& stream) { quick_.push_back(&stream); }
  void bury(UringStream& stream) { graveyard_.push_back(&stream); }
  void add_retired(UringStream& stream) {
    look_for_parents_retired();
    retired_.push_back(&stream);
  }
  void remove_retired(UringStream& stream);
  void add_stream(UringStream& stream);
  void remove_stream(UringStream& stream) noexcept;
  void count_work(int change) noexcept { work_ += change; }
  std::uint32_t turns() const noexcept { return turns_; }

  /// Where the pieces of a send lie until it is submitted.
  static constexpr std::size_t kGatherLimit = 64;
  struct Gather {
    msghdr message;
    std::array<iovec, kGatherLimit> pieces;
    std::size_t size() const noexcept;
  };
  /// For prepare() only.
  Gather& next_gather() noexcept { return *gathers_[gathers_used_++]; }

  /// An entry for an operation that will complete: counted, so that the loop's end can wait for it. For
  /// prepare() only, in which there is always room for kMostEntries of one object.
  io_uring_sqe* entry() noexcept {
    ++in_flight_;
    return ring_.next_entry();
  }
  /// One whose success completes silently.
  io_uring_sqe* silent_entry() noexcept { return ring_.next_entry(); }
  static constexpr unsigned kMostEntries = 4;

  // For the registrations.
  void add_registration(UringRegistration& registration);
  void remove_registration(UringRegistration& registration) noexcept;
  void add_dirty(UringRegistration& registration) { dirty_registrations_.push_back(&registration); }
  void cancel_later(std::uint64_t user_data) { cancellations_.push_back(user_data); }
  /// Has ended what runs under `user_data` when it returns; its last completion comes with the next turn.
  void cancel_now(std::uint64_t user_data) noexcept;

  // For the operations on files.
  void add_file(FileCompletion& file);
  void remove_file(FileCompletion& file) noexcept;
  /// The number of an eventfd whose writing ends a wait.
  int wake_descriptor() const noexcept;

 private:
  struct Completion {
    std::uint64_t user_data;
    int result;
    unsigned flags;
  };

  void prepare();
  void prepare_cancellations();
  void prepare_registrations();
  void prepare_files();
  void end_files();
  void forget_files() noexcept;
  void make_room();
  /// Each one counts as gone from the list before it is told, and the others stay there, whatever is thrown.
  template <typename T, typename Tell, typename Before = void (*)()>
  static void take_each(
      std::vector<T*>& all, Tell tell, Before before = [] {}) {
    struct Taken {
      std::vector<T*>& list;
      std::ptrdiff_t count = 0;
      ~Taken() { list.erase(list.begin(), list.begin() + count); }
    } taken{all};
    while (taken.count < std::ssize(all)) {
      before();
      tell(*all[static_cast<std::size_t>(taken.count++)]);
    }
  }
  template <typename T, typename Prepare>
  void prepare_each(std::vector<T*>& all, Prepare prepare) {
    take_each(all, prepare, [this] { make_room(); });  // which throws
  }
  bool has_gather() noexcept;
  void enter(bool wait);
  void submit_all();
  void harvest();
  void open_again();
  bool room_for_completion() noexcept;
  void settle_quick_sends();
  void deliver();
  void deliver_one(const Completion& completion);
  void deliver_kept();
  void end_retired();
  void look_for_parents_retired();
  bool report_broken();
  void report_drained();
  void free_graveyard();
  void end_everything();
  void free_dropped();
  std::optional<Clock::time_point> next_due() const;

  Ring ring_;
  ReceiveBuffers buffers_;
  std::unique_ptr<char[]> bulk_buffer_;
  BulkBudget bulk_;
  SendQueuePool send_queues_;
  UringWaker* waker_ = nullptr;
  std::vector<Completion> completions_;
  std::ptrdiff_t told_ = 0;  // of those
  std::vector<UringStream*> dirty_;
  std::vector<UringStream*> flushing_;
  std::vector<UringStream*> quick_;
  std::vector<UringStream*> broken_;
  std::vector<UringStream*> drained_;
  std::vector<UringStream*> resumed_;
  std::vector<UringStream*> delivering_;
  std::vector<UringStream*> graveyard_;
  std::vector<UringStream*> retired_;
  unsigned retired_generation_ = fork_generation();
  std::vector<UringRegistration*> dirty_registrations_;
  std::vector<std::uint64_t> cancellations_;
  std::vector<FileCompletion*> files_;  // still to be submitted
  FileCompletion* all_files_ = nullptr;
  std::size_t file_count_ = 0;
  std::vector<std::unique_ptr<Gather>> gathers_;
  std::size_t gathers_used_ = 0;
  std::size_t stream_count_ = 0;
  std::size_t registration_count_ = 0;
  UringStream* streams_ = nullptr;
  UringRegistration* registrations_ = nullptr;
  std::uint64_t in_flight_ = 0;
  int work_ = 0;
  bool ending_ = false;
  std::uint32_t turns_ = 0;
  ForkMark forks_;
};

}  // namespace verdin::loop
