#include "runtime/monitor/frame_rules.hpp"

namespace verdin::impl {
namespace {

/// Runs a function's table up to an instruction (DW_CFA_*).
class RowBuilder {
 public:
  RowBuilder(const FrameTable& table, std::uintptr_t address) noexcept
      : table_(table), address_(address), here_(table.first) {}

  bool build() noexcept {
    if (!run(TableReader(table_.initial, table_.initial_end))) return false;
    first_ = row_;
    return run(TableReader(table_.own, table_.own_end));
  }
  const FrameRules& row() const noexcept { return row_; }

 private:
  bool run(TableReader reader) noexcept {
    while (!reader.done() && here_ <= address_) {
      if (!step(reader)) return false;
    }
    return true;
  }
  void set(std::uint64_t number, Rule rule) noexcept {
    if (number < Registers::kCount) row_.rules[number] = rule;  // others: vector registers, not followed
  }
  void set_offset(std::uint64_t number, std::int64_t factored) noexcept {
    set(number, {Rule::Kind::at_offset, factored * table_.data_alignment, nullptr});
  }
  void restore(std::uint64_t number) noexcept {
    if (number < Registers::kCount) row_.rules[number] = first_.rules[number];
  }
  void advance(std::uint64_t delta) noexcept { here_ += delta * table_.code_alignment; }
  static const std::uint8_t* take_block(TableReader& reader) noexcept {
    const std::uint8_t* const block = reader.at();
    reader.skip(reader.uleb());
    return block;
  }

  bool step(TableReader& reader) noexcept {
    const auto op = reader.get<std::uint8_t>();
    const std::uint64_t low = op & 0x3f;
    switch (op & 0xc0) {
      case 0x40:  // DW_CFA_advance_loc
        advance(low);
        return true;
      case 0x80:  // DW_CFA_offset
        set_offset(low, static_cast<std::int64_t>(reader.uleb()));
        return true;
      case 0xc0:  // DW_CFA_restore
        restore(low);
        return true;
      default:
        return op < 0x0c ? place(op, reader) : define(op, reader);
    }
  }

  bool place(std::uint8_t op, TableReader& reader) noexcept {
    std::uint64_t number = 0;
    switch (op) {
      case 0x00:  // DW_CFA_nop
        return true;
      case 0x02:
        advance(reader.get<std::uint8_t>());
        return true;
      case 0x03:
        advance(reader.get<std::uint16_t>());
        return true;
      case 0x04:
        advance(reader.get<std::uint32_t>());
        return true;
      case 0x05:  // DW_CFA_offset_extended
        number = reader.uleb();
        set_offset(number, static_cast<std::int64_t>(reader.uleb()));
        return true;
      case 0x06:  // DW_CFA_restore_extended
        restore(reader.uleb());
        return true;
      case 0x07:  // DW_CFA_undefined
        set(reader.uleb(), {Rule::Kind::undefined, 0, nullptr});
        return true;
      case 0x08:  // DW_CFA_same_value
        set(reader.uleb(), {});
        return true;
      case 0x09:  // DW_CFA_register
        number = reader.uleb();
        set(number, {Rule::Kind::in_register, static_cast<std::int64_t>(reader.uleb()), nullptr});
        return true;
      case 0x0a:  // DW_CFA_remember_state
        if (depth_ == saved_.size()) return false;
        saved_[depth_++] = row_;
        return true;
      case 0x0b:  // DW_CFA_restore_state
        if (depth_ == 0) return false;
        row_ = saved_[--depth_];
        return true;
      default:
        return false;
    }
  }

  bool define(std::uint8_t op, TableReader& reader) noexcept {
    std::uint64_t number = 0;
    switch (op) {
      case 0x0c:  // DW_CFA_def_cfa
        row_.cfa_register = reader.uleb();
        row_.cfa_offset = static_cast<std::int64_t>(reader.uleb());
        row_.cfa_code = nullptr;
        return true;
      case 0x0d:  // DW_CFA_def_cfa_register
        row_.cfa_register = reader.uleb();
        row_.cfa_code = nullptr;
        return true;
      case 0x0e:  // DW_CFA_def_cfa_offset
        row_.cfa_offset = static_cast<std::int64_t>(reader.uleb());
        return true;
      case 0x0f:  // DW_CFA_def_cfa_expression
        row_.cfa_code = take_block(reader);
        return true;
      case 0x10:  // DW_CFA_expression
        number = reader.uleb();
        set(number, {Rule::Kind::expression, 0, take_block(reader)});
        return true;
      case 0x11:  // DW_CFA_offset_extended_sf
        number = reader.uleb();
        set_offset(number, reader.sleb());
        return true;
      case 0x12:  // DW_CFA_def_cfa_sf
        row_.cfa_register = reader.uleb();
        row_.cfa_offset = reader.sleb() * table_.data_alignment;
        row_.cfa_code = nullptr;
        return true;
      case 0x13:  // DW_CFA_def_cfa_offset_sf
        row_.cfa_offset = reader.sleb() * table_.data_alignment;
        return true;
      case 0x14:  // DW_CFA_val_offset
        number = reader.uleb();
        set(number, {Rule::Kind::offset_itself,
                     static_cast<std::int64_t>(reader.uleb()) * table_.data_alignment, nullptr});
        return true;
      case 0x2e:  // DW_CFA_GNU_args_size
        reader.uleb();
        return true;
      default:
        return false;
    }
  }

  const FrameTable& table_;
  std::uintptr_t address_;
  std::uintptr_t here_;
  FrameRules row_;
  FrameRules first_;
  std::array<FrameRules, 4> saved_;
  std::size_t depth_ = 0;
};

}  // namespace

bool find_frame_rules(const FrameTable& table, std::uintptr_t address, FrameRules& rules) noexcept {
  RowBuilder builder(table, address);
  if (!builder.build()) return false;
  rules = builder.row();
  return true;
}

}  // namespace verdin::impl
