// For one test of each program: the backend that VERDIN_LOOP asks for is the one that its hubs run on.
//
// A fall back would let a whole run of the tests on io_uring pass on something else.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <verdin/loop/loop.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>

namespace verdin::test {

/// Asked of the kernel itself, and not of what is tested.
inline bool io_uring_is_allowed_here() {
#if __has_include(<liburing.h>) && defined(SYS_io_uring_setup)
  utsname system{};
  int major = 0;
  int minor = 0;
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  if (major < 6 || (major == 6 && minor < 1)) return false;
  std::array<unsigned char, 256> parameters{};  // more than the kernel reads
  const long ring = ::syscall(SYS_io_uring_setup, 8, parameters.data());
  if (ring < 0) return false;
  ::close(static_cast<int>(ring));
  return true;
#else
  return false;
#endif
}

inline void expect_the_wanted_loop() {
  const char* const wish = std::getenv("VERDIN_LOOP");
  const std::string wanted = wish ? wish : "";
  std::string got;
  run([&] { got = Hub::current().loop().backend(); });
  if (wanted == "uring") {
    if (got != wanted && !io_uring_is_allowed_here()) {
      GTEST_SKIP() << "no io_uring here: all ran on " << got;
    }
    EXPECT_EQ(got, wanted);
  } else {
    EXPECT_TRUE(got.starts_with("libev:")) << got;
    if (!wanted.empty() && wanted != "auto" && wanted != "libev") {
      EXPECT_EQ(got, "libev:" + wanted);
    }
  }
}

}  // namespace verdin::test
