// The unwind table of one function (.eh_frame: Linux Standard Base 5.0, 10.6; DWARF 5, 6.4).
#pragma once

#include <cstdint>

namespace verdin::impl {

/// A position in a table that is being read.
class TableReader {
 public:
  explicit TableReader(const std::uint8_t* at, const std::uint8_t* end = nullptr) noexcept
      : at_(at), end_(end) {}

  bool done() const noexcept { return at_ >= end_; }
  const std::uint8_t* at() const noexcept { return at_; }
  void skip(std::uint64_t octets) noexcept { at_ += octets; }

  template <typename T>
  T get() noexcept {
    T value;
    __builtin_memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::uint64_t uleb() noexcept;
  std::int64_t sleb() noexcept;
  /// A pointer in one of DWARF's encodings (DW_EH_PE_*); false if it is one that is not known here.
  bool pointer(std::uint8_t encoding, std::uintptr_t& value) noexcept;

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

struct FrameTable {
  std::uintptr_t first = 0;  // the function's first instruction
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint64_t return_column = 0;
  bool signal_frame = false;
  const std::uint8_t* initial = nullptr;  // instructions for all functions with this header
  const std::uint8_t* initial_end = nullptr;
  const std::uint8_t* own = nullptr;  // instructions for this one
  const std::uint8_t* own_end = nullptr;
};

/// The table of the function that `address` lies in; false if there is none.
bool find_frame_table(std::uintptr_t address, FrameTable& table) noexcept;

}  // namespace verdin::impl
