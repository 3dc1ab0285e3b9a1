// The little of Unicode that text.cpp needs: decoding, and tables of letters, blanks and what cannot be seen.
#pragma once

#include <string>
#include <string_view>

namespace chat::unicode {

/// Takes one code point off the front of `rest`; false at the end or where it is not well-formed UTF-8 (then
/// `rest` is not empty).
bool take(std::string_view& rest, char32_t& code);
void append(std::string& out, char32_t code);

char32_t to_lower(char32_t code);
/// The ASCII spelling of a Latin letter with a mark ("é" → "e", "æ" → "ae"); empty for anything else.
std::string_view plain_latin(char32_t lower);

bool is_blank(char32_t code);
/// Controls, marks of direction, zero-width and filler characters: what makes two different names look alike.
bool is_hidden(char32_t code);
bool is_combining(char32_t code);
/// A letter or digit, of any script; not exact for scripts that are rare.
bool is_word(char32_t code);

}  // namespace chat::unicode
