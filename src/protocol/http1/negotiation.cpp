#include <limits>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

namespace verdin::protocol::http1 {

namespace {

std::string_view without_weak_mark(std::string_view etag) noexcept {
  return etag.substr(0, 2) == "W/" ? etag.substr(2) : etag;
}

/// "0", "0.5", "1.000" in thousandths; -1 for anything else.
int parse_weight(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return -1;
  if (text.size() > 1 && text[1] != '.') return -1;
  int weight = (text[0] - '0') * 1000, unit = 100;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (!is_digit(text[i])) return -1;
    weight += (text[i] - '0') * unit;
  }
  return weight <= 1000 ? weight : -1;
}

/// Splits "gzip;q=0.5". A malformed weight makes the element count as absent (-1).
int split_weight(std::string_view element, std::string_view& coding) noexcept {
  const std::size_t semicolon = element.find(';');
  coding = trim(element.substr(0, semicolon));
  if (semicolon == element.npos) return 1000;
  const std::string_view parameter = trim(element.substr(semicolon + 1));
  if (parameter.size() < 2 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') return -1;
  return parse_weight(parameter.substr(2));
}

/// What no number can hold is as far beyond a file's end as its highest.
bool parse_number(std::string_view text, std::uint64_t& number) noexcept {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  number = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    number = number > (kMost - 9) / 10 ? kMost : number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return !text.empty();
}

}  // namespace

bool etag_matches(std::string_view if_none_match, std::string_view etag) noexcept {
  if (trim(if_none_match) == "*") return true;
  if (etag.empty()) return false;
  std::string_view element;
  while (next_list_element(if_none_match, element)) {
    if (without_weak_mark(element) == without_weak_mark(etag)) return true;
  }
  return false;
}

bool etag_matches_strongly(std::string_view if_match, std::string_view etag) noexcept {
  if (trim(if_match) == "*") return true;
  std::string_view element;
  while (next_list_element(if_match, element)) {
    if (element == etag && without_weak_mark(element) == element) return true;
  }
  return false;
}

int named_weight(std::string_view accept_encoding, std::string_view coding) noexcept {
  std::string_view element, name;
  while (next_list_element(accept_encoding, element)) {
    const int weight = split_weight(element, name);
    if (weight >= 0 && equals_ignoring_case(name, coding)) return weight;
  }
  return -1;
}

int encoding_weight(std::string_view accept_encoding, std::string_view coding) noexcept {
  if (const int named = named_weight(accept_encoding, coding); named >= 0) return named;
  if (const int any = named_weight(accept_encoding, "*"); any >= 0) return any;
  return equals_ignoring_case(coding, "identity") ? 1000 : 0;
}

RangeResult match_range(std::string_view range, std::uint64_t size, ByteRange& part) noexcept {
  constexpr std::string_view kUnit = "bytes=";
  if (!equals_ignoring_case(range.substr(0, kUnit.size()), kUnit)) return RangeResult::whole;
  const std::string_view spec = trim(range.substr(kUnit.size()));
  const std::size_t dash = spec.find('-');
  if (dash == spec.npos || spec.find(',') != spec.npos) return RangeResult::whole;
  std::uint64_t first = 0, last = 0;
  if (dash == 0) {  // the last n octets
    if (!parse_number(spec.substr(1), last)) return RangeResult::whole;
    if (last == 0 || size == 0) return RangeResult::unsatisfiable;
    part.size = last < size ? last : size;
    part.first = size - part.size;
    return RangeResult::part;
  }
  if (!parse_number(spec.substr(0, dash), first)) return RangeResult::whole;
  const bool open = dash + 1 == spec.size();
  if (!open && (!parse_number(spec.substr(dash + 1), last) || last < first)) return RangeResult::whole;
  if (first >= size) return RangeResult::unsatisfiable;
  if (open || last >= size) last = size - 1;
  part = {first, last - first + 1};
  return RangeResult::part;
}

}  // namespace verdin::protocol::http1
