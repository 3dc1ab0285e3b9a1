// A global that is there before main() and is never destroyed.
//
// What is made at its first use has a guard: a child that is forked while another thread makes it waits at
// that guard for ever. And what is destroyed with the program is missing for threads that outlive main().
#pragma once

namespace verdin::impl {

/// Declare it `constinit`: T has a constexpr constructor without arguments.
template <typename T>
union Lasting {
  constexpr Lasting() noexcept : value() {}
  ~Lasting() {}  // NOLINT(modernize-use-equals-default): that would destroy the value
  Lasting(const Lasting&) = delete;
  Lasting& operator=(const Lasting&) = delete;
  T value;
};

}  // namespace verdin::impl
