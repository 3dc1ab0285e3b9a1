// What may be said in the chat, and how names are compared and written into addresses.
//
// Pure functions on UTF-8; any thread. Limits count code points, as the pages do (web/static/js/text.js).
// Case and accents are known for Latin, Greek, Cyrillic and Armenian letters; other scripts have none or are
// left as they are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chat {

inline constexpr std::size_t kMessageLimit = 2000;
inline constexpr std::size_t kNicknameLimit = 24;
inline constexpr std::size_t kRoomNameLimit = 60;
inline constexpr std::size_t kNonceLimit = 64;  // octets

/// Code points in `text`; nothing if it is not well-formed UTF-8.
std::optional<std::size_t> length(std::string_view text);

/// Without white space at its ends, and with one space for each run of it.
std::string tidy_name(std::string_view text);

/// Equal for names that a person would take for the same: case does not count.
std::string fold(std::string_view name);

/// The name as a part of an address: small letters and digits with single hyphens between; accents of Latin
/// letters are dropped, other scripts stay. "room" if nothing is left.
std::string slugify(std::string_view name);

/// Why the (tidied) text cannot be that, in words for a person; nothing if it can.
std::optional<std::string> nickname_problem(std::string_view nick);
std::optional<std::string> room_name_problem(std::string_view name);
std::optional<std::string> message_problem(std::string_view text);

}  // namespace chat
