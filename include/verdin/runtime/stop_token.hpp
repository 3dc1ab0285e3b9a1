// std::stop_token and greenlets: a requested stop is a kill, and a kill a requested stop.
//
//   auto worker = verdin::spawn(token, serve, address);  // killed when a stop is requested
//   verdin::kill_on(token, worker);                      // the same, later
//
//   const verdin::StopScope scope;                       // its token is stopped when the block is left, by a
//   start_query(scope.token());                          // kill or a timeout too
//
// A stop may be requested on any thread: the kill is posted to the greenlet's hub, and delivered as kill()'s
// are. Where a stop has been requested before, spawn() gives a greenlet that has ended before it began. What
// is kept for a greenlet goes when it ends; it must have been started. Nothing here blocks.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include <verdin/runtime/any_greenlet.hpp>
#include <verdin/runtime/hub_ref.hpp>

namespace verdin {

/// Kills `greenlet` when `token` is asked to stop. On the greenlet's thread.
void kill_on(const std::stop_token& token, const AnyGreenlet& greenlet);

template <typename F, typename... Args>
requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto spawn(const std::stop_token& token, F&& function, Args&&... args) {
  auto greenlet = spawn(std::forward<F>(function), std::forward<Args>(args)...);
  if (token.stop_requested()) {
    greenlet.kill_async();
    return greenlet;
  }
  try {
    kill_on(token, greenlet);
  } catch (...) {  // no memory: it never runs
    greenlet.kill_async();
    throw;
  }
  return greenlet;
}

/// Asks to stop when it is left.
class StopScope {
 public:
  StopScope() = default;
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;
  ~StopScope() { source_.request_stop(); }

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_{};
};

}  // namespace verdin
