#include "unicode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace chat::unicode {

namespace {

struct Range {
  char32_t first, last;
};

bool within(std::span<const Range> sorted, char32_t code) {
  const auto range = std::ranges::lower_bound(sorted, code, {}, &Range::last);
  return range != sorted.end() && range->first <= code;
}

struct Plain {
  char32_t last;  // and everything since the entry before
  std::string_view latin;
};

constexpr std::array kPlain = std::to_array<Plain>({
    {0xDE, ""},   {0xDF, "ss"},  {0xE5, "a"},   {0xE6, "ae"}, {0xE7, "c"},  {0xEB, "e"},  {0xEF, "i"},
    {0xF0, "d"},  {0xF1, "n"},   {0xF6, "o"},   {0xF7, ""},   {0xF8, "o"},  {0xFC, "u"},  {0xFD, "y"},
    {0xFE, "th"}, {0xFF, "y"},   {0x105, "a"},  {0x10D, "c"}, {0x111, "d"}, {0x11B, "e"}, {0x123, "g"},
    {0x127, "h"}, {0x131, "i"},  {0x133, "ij"}, {0x135, "j"}, {0x138, "k"}, {0x142, "l"}, {0x14B, "n"},
    {0x151, "o"}, {0x153, "oe"}, {0x159, "r"},  {0x161, "s"}, {0x167, "t"}, {0x173, "u"}, {0x175, "w"},
    {0x178, "y"}, {0x17E, "z"},  {0x17F, "s"},
});

constexpr std::array kHidden = std::to_array<Range>({
    {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x34F, 0x34F},     {0x61C, 0x61C},
    {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0x2800, 0x2800}, {0x3164, 0x3164}, {0xE000, 0xF8FF},   {0xFE00, 0xFE0F},
    {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
});

// Punctuation and symbols beyond ASCII; everything else there counts as part of a word.
constexpr std::array kNotWord = std::to_array<Range>({
    {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},       {0xD7, 0xD7},
    {0xF7, 0xF7},     {0x2B0, 0x36F},   {0x37E, 0x37E},   {0x387, 0x387},     {0x55A, 0x55F},
    {0x589, 0x58A},   {0x5BE, 0x5BE},   {0x5C0, 0x5C0},   {0x5C3, 0x5C3},     {0x5F3, 0x5F4},
    {0x600, 0x60F},   {0x61B, 0x61F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},     {0x964, 0x965},
    {0xE4F, 0xE4F},   {0xE5A, 0xE5B},   {0x1680, 0x1680}, {0x2000, 0x2BFF},   {0x2E00, 0x2E7F},
    {0x3000, 0x3004}, {0x3008, 0x3030}, {0x303D, 0x303F}, {0x30A0, 0x30A0},   {0x30FB, 0x30FB},
    {0xE000, 0xF8FF}, {0xFD3E, 0xFD3F}, {0xFE00, 0xFE6F}, {0xFEFF, 0xFF0F},   {0xFF1A, 0xFF20},
    {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF},
});

// Blocks where a capital and its small letter are neighbours, the capital on even code points.
constexpr std::array kEvenCapitals = std::to_array<Range>({
    {0x100, 0x12F},
    {0x132, 0x137},
    {0x14A, 0x177},
    {0x1DE, 0x1EF},
    {0x1F8, 0x21F},
    {0x222, 0x233},
    {0x460, 0x481},
    {0x48A, 0x4BF},
    {0x4D0, 0x52F},
    {0x1E00, 0x1E95},
    {0x1EA0, 0x1EFF},
});
constexpr std::array kOddCapitals = std::to_array<Range>({{0x139, 0x148}, {0x179, 0x17E}, {0x4C1, 0x4CE}});

struct Shift {
  char32_t first, last;
  std::int32_t by;
};
constexpr std::array kShifts = std::to_array<Shift>({
    {U'A', U'Z', 32},
    {0xC0, 0xD6, 32},
    {0xD8, 0xDE, 32},
    {0x178, 0x178, -121},
    {0x386, 0x386, 38},
    {0x388, 0x38A, 37},
    {0x38C, 0x38C, 64},
    {0x38E, 0x38F, 63},
    {0x391, 0x3AB, 32},
    {0x3C2, 0x3C2, 1},
    {0x400, 0x40F, 80},
    {0x410, 0x42F, 32},
    {0x4C0, 0x4C0, 15},
    {0x531, 0x556, 48},
    {0xFF21, 0xFF3A, 32},
});

}  // namespace

bool take(std::string_view& rest, char32_t& code) {
  if (rest.empty()) return false;
  const auto octet = [&](std::size_t index) { return static_cast<unsigned char>(rest[index]); };
  const unsigned char lead = octet(0);
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xC2 ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 0;
  if (size == 0 || size > rest.size()) return false;
  char32_t value = size == 1 ? lead : lead & (0xFFu >> (size + 1));
  for (std::size_t index = 1; index < size; ++index) {
    if ((octet(index) & 0xC0) != 0x80) return false;
    value = value << 6 | (octet(index) & 0x3F);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
  rest.remove_prefix(size);
  code = value;
  return true;
}

void append(std::string& out, char32_t code) {
  const auto put = [&](char32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

char32_t to_lower(char32_t code) {
  const auto shift = std::ranges::lower_bound(kShifts, code, {}, &Shift::last);
  if (shift != kShifts.end() && shift->first <= code) return code + static_cast<char32_t>(shift->by);
  if (code % 2 == 0 && within(kEvenCapitals, code)) return code + 1;
  if (code % 2 == 1 && within(kOddCapitals, code)) return code + 1;
  return code;
}

std::string_view plain_latin(char32_t lower) {
  const auto entry = std::ranges::lower_bound(kPlain, lower, {}, &Plain::last);
  return entry == kPlain.end() ? std::string_view{} : entry->latin;
}

bool is_blank(char32_t code) {
  return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

bool is_hidden(char32_t code) { return within(kHidden, code); }

bool is_combining(char32_t code) { return code >= 0x300 && code <= 0x36F; }

bool is_word(char32_t code) {
  if (code < 0x80)
    return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  return !within(kNotWord, code);
}

}  // namespace chat::unicode
