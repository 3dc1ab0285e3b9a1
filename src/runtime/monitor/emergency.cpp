// Reports of a process that is about to die. No allocation, no locks, nothing followed that a limit does not
// end.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <unistd.h>

#include <verdin/runtime/run_info.hpp>

#include "runtime/monitor/hub_record.hpp"

namespace verdin {
namespace {

constexpr int kMostHubs = 64;
constexpr int kMostGreenlets = 200;

void write_text(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void write_number(int fd, std::uint64_t number) noexcept {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  write_text(fd, {digits.data() + at, digits.size() - at});
}

void write_greenlet(int fd, const impl::GreenletBase& greenlet) noexcept {
  write_text(fd, "  '");
  write_text(fd, greenlet.name().substr(0, 128));
  write_text(fd, "' ");
  write_text(fd, impl::HubInspector::state(greenlet));
  write_text(fd, "\n");
}

std::atomic<int> terminate_fd{-1};
std::terminate_handler previous_handler = nullptr;

[[noreturn]] void on_terminate() {
  const int fd = terminate_fd.exchange(-1);
  if (fd >= 0) write_emergency_info(fd);
  if (previous_handler) previous_handler();
  std::abort();
}

}  // namespace

void write_emergency_info(int fd) noexcept {
  int hubs = 0;
  for (const impl::HubRecord* record = impl::first_hub; record && hubs < kMostHubs; record = record->next) {
    ++hubs;
    write_text(fd, "verdin: hub ");
    write_number(fd, record->id);
    write_text(fd, ", thread ");
    write_number(fd, static_cast<std::uint64_t>(record->thread_id));
    write_text(fd, ":\n");
    // Another thread's greenlets come and go while we look: its list must not be followed.
    if (!::pthread_equal(record->thread, ::pthread_self())) {
      write_text(fd, "  (runs on)\n");
      continue;
    }
    int greenlets = 0;
    const impl::GreenletBase* each = impl::HubInspector::first(record->hub);
    for (; each && greenlets < kMostGreenlets; each = impl::HubInspector::next(*each), ++greenlets)
      write_greenlet(fd, *each);
    if (each) write_text(fd, "  ... and more\n");
  }
}

void report_on_terminate(int fd) {
  if (terminate_fd.exchange(fd) >= 0) return;
  if (const auto before = std::set_terminate(&on_terminate); before != &on_terminate)
    previous_handler = before;
}

}  // namespace verdin
