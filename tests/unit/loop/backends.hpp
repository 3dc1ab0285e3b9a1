// The backends that every test of this layer runs on.
#pragma once

#include <array>
#include <string>

#include <gtest/gtest.h>

#include <verdin/loop/loop.hpp>

namespace verdin::loop {

inline constexpr std::array kBackends{"uring", "epoll", "poll", "select"};

inline std::string name_of_backend(const testing::TestParamInfo<const char*>& instance) {
  return instance.param;
}

/// For SetUp(): what is not to be had here is skipped, not tried on something else.
inline bool fell_back(const Loop& loop, const std::string& wanted) {
  return loop.backend() != wanted && loop.backend() != "libev:" + wanted;
}

}  // namespace verdin::loop
