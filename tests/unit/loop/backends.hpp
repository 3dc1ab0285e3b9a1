// The backends that every test of this layer runs on.
#pragma once

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace verdin::loop {

inline constexpr std::array kBackends{"uring", "epoll", "poll", "select"};

inline std::string name_of_backend(const testing::TestParamInfo<const char*>& instance) {
  return instance.param;
}

}  // namespace verdin::loop
