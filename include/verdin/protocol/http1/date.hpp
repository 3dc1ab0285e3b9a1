// HTTP dates (RFC 9110 section 5.6.7), independent of the process's locale. Nothing blocks or throws.
#pragma once

#include <array>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

/// "Sun, 06 Nov 1994 08:49:37 GMT". Years 0 to 9999; others are clamped.
std::string format_date(std::time_t when);
/// Only the form above: it is what every client repeats from a Last-Modified header of ours.
std::optional<std::time_t> parse_date(std::string_view text) noexcept;
/// Now; kept by thread and renewed once a second. Valid until the thread's next call.
std::string_view current_date();
/// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", for now.
using DateLine = std::array<char, 37>;
const DateLine& current_date_line();

}  // namespace verdin::protocol::http1
