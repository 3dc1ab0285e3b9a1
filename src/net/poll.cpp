#include <cerrno>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

#include <poll.h>

#include <verdin/net/error.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/if_lost.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::net {
namespace {

short native(loop::Interest interest) noexcept {
  return static_cast<short>((static_cast<int>(interest) & 1 ? POLLIN | POLLRDHUP : 0) |
                            (static_cast<int>(interest) & 2 ? POLLOUT : 0));
}

/// What poll(2) says at once.
std::size_t look(std::vector<pollfd>& fds) {
  for (;;) {
    const int count = ::poll(fds.data(), fds.size(), 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) throw_error({errno, std::generic_category()}, "poll");
  }
}

bool readable(short events) noexcept { return (events & (POLLIN | POLLRDHUP | POLLHUP)) != 0; }
bool writable(short events) noexcept { return (events & POLLOUT) != 0; }
bool failed(short events) noexcept { return (events & (POLLERR | POLLHUP)) != 0; }

/// Suspends until any is ready, or `limit`; false then.
bool wait_for_any(std::span<const PollEntry> entries, Deadline limit) {
  verdin::impl::Waiter waiter("net::poll");
  std::vector<loop::ReadinessPtr> all;
  all.reserve(entries.size());
  const verdin::impl::IfLost lost(
      [](void* what) noexcept { static_cast<std::vector<loop::ReadinessPtr>*>(what)->clear(); }, &all);
  loop::Loop& loop = Hub::current().loop();
  for (const PollEntry& entry : entries) {
    if (entry.fd < 0) continue;
    all.push_back(loop.readiness(
        entry.fd, entry.interest, [](void* who) { static_cast<verdin::impl::Waiter*>(who)->wake(); },
        &waiter));
    all.back()->arm();
  }
  return waiter.wait_until(limit.due());
}

}  // namespace

std::size_t poll(std::span<PollEntry> entries, Deadline limit) {
  std::vector<pollfd> fds;
  fds.reserve(entries.size());
  for (const PollEntry& entry : entries) fds.push_back({entry.fd, native(entry.interest), 0});
  std::size_t count = look(fds);
  while (count == 0 && !limit.passed() && wait_for_any(entries, limit)) count = look(fds);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const short events = fds[i].revents;
    entries[i].readable = readable(events);
    entries[i].writable = writable(events);
    entries[i].failed = failed(events);
    entries[i].invalid = (events & POLLNVAL) != 0;
  }
  return count;
}

bool wait_fd(int fd, loop::Interest interest, Deadline limit) {
  PollEntry entry{fd, interest};
  if (poll({&entry, 1}, limit) == 0) return false;
  if (entry.invalid) throw_error(std::make_error_code(std::errc::bad_file_descriptor), "wait_fd");
  return true;
}

struct Poller::State {
  struct Entry {
    State* state;
    int fd;
    loop::Interest interest;
    void* context;
    bool fired = false;  // in `ready`, and not asked for
    loop::ReadinessPtr readiness{};
  };

  static void on_ready(void* self) {
    auto& entry = *static_cast<Entry*>(self);
    entry.fired = true;
    entry.state->ready.push_back(&entry);
    if (entry.state->waiter) entry.state->waiter->wake();
  }
  /// Nothing is allocated when something happens.
  void make_room() {
    if (ready.capacity() >= entries.size()) return;
    const std::size_t room = 2 * entries.size();
    fired.reserve(room);
    told.reserve(room);
    asked.reserve(room);
    events.reserve(room);
    ready.reserve(room);
  }
  void watch(Entry& entry) {
    entry.readiness = Hub::current().loop().readiness(entry.fd, entry.interest, &on_ready, &entry);
    entry.readiness->arm();
  }
  void forget(Entry& entry) noexcept {
    std::erase(ready, &entry);
    std::erase(told, &entry);
    entry.fired = false;
  }
  /// In a child of fork(): whoever waited is not there, and nothing keeps the loop waiting until somebody
  /// does.
  static void lose_waiter(void* self) noexcept {
    auto& state = *static_cast<State*>(self);
    state.waiter = nullptr;
    state.asleep = true;
    for (auto& [fd, entry] : state.entries) entry.readiness->disarm();
  }
  void wake_up() {
    if (!std::exchange(asleep, false)) return;
    for (auto& [fd, entry] : entries) {
      if (!entry.fired) entry.readiness->arm();
    }
  }
  Entry& find(int fd) {
    const auto at = entries.find(fd);
    if (at == entries.end())
      throw std::invalid_argument("verdin: a Poller does not know descriptor " + std::to_string(fd));
    return at->second;
  }

  std::unordered_map<int, Entry> entries;
  std::vector<Entry*> ready;  // since the last look
  std::vector<Entry*> fired;  // those that wait() looks at
  std::vector<Entry*> told;   // by the last wait(): asked for again by the next
  std::vector<pollfd> asked;
  std::vector<Event> events;
  verdin::impl::Waiter* waiter = nullptr;
  bool asleep = false;
};

Poller::Poller() : state_(std::make_unique<State>()) {}
Poller::~Poller() = default;

std::size_t Poller::size() const noexcept { return state_->entries.size(); }

void Poller::add(int fd, loop::Interest interest, void* context) {
  const auto [at, added] = state_->entries.try_emplace(fd, State::Entry{state_.get(), fd, interest, context});
  if (!added)
    throw std::invalid_argument("verdin: a Poller has descriptor " + std::to_string(fd) + " already");
  try {
    state_->make_room();
    state_->watch(at->second);
  } catch (...) {
    state_->entries.erase(at);
    throw;
  }
}

void Poller::modify(int fd, loop::Interest interest) {
  State::Entry& entry = state_->find(fd);
  state_->forget(entry);
  entry.interest = interest;
  entry.readiness.reset();
  state_->watch(entry);
}

void Poller::remove(int fd) {
  state_->forget(state_->find(fd));
  state_->entries.erase(fd);
}

std::span<const Poller::Event> Poller::wait(Deadline limit) {
  State& state = *state_;
  if (state.waiter) throw ConcurrentUse("verdin: two greenlets wait in one Poller");
  state.events.clear();
  for (State::Entry* entry : state.told) entry->readiness->arm();
  state.told.clear();
  state.wake_up();
  while (state.events.empty()) {
    if (state.ready.empty()) {
      verdin::impl::Waiter waiter("Poller::wait");
      struct Leave {
        State& state;
        ~Leave() { state.waiter = nullptr; }
      } leave{state};
      const verdin::impl::IfLost lost(&State::lose_waiter, &state);
      state.waiter = &waiter;
      if (!waiter.wait_until(limit.due()) && state.ready.empty()) break;
    }
    state.asked.clear();
    for (const State::Entry* entry : state.ready)
      state.asked.push_back({entry->fd, native(entry->interest), 0});
    look(state.asked);  // if it fails, they are looked at by the next call
    state.fired.swap(state.ready);
    state.ready.clear();
    for (std::size_t i = 0; i < state.fired.size(); ++i) {
      State::Entry& entry = *state.fired[i];
      entry.fired = false;
      const short events = state.asked[i].revents;
      if (events == 0) {  // somebody was faster
        entry.readiness->arm();
        continue;
      }
      state.events.push_back({entry.fd, readable(events), writable(events),
                              failed(events) || (events & POLLNVAL) != 0, entry.context});
      state.told.push_back(&entry);
    }
    if (state.events.empty() && limit.passed()) break;
  }
  return state.events;
}

}  // namespace verdin::net
