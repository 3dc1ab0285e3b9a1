#include <algorithm>
#include <stdexcept>

#include <verdin/http/response.hpp>
#include <verdin/protocol/http1/chars.hpp>

namespace verdin::http {

void Response::check_unsent() const {
  if (sent()) throw std::logic_error("the response has been sent");
}

Response& Response::status(int code) {
  check_unsent();
  if (code < 200 || code > 999) throw std::invalid_argument("bad status of a response");
  status_ = code;
  return *this;
}

Response& Response::header(std::string_view name, std::string_view value) {
  check_unsent();
  http1::check_header(name, value);
  std::erase_if(headers_, [&](const auto& known) { return http1::equals_ignoring_case(known.first, name); });
  headers_.emplace_back(name, value);
  return *this;
}

Response& Response::add_header(std::string_view name, std::string_view value) {
  check_unsent();
  http1::check_header(name, value);
  headers_.emplace_back(name, value);
  return *this;
}

Response& Response::cookie(std::string_view name, std::string_view value,
                           const http1::CookieAttributes& attributes) {
  return add_header("Set-Cookie", http1::set_cookie_value(name, value, attributes));
}

Response& Response::close() {
  check_unsent();
  exchange_->close_after();
  return *this;
}

bool Response::has_header(std::string_view name) const noexcept {
  return std::any_of(headers_.begin(), headers_.end(),
                     [&](const auto& known) { return http1::equals_ignoring_case(known.first, name); });
}

std::vector<Header> Response::header_views() const {
  std::vector<Header> views;
  views.reserve(headers_.size());
  for (const auto& [name, value] : headers_) views.push_back({name, value});
  return views;
}

void Response::send(std::string_view body) {
  check_unsent();
  if (!body.empty() && !has_header("Content-Type")) type("text/plain; charset=utf-8");
  exchange_->respond(status_, header_views(), body);
  sent_ = true;
}

void Response::send(const SharedBuffer& body) {
  check_unsent();
  if (body.size() > 0 && !has_header("Content-Type")) type("text/plain; charset=utf-8");
  exchange_->respond(status_, header_views(), body);
  sent_ = true;
}

bool Response::write(std::string_view piece) {
  if (!exchange_->started()) {
    check_unsent();
    if (!has_header("Content-Type")) type("text/plain; charset=utf-8");
    exchange_->start(status_, header_views());
    sent_ = true;
  }
  return exchange_->write(piece);
}

void Response::end() {
  if (!exchange_->started()) {
    send();
  } else {
    exchange_->end();
  }
}

void Response::html(std::string_view page) {
  if (!has_header("Content-Type")) type("text/html; charset=utf-8");
  send(page);
}

void Response::json(std::string_view text) {
  if (!has_header("Content-Type")) type("application/json");
  send(text);
}

void Response::redirect(std::string_view location, int status_code) {
  header("Location", location);
  status(status_code);
  send();
}

void Response::render(const Template& page, std::span<const TemplateValue> values) {
  html(page.render(values));
}

}  // namespace verdin::http
