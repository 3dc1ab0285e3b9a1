// The store, for greenlets: each call runs on a thread of the hub's pool, one at a time, while the caller is
// parked.
//
// A greenlet that is killed while it waits leaves its call to finish alone: calls own what they use. Throws
// what the store throws.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <verdin/runtime/offload.hpp>

#include "store.hpp"

namespace chat {

class Archive {
 public:
  /// Opens the file at once, on this thread.
  explicit Archive(const std::string& path) : shared_(std::make_shared<Shared>(path)) {}

  /// What `call(Store&)` returns. Blocks the greenlet.
  template <typename F>
  auto ask(F call) {
    return verdin::offload([shared = shared_, call = std::move(call)]() mutable {
      const std::lock_guard lock(shared->mutex);
      return call(shared->store);
    });
  }

 private:
  struct Shared {
    explicit Shared(const std::string& path) : store(path) {}
    Store store;
    std::mutex mutex;
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace chat
