#include <cstdint>
#include <cstring>
#include <string>

#include <verdin/protocol/websocket/frame.hpp>

namespace verdin::protocol::websocket {
namespace {

using Status = HeaderResult::Status;

constexpr unsigned kFin = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kCompressed = 0x40;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

unsigned octet(std::span<const char> octets, std::size_t at) noexcept {
  return static_cast<unsigned char>(octets[at]);
}

std::uint64_t read_number(std::span<const char> octets, std::size_t at, std::size_t size) noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | octet(octets, at + i);
  return number;
}

HeaderResult bad(std::string_view reason) noexcept { return {Status::bad, 0, reason}; }

/// Masks as many octets as a word has; returns them. `from` may be `to`, here and below.
template <typename Word>
Word mask_word(char* to, const char* from, Word mask) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  word ^= mask;
  std::memcpy(to, &word, sizeof word);
  return word;
}

struct Blocks16 {  // a register of SSE2, NEON, ...
  using Block = std::uint64_t __attribute__((vector_size(16)));
};
struct Blocks32 {  // of AVX2
  using Block = std::uint64_t __attribute__((vector_size(32)));
};

/// Masks the front of `size` octets, as much of it as goes in four blocks at a time. Returns what these are,
/// ORed.
template <typename Blocks>
[[gnu::always_inline]] inline std::uint64_t mask_blocks_of(char* to, const char* from, std::size_t size,
                                                           std::uint64_t word) noexcept {
  using Block = typename Blocks::Block;
  constexpr std::size_t kSize = sizeof(Block);
  const Block mask = word - Block{};
  Block all = {};
  for (std::size_t at = 0; at + 4 * kSize <= size; at += 4 * kSize) {
    Block a, b, c, d;
    std::memcpy(&a, from + at, kSize);
    std::memcpy(&b, from + at + kSize, kSize);
    std::memcpy(&c, from + at + 2 * kSize, kSize);
    std::memcpy(&d, from + at + 3 * kSize, kSize);
    a ^= mask;
    b ^= mask;
    c ^= mask;
    d ^= mask;
    all |= (a | b) | (c | d);
    std::memcpy(to + at, &a, kSize);
    std::memcpy(to + at + kSize, &b, kSize);
    std::memcpy(to + at + 2 * kSize, &c, kSize);
    std::memcpy(to + at + 3 * kSize, &d, kSize);
  }
  std::uint64_t ored = 0;
  for (std::size_t i = 0; i < kSize / sizeof ored; ++i) ored |= all[i];
  return ored;
}

constexpr std::size_t kBlocks = 64;  // from so many octets on
constexpr std::size_t kAligned = 2048;

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t mask_wide_blocks(char* to, const char* from, std::size_t size,
                                                       std::uint64_t word) noexcept {
  return mask_blocks_of<Blocks32>(to, from, size, word);
}
const bool has_wide_blocks = __builtin_cpu_supports("avx2");
#endif

/// Moves on by what it has masked.
std::uint64_t mask_blocks(char*& to, const char*& from, std::size_t& left, std::uint64_t word) noexcept {
  std::uint64_t ored = 0;
  const auto went = [&](std::size_t count) {
    to += count;
    from += count;
    left -= count;
  };
#if defined(__x86_64__)
  if (left >= 2 * kBlocks && has_wide_blocks) {
    ored = mask_wide_blocks(to, from, left, word);
    went(left & ~(2 * kBlocks - 1));
  }
#endif
  ored |= mask_blocks_of<Blocks16>(to, from, left, word);
  went(left & ~(kBlocks - 1));
  return ored;
}

/// As apply_mask().
std::uint8_t mask_octets(char* to, const char* from, std::size_t left, MaskKey key) noexcept {
  // In the machine's own order, and put together in registers: as memory, the halves would have to be written
  // first.
  std::uint32_t half;
  std::memcpy(&half, key.octets, 4);
  const std::uint64_t word = std::uint64_t{half} << 32 | half;
  std::uint64_t all = 0;
  if (left >= kBlocks) [[unlikely]]
    all = mask_blocks(to, from, left, word);
  for (; left >= 16; to += 16, from += 16, left -= 16) {
    all |= mask_word(to, from, word);
    all |= mask_word(to + 8, from + 8, word);
  }
  if (left & 8) {
    all |= mask_word(to, from, word);
    to += 8;
    from += 8;
  }
  if (left & 4) {
    all |= mask_word(to, from, half);
    to += 4;
    from += 4;
  }
  for (std::size_t i = 0; i < (left & 3); ++i) {
    const unsigned plain = static_cast<unsigned char>(from[i]) ^ static_cast<unsigned>(key.octets[i]);
    to[i] = static_cast<char>(plain);
    all |= plain;
  }
  all |= all >> 32;
  all |= all >> 16;
  all |= all >> 8;
  return static_cast<std::uint8_t>(all & 0xFF);
}

