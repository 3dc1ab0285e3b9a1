#include "wire_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace bench {
namespace {

constexpr std::size_t kDigits = 8;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

}  // namespace

void append_payload(std::string& out, std::size_t size, std::size_t client, std::uint64_t sequence) {
  std::uint64_t number = client * 1'000'003 + sequence;
  const std::size_t digits = std::min(size, kDigits);
  out.append(size - digits, static_cast<char>('a' + client % 26));
  const std::size_t start = out.size();
  out.append(digits, '0');
  for (std::size_t i = digits; i-- > 0; number /= 10) out[start + i] = static_cast<char>('0' + number % 10);
}

void append_echo_event(std::string& out, std::uint64_t id, std::string_view payload) {
  out += "42";
  append_number(out, id);
  out += "[\"echo\",\"";
  out += payload;
  out += "\"]";
}

void append_ack(std::string& out, std::uint64_t id, std::string_view payload) {
  out += "43";
  append_number(out, id);
  out += "[\"";
  out += payload;
  out += "\"]";
}

void append_room_event(std::string& out, std::string_view payload) {
  out += "42[\"room\",\"";
  out += payload;
  out += "\"]";
}

void append_cast_event(std::string& out, std::string_view payload) {
  out += "42[\"cast\",\"";
  out += payload;
  out += "\"]";
}

}  // namespace bench
