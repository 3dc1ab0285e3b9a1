// What ECMAScript's JSON.parse takes and simdjson does not, or takes only slowly, rewritten so that simdjson
// takes it quickly and with the same meaning.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace verdin::json {

/// Numbers beyond the range of a double are infinite, and there is no text that simdjson reads as that: a 1
/// with their sign stands for them, and their places are told.
struct Infinities {
  struct Place {
    std::size_t number;  // how many numbers come before it in the text
    bool negative;
  };
  std::vector<Place> places;
};

/// Appends `text` to `out` with integers beyond 64 bits and numbers of more than 19 digits written as reals
/// of 17, and escaped lone surrogates as \ufffd. False if there was nothing of that, and no infinity. Linear;
/// what is malformed stays malformed.
bool repair(std::string_view text, std::string& out, Infinities& infinities);

/// Whether `text` has so many numbers of more than 19 digits that it had better be repaired first: simdjson
/// takes up to 25 us for each of them, half a second for a text of 2 MB. Looks at one octet of 20 where there
/// are no digits; digits within strings count too.
bool has_many_long_numbers(std::string_view text) noexcept;

}  // namespace verdin::json
