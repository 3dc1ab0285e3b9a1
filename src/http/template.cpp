#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include <verdin/http/template.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/media.hpp>

namespace verdin::http {

namespace http1 = protocol::http1;

Template::Template(std::string text) : text_(std::move(text)) {
  const std::string_view all(text_);
  std::size_t at = 0;
  while (at < all.size()) {
    const std::size_t open = all.find("{{", at);
    const bool raw = open != all.npos && all.substr(open, 3) == "{{{";
    const std::string_view closing = raw ? "}}}" : "}}";
    const std::size_t name_begin = open + (raw ? 3 : 2);
    const std::size_t close = open == all.npos ? all.npos : all.find(closing, name_begin);
    if (close == all.npos) break;
    if (open > at) parts_.push_back({at, open - at, Kind::text});
    const std::string_view name = http1::trim(all.substr(name_begin, close - name_begin));
    parts_.push_back(
        {static_cast<std::size_t>(name.data() - all.data()), name.size(), raw ? Kind::raw : Kind::escaped});
    at = close + closing.size();
  }
  if (at < all.size()) parts_.push_back({at, all.size() - at, Kind::text});
}

Template Template::load(const std::string& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), file_name);
  return Template(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::string Template::render(std::span<const TemplateValue> values) const {
  std::string page;
  page.reserve(text_.size() + 256);
  for (const Part& part : parts_) {
    const std::string_view text = std::string_view(text_).substr(part.begin, part.size);
    if (part.kind == Kind::text) {
      page += text;
      continue;
    }
    for (const TemplateValue& value : values) {
      if (value.name != text) continue;
      if (part.kind == Kind::raw) {
        page += value.value;
      } else {
        http1::append_html_escaped(page, value.value);
      }
      break;
    }
  }
  return page;
}

}  // namespace verdin::http
