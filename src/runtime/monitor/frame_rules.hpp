// The rules of one instruction: how the registers of the caller are found there.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/monitor/frame_table.hpp"
#include "runtime/monitor/stack_walk.hpp"

namespace verdin::impl {

/// How the caller's value of a register is found.
struct Rule {
  enum class Kind : std::uint8_t { same, undefined, at_offset, offset_itself, in_register, expression };
  Kind kind = Kind::same;
  std::int64_t operand = 0;
  const std::uint8_t* code = nullptr;
};

struct FrameRules {
  std::uint64_t cfa_register = Registers::kSp;
  std::int64_t cfa_offset = 0;
  const std::uint8_t* cfa_code = nullptr;  // set: an expression instead of the two above
  std::array<Rule, Registers::kCount> rules{};
};

/// Runs a function's table up to the instruction at `address`; false if something in it is not known here.
bool find_frame_rules(const FrameTable& table, std::uintptr_t address, FrameRules& rules) noexcept;

}  // namespace verdin::impl
