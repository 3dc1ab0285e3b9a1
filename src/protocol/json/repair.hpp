// What ECMAScript's JSON.parse takes and simdjson does not, rewritten so that simdjson takes it with the same
// meaning.
#pragma once

#include <string>
#include <string_view>

namespace verdin::json {

/// Appends `text` to `out` with integers beyond 64 bits written as reals, and escaped lone surrogates
/// as \ufffd. False if there was neither. Linear; what is malformed stays malformed.
bool repair(std::string_view text, std::string& out);

}  // namespace verdin::json
