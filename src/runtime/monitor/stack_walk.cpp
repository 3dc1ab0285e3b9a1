#include "runtime/monitor/stack_walk.hpp"

#include <ucontext.h>

#include "runtime/monitor/frame_rules.hpp"
#include "runtime/monitor/frame_table.hpp"

namespace verdin::impl {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kWord = sizeof(std::uintptr_t);

/// A stack word. It may lie in what AddressSanitizer guards.
[[gnu::no_sanitize_address, gnu::no_sanitize_thread, gnu::noinline]] bool read_word(
    const StackBounds& stack, std::uintptr_t at, std::uintptr_t& value) noexcept {
  if (at < stack.low || at > stack.high - kWord || at % kWord != 0) return false;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what a register holds
  value = *reinterpret_cast<const volatile std::uintptr_t*>(at);
  return true;
}

/// DW_OP_*, as far as linkers and libc use it in unwind tables.
class Expression {
 public:
  Expression(const Registers& registers, const StackBounds& stack) noexcept
      : registers_(registers), stack_(stack) {}

  bool run(const std::uint8_t* code, std::uintptr_t& result) noexcept {
    TableReader length(code);
    const std::uint64_t size = length.uleb();
    TableReader reader(length.at(), length.at() + size);
    while (!reader.done()) {
      if (!step(reader)) return false;
    }
    return pop(result);
  }

 private:
  bool push(std::uintptr_t value) noexcept {
    if (depth_ == values_.size()) return false;
    values_[depth_++] = value;
    return true;
  }
  bool pop(std::uintptr_t& value) noexcept {
    if (depth_ == 0) return false;
    value = values_[--depth_];
    return true;
  }
  bool step(TableReader& reader) noexcept {
    const auto op = reader.get<std::uint8_t>();
    if (op >= 0x30 && op <= 0x4f) return push(op - 0x30u);  // DW_OP_lit0...
    if (op >= 0x70 && op <= 0x8f) {                         // DW_OP_breg0...
      const auto offset = static_cast<std::uintptr_t>(reader.sleb());
      return op - 0x70u < Registers::kCount && push(registers_.value[op - 0x70u] + offset);
    }
    std::uintptr_t b = 0;
    if (op == 0x06) return pop(b) && read_word(stack_, b, b) && push(b);  // DW_OP_deref
    if (op == 0x08) return push(reader.get<std::uint8_t>());              // DW_OP_const1u
    if (op == 0x23) return pop(b) && push(b + reader.uleb());             // DW_OP_plus_uconst
    std::uintptr_t a = 0;
    if (!pop(b) || !pop(a)) return false;
    if (op == 0x1a) return push(a & b);          // DW_OP_and
    if (op == 0x22) return push(a + b);          // DW_OP_plus
    if (op == 0x24) return push(a << (b & 63));  // DW_OP_shl
    if (op == 0x2a) return push(static_cast<std::intptr_t>(a) >= static_cast<std::intptr_t>(b));  // DW_OP_ge
    return false;
  }

  const Registers& registers_;
  const StackBounds& stack_;
  std::array<std::uintptr_t, 8> values_{};
  std::size_t depth_ = 0;
};

bool find_cfa(const FrameRules& row, const Registers& registers, const StackBounds& stack,
              std::uintptr_t& cfa) noexcept {
  if (row.cfa_code) return Expression(registers, stack).run(row.cfa_code, cfa);
  if (row.cfa_register >= Registers::kCount) return false;
  cfa = registers.value[row.cfa_register] + static_cast<std::uintptr_t>(row.cfa_offset);
  return true;
}

/// Replaces the registers by what they are in the caller; false at the end of the stack.
bool leave_function(Registers& registers, const StackBounds& stack, std::uintptr_t address,
                    bool& interrupted) noexcept {
  FrameTable table;
  if (!find_frame_table(address, table) || table.return_column != Registers::kIp) return false;
  FrameRules rules;
  std::uintptr_t cfa = 0;
  if (!find_frame_rules(table, address, rules) || !find_cfa(rules, registers, stack, cfa)) return false;
  Registers caller = registers;
  caller.value[Registers::kSp] = cfa;
  for (std::size_t i = 0; i < Registers::kCount; ++i) {
    const Rule& rule = rules.rules[i];
    const std::uintptr_t there = cfa + static_cast<std::uintptr_t>(rule.operand);
    std::uintptr_t place = there;
    switch (rule.kind) {
      case Rule::Kind::same:
        if (i == Registers::kIp) return false;
        break;
      case Rule::Kind::undefined:
        if (i == Registers::kIp) return false;
        caller.value[i] = 0;
        break;
      case Rule::Kind::offset_itself:
        caller.value[i] = there;
        break;
      case Rule::Kind::in_register:
        if (static_cast<std::size_t>(rule.operand) >= Registers::kCount) return false;
        caller.value[i] = registers.value[static_cast<std::size_t>(rule.operand)];
        break;
      case Rule::Kind::expression:
        if (!Expression(registers, stack).run(rule.code, place)) return false;
        [[fallthrough]];
      case Rule::Kind::at_offset:
        if (!read_word(stack, place, caller.value[i])) return false;
        break;
    }
  }
  interrupted = table.signal_frame;
  // A stack that does not get shorter is broken.
  if (cfa <= registers.value[Registers::kSp] && !interrupted) return false;
  registers = caller;
  return true;
}

}  // namespace

Registers::Registers(const fiber::Suspension& at) noexcept {
  value[kBp] = reinterpret_cast<std::uintptr_t>(at.frame_pointer);
  value[kSp] = reinterpret_cast<std::uintptr_t>(at.stack_pointer);
  value[kIp] = reinterpret_cast<std::uintptr_t>(at.instruction);
}

Registers Registers::of_signal(const void* context) noexcept {
  // In the order of the DWARF numbers.
  static constexpr std::array<int, kCount> kPlaces = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                      REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  Registers registers;
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  for (std::size_t i = 0; i < kCount; ++i)
    registers.value[i] = static_cast<std::uintptr_t>(machine.gregs[kPlaces[i]]);
  return registers;
}

std::size_t walk_stack(Registers registers, StackBounds stack, std::span<std::uintptr_t> out,
                       bool interrupted) noexcept {
  std::size_t count = 0;
  const std::uintptr_t& ip = registers.value[Registers::kIp];
  while (count < out.size() && ip != 0) {
    // A return address may be the first of the next function: the call itself is meant.
    const std::uintptr_t address = interrupted ? ip : ip - 1;
    FrameTable table;
    if (count > 0 && !find_frame_table(address, table)) break;  // what lies below a fiber's first function
    out[count++] = address;
    if (!leave_function(registers, stack, address, interrupted)) break;
  }
  return count;
}

#else

Registers::Registers(const fiber::Suspension&) noexcept {}
Registers Registers::of_signal(const void*) noexcept { return {}; }
std::size_t walk_stack(Registers, StackBounds, std::span<std::uintptr_t>, bool) noexcept { return 0; }

#endif

}  // namespace verdin::impl
