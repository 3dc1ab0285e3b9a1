// walk_stack(): the return addresses of a stack that is not running, or of a thread that a signal stopped.
//
// Interprets the unwind tables that every program carries for its exceptions (.eh_frame, found through
// _dl_find_object). It allocates nothing, takes no lock and reads no octet outside of the stack it was given
// and the tables, so it may be used in a signal handler and after a crash. Only for x86-64; elsewhere
// the result is empty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <verdin/fiber/context.hpp>

namespace verdin::impl {

struct StackBounds {
  std::uintptr_t low = 0;
  std::uintptr_t high = 0;
};

/// By their DWARF numbers.
struct Registers {
  static constexpr std::size_t kCount = 17;
  static constexpr std::size_t kBp = 6;
  static constexpr std::size_t kSp = 7;
  static constexpr std::size_t kIp = 16;  // the column of the return address

  Registers() noexcept = default;
  /// Of a suspended fiber: the others are on its stack by then.
  explicit Registers(const fiber::Suspension& at) noexcept;
  /// From the third argument of a signal handler.
  static Registers of_signal(const void* context) noexcept;

  std::array<std::uintptr_t, kCount> value{};
};

/// How many addresses were written to `out`: the innermost first. `interrupted`: the innermost one is an
/// instruction that has not been executed, not a call that has.
std::size_t walk_stack(Registers registers, StackBounds stack, std::span<std::uintptr_t> out,
                       bool interrupted) noexcept;

}  // namespace verdin::impl
