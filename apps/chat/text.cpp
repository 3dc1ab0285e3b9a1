#include "text.hpp"

#include <algorithm>

#include "unicode.hpp"

namespace chat {

namespace {

constexpr std::size_t kSlugLimit = 80;  // code points

bool all_of(std::string_view text, auto&& holds) {
  char32_t code = 0;
  while (unicode::take(text, code)) {
    if (!holds(code)) return false;
  }
  return true;
}

bool in_nickname(char32_t code) {
  if (code >= 0x80) return !unicode::is_hidden(code);
  return unicode::is_word(code) ||
         std::string_view(" ._-'").find(static_cast<char>(code)) != std::string_view::npos;
}

std::string at_most(const char* what, std::size_t limit) {
  return std::string(what) + " has at most " + std::to_string(limit) + " characters.";
}

}  // namespace

std::optional<std::size_t> length(std::string_view text) {
  std::size_t count = 0;
  for (char32_t code = 0; unicode::take(text, code);) ++count;
  if (!text.empty()) return std::nullopt;
  return count;
}

std::string tidy_name(std::string_view text) {
  std::string tidy;
  bool gap = false;
  char32_t code = 0;
  while (unicode::take(text, code)) {
    if (unicode::is_blank(code)) {
      gap = !tidy.empty();
      continue;
    }
    if (gap) tidy.push_back(' ');
    gap = false;
    unicode::append(tidy, code);
  }
  return tidy.append(text);  // what is not UTF-8 stays, for the checks to find
}

std::string fold(std::string_view name) {
  std::string folded;
  char32_t code = 0;
  while (unicode::take(name, code)) unicode::append(folded, unicode::to_lower(code));
  return folded;
}

std::string slugify(std::string_view name) {
  std::string slug;
  bool gap = false;
  std::size_t count = 0;
  for (char32_t code = 0; count < kSlugLimit && unicode::take(name, code);) {
    if (unicode::is_combining(code)) continue;
    if (code == '\'' || code == 0x2019) continue;  // "Ann's" is one word
    if (!unicode::is_word(code)) {
      gap = !slug.empty();
      continue;
    }
    if (gap) slug.push_back('-');
    gap = false;
    const char32_t lower = unicode::to_lower(code);
    if (const std::string_view plain = unicode::plain_latin(lower); !plain.empty()) {
      slug.append(plain);
    } else {
      unicode::append(slug, lower);
    }
    ++count;
  }
  return slug.empty() ? "room" : slug;
}

std::optional<std::string> nickname_problem(std::string_view nick) {
  const auto count = length(nick);
  if (!count || !all_of(nick, in_nickname)) {
    return "A nickname cannot have such characters: use letters, digits, spaces and . _ - '";
  }
  if (*count == 0) return "Type a nickname first.";
  if (*count > kNicknameLimit) return at_most("A nickname", kNicknameLimit);
  char32_t first = 0;
  unicode::take(nick, first);
  if (first < 0x80 ? !unicode::is_word(first) : unicode::is_combining(first)) {
    return "A nickname cannot begin with that: use a letter or a digit.";
  }
  return std::nullopt;
}

std::optional<std::string> room_name_problem(std::string_view name) {
  const auto count = length(name);
  if (!count || !all_of(name, [](char32_t code) { return !unicode::is_hidden(code); })) {
    return "A room's name cannot have invisible characters.";
  }
  if (*count == 0) return "Give the room a name first.";
  if (*count > kRoomNameLimit) return at_most("A name", kRoomNameLimit);
  return std::nullopt;
}

std::optional<std::string> message_problem(std::string_view text) {
  const auto count = length(text);
  if (!count) return "A message is text.";
  if (all_of(text, [](char32_t code) { return unicode::is_blank(code) || unicode::is_hidden(code); })) {
    return "Write something first.";
  }
  if (*count > kMessageLimit) return at_most("A message", kMessageLimit);
  return std::nullopt;
}

}  // namespace chat
