// BulkBudget: how much each stream of a loop may read at once, in this turn. Internal.
#pragma once

#include <cstddef>

#include <verdin/loop/stream.hpp>

namespace verdin::loop {

class BulkBudget {
 public:
  void begin_turn() noexcept { taken_ = 0; }
  std::size_t read_size(bool expects_bulk) const noexcept {
    return expects_bulk && taken_ < kBulkOfTurn ? kBulkRead : kMostRead;
  }
  void count(std::size_t read) noexcept {
    if (read > kMostRead) taken_ += read;
  }

 private:
  std::size_t taken_ = 0;
};

}  // namespace verdin::loop
