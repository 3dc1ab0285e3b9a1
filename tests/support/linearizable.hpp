// linearizable(): whether a history of concurrent calls could have happened one call at a time.
//
// The search is Wing and Gong's (J. Parallel Distrib. Comput. 17, 1993) with Lowe's memory of what was tried:
// a call may come next if no call that is left returned before it began, and if the model, in the state
// reached so far, gives the result that was seen. At most 64 calls. A model is copyable and has
//   bool apply(const Call&)   false if the call cannot have had that result now; else it changes the state
//   std::string key() const   what tells states apart
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace verdin::test {

template <typename Call>
struct Timed {
  Call call;
  std::uint64_t began;
  std::uint64_t returned;
};

/// Records calls of several threads.
template <typename Call>
class History {
 public:
  /// `call()` does one and returns its record; false as the second: it had no effect, and is forgotten.
  template <typename F>
  void record(F&& function) {
    const std::uint64_t began = clock_.fetch_add(1);
    std::pair<Call, bool> done = function();
    const std::uint64_t returned = clock_.fetch_add(1);
    if (!done.second) return;
    const std::scoped_lock lock(mutex_);
    calls_.push_back({std::move(done.first), began, returned});
  }
  const std::vector<Timed<Call>>& calls() const noexcept { return calls_; }

 private:
  std::atomic<std::uint64_t> clock_{0};
  std::mutex mutex_;
  std::vector<Timed<Call>> calls_;
};

template <typename Model, typename Call>
class Linearizer {
 public:
  explicit Linearizer(const std::vector<Timed<Call>>& calls) : calls_(calls) {}

  bool search(const Model& model, std::uint64_t done = 0) {
    if (done == all()) return true;
    if (!tried_.emplace(done, model.key()).second) return false;
    const std::uint64_t first_return = earliest_return(done);
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if ((done >> i & 1U) != 0 || calls_[i].began > first_return) continue;
      Model next = model;
      if (next.apply(calls_[i].call) && search(next, done | std::uint64_t{1} << i)) return true;
    }
    return false;
  }

 private:
  std::uint64_t all() const {
    return calls_.size() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << calls_.size()) - 1;
  }
  std::uint64_t earliest_return(std::uint64_t done) const {
    std::uint64_t earliest = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if ((done >> i & 1U) == 0) earliest = std::min(earliest, calls_[i].returned);
    }
    return earliest;
  }

  const std::vector<Timed<Call>>& calls_;
  std::set<std::pair<std::uint64_t, std::string>> tried_;
};

template <typename Model, typename Call>
bool linearizable(const std::vector<Timed<Call>>& calls, const Model& model) {
  return Linearizer<Model, Call>(calls).search(model);
}

}  // namespace verdin::test