/// What the first two octets show; empty if nothing is wrong.
std::string_view fault(unsigned first, unsigned second, Role role, bool deflate) noexcept {
  const unsigned opcode = first & 0x0F;
  const bool may_be_compressed = deflate && (opcode == 1 || opcode == 2);
  if (first & kReserved & ~(may_be_compressed ? kCompressed : 0)) return "reserved bit set";
  if ((opcode > 2 && opcode < 8) || opcode > 10) return "reserved opcode";
  if (((second & kMasked) != 0) != (role == Role::server)) {
    return role == Role::server ? "frame not masked" : "frame masked";
  }
  if (opcode >= 8) {
    if (!(first & kFin)) return "fragmented control frame";
    if ((second & 0x7F) > 125) return "control frame too long";
  }
  return {};
}

}  // namespace

HeaderResult read_header(std::span<const char> octets, Role role, FrameHeader& header,
                         bool deflate) noexcept {
  if (octets.size() < 2) return {};
  const unsigned first = octet(octets, 0);
  const unsigned second = octet(octets, 1);
  if (const std::string_view reason = fault(first, second, role, deflate); !reason.empty())
    return bad(reason);
  std::uint64_t length = second & 0x7F;
  std::size_t size = 2;
  if (length == kLength16) {
    size = 4;
    if (octets.size() < size) return {};
    length = read_number(octets, 2, 2);
    if (length < kLength16) return bad("length not in its shortest form");
  } else if (length == kLength64) {
    size = 10;
    if (octets.size() < size) return {};
    length = read_number(octets, 2, 8);
    if (length >> 63) return bad("length with the top bit set");
    if (length <= 0xFFFF) return bad("length not in its shortest form");
  }
  header.payload_size = length;
  header.opcode = static_cast<Opcode>(first & 0x0F);
  header.fin = (first & kFin) != 0;
  header.compressed = (first & kCompressed) != 0;
  header.mask = {};
  if (second & kMasked) {
    if (octets.size() < size + 4) return {};
    std::memcpy(header.mask.octets, octets.data() + size, 4);
    size += 4;
  }
  return {Status::ok, static_cast<std::uint8_t>(size), {}};
}

std::size_t write_header(char* to, Opcode opcode, std::uint64_t payload_size, bool fin) noexcept {
  to[0] = static_cast<char>((fin ? kFin : 0) | static_cast<unsigned>(opcode));
  if (payload_size < kLength16) {
    to[1] = static_cast<char>(payload_size);
    return 2;
  }
  const bool short_form = payload_size <= 0xFFFF;
  to[1] = static_cast<char>(short_form ? kLength16 : kLength64);
  const std::size_t size = short_form ? 4 : 10;
  for (std::size_t at = size; at > 2; payload_size >>= 8) to[--at] = static_cast<char>(payload_size & 0xFF);
  return size;
}

std::size_t write_header(char* to, Opcode opcode, std::uint64_t payload_size, MaskKey mask,
                         bool fin) noexcept {
  const std::size_t size = write_header(to, opcode, payload_size, fin);
  to[1] = static_cast<char>(static_cast<unsigned char>(to[1]) | kMasked);
  std::memcpy(to + size, mask.octets, 4);
  return size + 4;
}

SharedBuffer make_frame(Opcode opcode, std::initializer_list<std::string_view> parts) {
  std::size_t payload = 0;
  for (std::string_view part : parts) payload += part.size();
  char header[kMaxServerFrameHeader];
  const std::string_view head(header, write_header(header, opcode, payload));
  switch (parts.size()) {
    case 0:
      return SharedBuffer::join({head});
    case 1:
      return SharedBuffer::join({head, parts.begin()[0]});
    case 2:
      return SharedBuffer::join({head, parts.begin()[0], parts.begin()[1]});
    default:
      break;
  }
  std::string whole(head);
  whole.reserve(head.size() + payload);
  for (std::string_view part : parts) whole.append(part);
  return SharedBuffer::copy(whole);
}

SharedBuffer make_compressed_frame(Opcode opcode, std::string_view payload) {
  char header[kMaxServerFrameHeader];
  const std::size_t size = write_header(header, opcode, payload.size());
  mark_compressed(header);
  return SharedBuffer::join({{header, size}, payload});
}

MaskKey rotate_mask(MaskKey key, std::size_t octets) noexcept {
  MaskKey rotated;
  for (std::size_t i = 0; i < 4; ++i) rotated.octets[i] = key.octets[(i + octets) % 4];
  return rotated;
}

std::uint8_t apply_mask(std::span<char> payload, MaskKey key) noexcept {
  return copy_masked(payload.data(), payload, key);
}

std::uint8_t copy_masked(char* to, std::span<const char> payload, MaskKey key) noexcept {
  // Blocks that lie across two lines of the cache cost a quarter more, which many of them are worth.
  const std::size_t odd = payload.size() < kAligned ? 0 : -reinterpret_cast<std::uintptr_t>(to) % kBlocks;
  if (odd == 0) return mask_octets(to, payload.data(), payload.size(), key);
  const unsigned front = mask_octets(to, payload.data(), odd, key);
  const unsigned rest =
      mask_octets(to + odd, payload.data() + odd, payload.size() - odd, rotate_mask(key, odd));
  return static_cast<std::uint8_t>(front | rest);
}

}  // namespace verdin::protocol::websocket
