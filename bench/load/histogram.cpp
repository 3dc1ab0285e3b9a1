#include "histogram.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

Histogram::Histogram() : buckets_((64 - kSubBits + 1) * kSubBuckets) {}

void Histogram::reset() noexcept {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = sum_ = max_ = 0;
}

double Histogram::mean() const noexcept {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::uint64_t Histogram::highest_in(std::size_t index) noexcept {
  if (index < kSubBuckets) return index;
  const auto shift = static_cast<unsigned>(index / kSubBuckets - 1);
  const std::uint64_t lowest = (kSubBuckets + index % kSubBuckets) << shift;
  return lowest + ((std::uint64_t{1} << shift) - 1);
}

std::uint64_t Histogram::percentile(double quantile) const noexcept {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(highest_in(i), max_);
  }
  return max_;
}

}  // namespace bench
