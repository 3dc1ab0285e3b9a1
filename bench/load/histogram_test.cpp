#include "histogram.hpp"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace bench {
namespace {

TEST(Histogram, IsEmptyAtFirst) {
  const Histogram h;
  EXPECT_EQ(h.count(), 0U);
  EXPECT_EQ(h.percentile(0.5), 0U);
  EXPECT_EQ(h.mean(), 0.0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (std::uint64_t v = 1; v <= 100; ++v) h.record(v);
  EXPECT_EQ(h.percentile(0.5), 50U);
  EXPECT_EQ(h.percentile(0.99), 99U);
  EXPECT_EQ(h.percentile(1.0), 100U);
  EXPECT_EQ(h.percentile(0.0), 1U);
  EXPECT_EQ(h.max(), 100U);
  EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(Histogram, LargeValuesAreWithinOnePercentAndNeverBelow) {
  for (std::uint64_t v = 1; v < (std::uint64_t{1} << 62); v = v * 3 / 2 + 1) {
    Histogram h;
    h.record(v);
    h.record(
        std::numeric_limits<std::uint64_t>::max());  // so that the cap at the maximum does not hide an error
    const std::uint64_t read = h.percentile(0.5);
    EXPECT_GE(read, v);
    EXPECT_LE(static_cast<double>(read), static_cast<double>(v) * 1.008);
  }
}

TEST(Histogram, BucketEdgesBelongToOneBucket) {
  for (unsigned bit = 7; bit < 63; ++bit) {
    const std::uint64_t edge = std::uint64_t{1} << bit;
    Histogram h;
    h.record(edge - 1);
    h.record(edge);
    h.record(edge);
    EXPECT_EQ(h.percentile(0.33), edge - 1);
    EXPECT_GE(h.percentile(0.5), edge);
  }
}

TEST(Histogram, NeverReadsMoreThanTheMaximum) {
  Histogram h;
  h.record(1'000'003);
  EXPECT_EQ(h.percentile(0.999), 1'000'003U);
}

TEST(Histogram, TailIsFound) {
  Histogram h;
  for (int i = 0; i < 9'990; ++i) h.record(1'000);
  for (int i = 0; i < 10; ++i) h.record(1'000'000);
  EXPECT_LT(h.percentile(0.99), 1'010U);
  EXPECT_LT(h.percentile(0.999), 1'010U);
  EXPECT_EQ(h.percentile(0.9995), 1'000'000U);
}

TEST(Histogram, ResetForgets) {
  Histogram h;
  h.record(7);
  h.reset();
  EXPECT_EQ(h.count(), 0U);
  EXPECT_EQ(h.max(), 0U);
  h.record(3);
  EXPECT_EQ(h.percentile(1.0), 3U);
}

}  // namespace
}  // namespace bench
