#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/header_block.hpp>

namespace verdin::protocol::http1 {

namespace {

/// Size of the first line with its CRLF (or of everything, where there is none).
std::size_t line_size(std::string_view lines) noexcept {
  const std::size_t end = lines.find('\n');
  return end == lines.npos ? lines.size() : end + 1;
}

std::string_view value_of(std::string_view line, std::size_t colon) noexcept {
  line.remove_prefix(colon + 1);
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return trim(line);
}

}  // namespace

void HeaderBlock::Iterator::read() noexcept {
  line_ = line_size(rest_);
  const std::string_view line = rest_.substr(0, line_);
  const std::size_t colon = line.find(':');
  field_ = colon == line.npos ? HeaderField{} : HeaderField{line.substr(0, colon), value_of(line, colon)};
}

std::optional<std::string_view> HeaderBlock::find(std::string_view name) const noexcept {
  // Most lines are ruled out by the place of their colon, without looking for it.
  for (std::string_view rest = lines_; !rest.empty();) {
    const std::size_t size = line_size(rest);
    const std::string_view line = rest.substr(0, size);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        equals_ignoring_case(line.substr(0, name.size()), name)) {
      return value_of(line, name.size());
    }
    rest.remove_prefix(size);
  }
  return std::nullopt;
}

std::size_t HeaderBlock::count(std::string_view name) const noexcept {
  std::size_t found = 0;
  for (const HeaderField& field : *this) found += equals_ignoring_case(field.name, name);
  return found;
}

}  // namespace verdin::protocol::http1
