#include "frame.hpp"

#include <cstring>

namespace bench {
namespace {

constexpr std::uint64_t kMaxControlPayload = 125;

std::uint64_t read_big_endian(const char* from, std::size_t octets) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < octets; ++i) value = (value << 8) | static_cast<unsigned char>(from[i]);
  return value;
}

bool known(std::uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

void append_header(std::string& out, Opcode opcode, std::uint64_t size, std::optional<std::uint32_t> mask) {
  const std::uint64_t mask_bit = mask ? 0x80 : 0;
  const auto append = [&out](std::uint64_t octet) { out.push_back(static_cast<char>(octet & 0xff)); };
  append(0x80U | static_cast<unsigned>(opcode));
  const int octets = size <= 125 ? 0 : size <= 0xffff ? 2 : 8;
  append(mask_bit | (octets == 0 ? size : octets == 2 ? 126U : 127U));
  for (int i = octets - 1; i >= 0; --i) append(size >> (8 * i));
  if (!mask) return;
  char key[4];
  std::memcpy(key, &*mask, 4);
  out.append(key, 4);
}

void mask_octets(char* at, std::size_t size, std::uint32_t mask) {
  const std::uint64_t wide = (std::uint64_t{mask} << 32) | mask;
  for (; size >= 8; size -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= wide;
    std::memcpy(at, &word, 8);
  }
  char key[4];
  std::memcpy(key, &mask, 4);
  for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<char>(at[i] ^ key[i & 3]);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask) {
  append_header(out, opcode, payload.size(), mask);
  const std::size_t start = out.size();
  out.append(payload);
  mask_octets(out.data() + start, payload.size(), mask);
}

FrameStatus take_frame(std::string_view& input, Frame& frame) {
  if (input.size() < 2) return FrameStatus::kIncomplete;
  const auto first = static_cast<unsigned char>(input[0]);
  const auto second = static_cast<unsigned char>(input[1]);
  const auto opcode = static_cast<std::uint8_t>(first & 0x0f);
  const bool final = (first & 0x80) != 0;
  if ((first & 0x70) != 0 || (second & 0x80) != 0 || !known(opcode)) return FrameStatus::kInvalid;
  if (opcode >= 8 && (!final || second > kMaxControlPayload)) return FrameStatus::kInvalid;

  std::uint64_t length = second;
  std::size_t header = 2;
  if (second >= 126) {
    const std::size_t octets = second == 126 ? 2 : 8;
    if (input.size() < header + octets) return FrameStatus::kIncomplete;
    length = read_big_endian(input.data() + 2, octets);
    if (length < (octets == 2 ? 126U : 0x10000U) || (length >> 63) != 0) return FrameStatus::kInvalid;
    header += octets;
  }
  if (input.size() - header < length) return FrameStatus::kIncomplete;
  frame = Frame{static_cast<Opcode>(opcode), final, input.substr(header, length)};
  input.remove_prefix(header + length);
  return FrameStatus::kFrame;
}

}  // namespace bench
