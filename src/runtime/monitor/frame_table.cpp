#include "runtime/monitor/frame_table.hpp"

#include <dlfcn.h>

namespace verdin::impl {
namespace {

// DW_EH_PE_*: how a pointer is written.
constexpr std::uint8_t kAbsolute = 0x00;
constexpr std::uint8_t kUnsigned4 = 0x03;
constexpr std::uint8_t kUnsigned8 = 0x04;
constexpr std::uint8_t kSigned4 = 0x0b;
constexpr std::uint8_t kSigned8 = 0x0c;
constexpr std::uint8_t kRelativeToItself = 0x10;
constexpr std::uint8_t kRelativeToTable = 0x30;

/// The header of the search table of the object that `address` lies in (PT_GNU_EH_FRAME).
const std::uint8_t* search_table(std::uintptr_t address) noexcept {
#ifdef DLFO_STRUCT_HAS_EH_DBASE
  dl_find_object found{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what a register holds
  if (::_dl_find_object(reinterpret_cast<void*>(address), &found) != 0) return nullptr;
  return static_cast<const std::uint8_t*>(found.dlfo_eh_frame);
#else
  static_cast<void>(address);  // only glibc 2.35 and later find it without a lock
  return nullptr;
#endif
}

const std::uint8_t* find_entry(const std::uint8_t* table, std::uintptr_t address) noexcept {
  TableReader header(table);
  const auto version = header.get<std::uint8_t>();
  const auto start_encoding = header.get<std::uint8_t>();
  const auto count_encoding = header.get<std::uint8_t>();
  const auto entry_encoding = header.get<std::uint8_t>();
  if (version != 1 || count_encoding != kUnsigned4 || entry_encoding != (kRelativeToTable | kSigned4))
    return nullptr;
  std::uintptr_t start = 0;
  if (!header.pointer(start_encoding, start)) return nullptr;
  const auto count = header.get<std::uint32_t>();
  const auto base = reinterpret_cast<std::uintptr_t>(table);
  const auto field = [&](std::uint32_t index, std::size_t which) {
    TableReader reader(header.at() + std::size_t{index} * 8 + which * 4);
    return base + static_cast<std::uintptr_t>(std::intptr_t{reader.get<std::int32_t>()});
  };
  std::uint32_t low = 0;
  for (std::uint32_t high = count; low < high;) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (field(middle, 0) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the table holds distances
  return low == 0 ? nullptr : reinterpret_cast<const std::uint8_t*>(field(low - 1, 1));
}

/// What the entries of several functions have in common.
bool read_common(const std::uint8_t* at, FrameTable& table, std::uint8_t& pointer_encoding,
                 bool& has_extra) noexcept {
  TableReader reader(at);
  const auto length = reader.get<std::uint32_t>();
  table.initial_end = reader.at() + length;
  if (reader.get<std::uint32_t>() != 0) return false;  // not a common entry
  const auto version = reader.get<std::uint8_t>();
  if (version != 1 && version != 3) return false;
  const char* augmentation = reinterpret_cast<const char*>(reader.at());
  while (reader.get<char>() != '\0') {
  }
  table.code_alignment = reader.uleb();
  table.data_alignment = reader.sleb();
  table.return_column = version == 1 ? reader.get<std::uint8_t>() : reader.uleb();
  pointer_encoding = kAbsolute;
  has_extra = augmentation[0] == 'z';
  if (has_extra) {
    const std::uint64_t extra = reader.uleb();
    const std::uint8_t* const instructions = reader.at() + extra;
    for (const char* what = augmentation + 1; *what; ++what) {
      std::uintptr_t ignored = 0;
      if (*what == 'R') pointer_encoding = reader.get<std::uint8_t>();
      if (*what == 'L') reader.skip(1);
      if (*what == 'P' && !reader.pointer(reader.get<std::uint8_t>() & 0x7f, ignored)) return false;
      if (*what == 'S') table.signal_frame = true;
    }
    reader = TableReader(instructions);
  }
  table.initial = reader.at();
  return true;
}

}  // namespace

std::uint64_t TableReader::uleb() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto octet = get<std::uint8_t>();
    if (shift < 64) value |= std::uint64_t{octet & 0x7fu} << shift;
    if (!(octet & 0x80)) return value;
  }
}

std::int64_t TableReader::sleb() noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0;;) {
    const auto octet = get<std::uint8_t>();
    if (shift < 64) value |= std::uint64_t{octet & 0x7fu} << shift;
    shift += 7;
    if (octet & 0x80) continue;
    if ((octet & 0x40) && shift < 64) value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }
}

bool TableReader::pointer(std::uint8_t encoding, std::uintptr_t& value) noexcept {
  const auto here = reinterpret_cast<std::uintptr_t>(at_);
  switch (encoding & 0x0f) {
    case kAbsolute:
    case kUnsigned8:
    case kSigned8:
      value = get<std::uint64_t>();
      break;
    case kUnsigned4:
      value = get<std::uint32_t>();
      break;
    case kSigned4:
      value = static_cast<std::uintptr_t>(std::intptr_t{get<std::int32_t>()});
      break;
    default:
      return false;
  }
  const std::uint8_t relative = encoding & 0x70;
  if (relative == kRelativeToItself) value += here;
  return relative == 0 || relative == kRelativeToItself;
}

bool find_frame_table(std::uintptr_t address, FrameTable& table) noexcept {
  const std::uint8_t* const search = search_table(address);
  const std::uint8_t* const entry = search ? find_entry(search, address) : nullptr;
  if (!entry) return false;
  TableReader reader(entry);
  const auto length = reader.get<std::uint32_t>();
  if (length == 0 || length == 0xffffffff) return false;
  table.own_end = reader.at() + length;
  const std::uint8_t* const here = reader.at();
  const auto back = reader.get<std::uint32_t>();
  std::uint8_t encoding = 0;
  bool has_extra = false;
  if (back == 0 || !read_common(here - back, table, encoding, has_extra)) return false;
  std::uintptr_t size = 0;
  if (!reader.pointer(encoding, table.first) || !reader.pointer(encoding & 0x0f, size)) return false;
  if (address < table.first || address - table.first >= size) return false;
  if (has_extra) reader.skip(reader.uleb());
  table.own = reader.at();
  return true;
}

}  // namespace verdin::impl
