// FileCall: one operation on a file, through the loop where that can do it, else on a thread.
//
// It owns what the kernel writes to or reads from, and holds the file open, until it is over, whoever gave up
// waiting for it.
#pragma once

#include <memory>
#include <string>

#include <sys/stat.h>

#include <verdin/loop/file_operation.hpp>

#include "net/background_threads.hpp"
#include "net/file_state.hpp"

namespace verdin::impl {

class FileCall final : public BackgroundJob, public loop::FileOperation {
 public:
  FileCall(Kind what, IntrusivePtr<FileState> file);
  FileCall(Kind what, std::string of_path);
  ~FileCall() override;

  /// Gives it a buffer.
  void allocate(std::size_t octets);
  char* data() noexcept { return memory_.get(); }
  const struct statx& information() const noexcept { return information_; }

  /// Suspends the greenlet until it is over: what the system call returned, or a negative errno. Once.
  int carry_out();
  /// The same, on a thread whatever the loop can do.
  int carry_out_on_thread();

 private:
  void work() noexcept override { result_ = perform(); }
  void finish() override;
  void on_done(int result) override;
  bool reads_stream() const noexcept;
  void give_up() noexcept;
  void keep_for_others() noexcept;
  int perform() noexcept;

  IntrusivePtr<FileState> file_;
  std::string path_;
  std::unique_ptr<char[]> memory_;
  struct statx information_ {};
  int result_ = -1;
  bool over_ = false;  // of the hub's thread, as the next
  bool given_up_ = false;
  bool holds_up_others_ = false;  // who read the same stream
};

}  // namespace verdin::impl
