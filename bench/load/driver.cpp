#include "driver.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace bench {
namespace {

// Few enough for any listen backlog, so that no SYN is dropped and repeated a second later.
constexpr std::size_t kOpeningAtOnce = 64;
constexpr std::size_t kReadBuffer = 256 * 1024;
constexpr int kMaxWaitMs = 50;

}  // namespace

Driver::Driver(const Options& options, Scenario& scenario, Errors& errors)
    : options_(options),
      scenario_(scenario),
      errors_(errors),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      read_buffer_(kReadBuffer) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  address_.sin_family = AF_INET;
  address_.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host.c_str(), &address_.sin_addr) != 1) {
    throw std::invalid_argument("not an IPv4 address: " + options.host);
  }
}

Driver::~Driver() {
  clients_.clear();
  ::close(epoll_);
}

std::uint32_t Driver::next_mask() noexcept {  // xorshift32: differs from frame to frame, is never 0
  mask_ ^= mask_ << 13;
  mask_ ^= mask_ >> 17;
  mask_ ^= mask_ << 5;
  return mask_;
}

void Driver::watch(int fd, Client& client, std::uint32_t events, bool is_new) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &client;
  if (epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Driver::turn(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
  for (int i = 0; i < count; ++i) static_cast<Client*>(events[i].data.ptr)->on_events(events[i].events);
}

bool Driver::open(std::size_t count) {
  const std::size_t target = clients_.size() + count;
  clients_.reserve(target);
  const auto start_more = [&] {
    while (clients_.size() < target && clients_.size() - ready_ < kOpeningAtOnce) {
      clients_.push_back(std::make_unique<Client>(*this, clients_.size(), scenario_.protocol()));
      clients_.back()->connect(address_);
    }
    return ready_ == target || errors_.total() != 0;
  };
  const bool in_time = run_until(now_ns() + seconds_to_ns(options_.open_timeout_seconds), start_more);
  if (!in_time)
    errors_.add("open-timeout", std::to_string(ready_) + " of " + std::to_string(target) + " ready");
  return errors_.total() == 0;
}

void Driver::start() {
  started_ = true;
  scenario_.begin(*this);
}

void Driver::on_message(Client& client, std::string_view message) {
  if (!started_) return errors_.add("unasked-message", message);
  scenario_.on_message(client, message);
}

bool Driver::run_until(std::int64_t deadline, const std::function<bool()>& done) {
  while (!done()) {
    const std::int64_t left = deadline - now_ns();
    if (left <= 0) return false;
    turn(static_cast<int>(std::min<std::int64_t>(left / 1'000'000 + 1, kMaxWaitMs)));
  }
  return true;
}

void Driver::run_for(double seconds) {
  run_until(now_ns() + seconds_to_ns(seconds), [] { return false; });
}

}  // namespace bench
