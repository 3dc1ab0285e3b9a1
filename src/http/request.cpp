#include <algorithm>

#include <verdin/http/exchange.hpp>
#include <verdin/http/request.hpp>
#include <verdin/loop/stream.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/cookie.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace verdin::http {

const std::string& Request::path() const {
  if (path_is_plain_ && path_.empty()) path_ = raw_path();
  return path_;
}

std::optional<std::string> Request::query(std::string_view key) const {
  return http1::query_value(query_string(), key);
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  const std::string_view lines = raw_head();
  const std::optional<std::string_view> first = headers().find(name);
  if (!first) return std::nullopt;
  const auto behind = static_cast<std::size_t>(first->data() + first->size() - lines.data());
  const std::size_t next_line = lines.find('\n', behind) + 1;
  if (!http1::HeaderBlock(lines.substr(next_line)).find(name)) return first;
  for (const auto& [known, value] : joined_headers_) {
    if (http1::equals_ignoring_case(known, name)) return value;
  }
  const std::string_view separator = http1::equals_ignoring_case(name, "cookie") ? "; " : ", ";
  std::string joined;
  for (const http1::HeaderField& field : headers()) {
    if (!http1::equals_ignoring_case(field.name, name)) continue;
    if (!joined.empty()) joined += separator;
    joined += field.value;
  }
  return joined_headers_.emplace_front(std::string(name), std::move(joined)).second;
}

std::optional<std::string_view> Request::cookie(std::string_view name) const {
  const std::optional<std::string_view> cookies = header("cookie");
  return cookies ? http1::cookie_value(*cookies, name) : std::nullopt;
}

http1::HeaderBlock Request::trailers() const noexcept {
  return exchange_ ? exchange_->decoder_.trailers() : http1::HeaderBlock();
}

std::size_t Request::read(std::span<char> into) { return exchange_->read_body(into); }

std::string Request::read(std::size_t most) {
  constexpr std::size_t kPiece = 64 * 1024;
  std::string text(std::min(most, kPiece), '\0');
  text.resize(read(std::span(text)));
  return text;
}

std::optional<std::string> Request::form(std::string_view field) const {
  const std::string_view type = headers().find("content-type").value_or("");
  if (!http1::equals_ignoring_case(http1::trim(type.substr(0, type.find(';'))),
                                   "application/x-www-form-urlencoded")) {
    return std::nullopt;
  }
  return http1::query_value(body_, field);
}

std::string_view Request::param(std::string_view name) const noexcept {
  for (const auto& [known, value] : params_) {
    if (known == name) return value;
  }
  return {};
}

std::string Request::peer_address() const {
  if (peer_address_.empty() && stream_) peer_address_ = stream_->peer_address();
  return peer_address_;
}

}  // namespace verdin::http
