#include <algorithm>
#include <limits>
#include <stdexcept>

#include <verdin/http/response.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/sleep.hpp>

namespace verdin::http {

namespace {

constexpr std::size_t kOffloadFrom = 64 * 1024;  // some 3 ms of compressing

constexpr std::size_t kCodedAtOnce = 32 * 1024;  // of a piece, before others get their turn: 1 ms

constexpr std::string_view kEvents = "text/event-stream";

std::string_view media_type(std::string_view type) { return http1::trim(type.substr(0, type.find(';'))); }

bool is_text(std::string_view type) {
  type = media_type(type);
  return type.substr(0, 5) == "text/" || type == "application/json" || type == "application/javascript" ||
         type == "application/xml" || type == "image/svg+xml" || type.ends_with("+json") ||
         type.ends_with("+xml");
}

}  // namespace

/// While it lies there the exchange takes the headers as they are: header() and its like have judged them.
class Response::Checked {
 public:
  explicit Checked(Exchange& exchange) noexcept : exchange_(exchange) {
    exchange.headers_are_checked_ = true;
  }
  Checked(const Checked&) = delete;
  Checked& operator=(const Checked&) = delete;
  ~Checked() { exchange_.headers_are_checked_ = false; }

 private:
  Exchange& exchange_;
};

template <typename Judge>
bool Response::has_header(std::string_view name, const Judge& is_such) const {
  const auto is_it = [&](std::string_view known, std::string_view value) {
    return http1::equals_ignoring_case(known, name) && is_such(value);
  };
  const auto own = headers_.all();
  const auto last = lasting();
  return std::any_of(own.begin(), own.end(), [&](const Header& h) { return is_it(h.name, h.value); }) ||
         std::any_of(last.begin(), last.end(), [&](const HeaderPair& h) { return is_it(h.first, h.second); });
}

bool Response::has_header(std::string_view name) const noexcept {
  return has_header(name, [](std::string_view) { return true; });
}

bool Response::may_be_compressed(std::size_t size) const {
  if (compress_from_ == 0 || size < compress_from_ || status_ == 206 ||
      http1::status_has_no_content(status_) || has_header("Content-Encoding") || has_header("Content-Range"))
    return false;
  const auto is_text_of_use = [this](std::string_view type) {
    return is_text(type) && (compress_events_ || media_type(type) != kEvents);
  };
  // RFC 9110 section 7.7: the application wants these octets to arrive.
  const auto is_to_stay = [](std::string_view value) { return http1::list_contains(value, "no-transform"); };
  return has_header("Content-Type", is_text_of_use) && !has_header("Cache-Control", is_to_stay);
}

// An answer that differs by what was asked for says so, whether it is compressed or not.
void Response::vary_by_coding() {
  const auto says_so = [](std::string_view value) {
    return http1::list_contains(value, "accept-encoding") || http1::list_contains(value, "*");
  };
  if (!has_header("Vary", says_so)) add_header("Vary", "Accept-Encoding");
}

// What is packed is another sequence of octets: the tag may no longer claim to be of the same.
void Response::set_coding(http1::ContentCoding coding) {
  header("Content-Encoding", to_string(coding));
  // In its place: what lasts is for the answer to what the handler throws, too, which may go out as it is.
  const HeaderViews views = header_views();
  for (const auto& [name, value] : std::span<const Header>(views)) {
    if (http1::equals_ignoring_case(name, "etag") && !value.starts_with("W/")) {
      header("ETag", "W/" + std::string(value));
      return;
    }
  }
}

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
  headers_.remove_if([&](const Header& known) { return http1::equals_ignoring_case(known.name, name); });
  if (lasting_ && !http1::equals_ignoring_case(name, "Vary")) {
    const auto end = lasting_->end() - static_cast<std::ptrdiff_t>(replaced_);
    const auto gone = std::stable_partition(lasting_->begin(), end, [&](const HeaderPair& known) {
      return !http1::equals_ignoring_case(known.first, name);
    });
    replaced_ += static_cast<std::size_t>(end - gone);
  }
  append_header(name, value);
  return *this;
}

Response& Response::lasting_header(std::string_view name, std::string_view value) {
  check_unsent();
  http1::check_header(name, value);
  if (!lasting_) lasting_ = std::make_unique<LastingList>();
  const auto replaced = lasting_->end() - static_cast<std::ptrdiff_t>(replaced_);
  const auto out = std::remove_if(replaced, lasting_->end(), [&](const auto& known) {
    return http1::equals_ignoring_case(known.first, name);  // said anew: this is what lasts
  });
  replaced_ = static_cast<std::size_t>(out - replaced);
  const auto at = lasting_->erase(out, lasting_->end()) - static_cast<std::ptrdiff_t>(replaced_);
  lasting_->emplace(at, name, value);
  return *this;
}

Response& Response::add_header(std::string_view name, std::string_view value) {
  check_unsent();
  http1::check_header(name, value);
  append_header(name, value);
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

void Response::HeaderViews::join(std::span<const HeaderPair> lasting) {
  joined_.reserve(all_.size() + lasting.size());
  joined_.assign(all_.begin(), all_.end());
  for (const auto& [name, value] : lasting) joined_.push_back({name, value});
  all_ = joined_;
}

void Response::append_header(std::string_view name, std::string_view value) {
  headers_.add(name, value);
  if (http1::is_name(name, "content-type")) has_type_ = true;
}

void Response::send(std::string_view body) {
  check_unsent();
  if (!body.empty() && !has_type()) type("text/plain; charset=utf-8");
  if (may_be_compressed(body.size())) {
    vary_by_coding();
    const auto accepted = exchange_->request().header("Accept-Encoding").value_or("");
    const http1::ContentCoding coding = http1::choose_coding(accepted);
    if (coding != http1::ContentCoding::identity) {
      const std::string packed =
          body.size() < kOffloadFrom
              ? http1::encode_content(body, coding)
              : offload([body = std::string(body), coding] { return http1::encode_content(body, coding); });
      set_coding(coding);
      const Checked checked(*exchange_);
      exchange_->respond(status_, header_views(), packed);
      sent_ = true;
      return;
    }
  }
  const Checked checked(*exchange_);
  exchange_->respond(status_, header_views(), body);
  sent_ = true;
}

void Response::send(const SharedBuffer& body) {
  check_unsent();
  if (body.size() > 0 && !has_type()) type("text/plain; charset=utf-8");
  const Checked checked(*exchange_);
  exchange_->respond(status_, header_views(), body);
  sent_ = true;
}

Response& Response::length(std::uint64_t octets) {
  check_unsent();
  length_ = octets;
  return *this;
}

bool Response::write(std::string_view piece) {
  if (gone_) return false;
  if (!exchange_->started()) {
    check_unsent();
    if (length_ && piece.size() > *length_)  // while there may be another answer
      throw std::length_error("verdin: an answer is longer than it was to be");
    if (!has_type()) type("text/plain; charset=utf-8");
    choose_coding_of_pieces();
    const Checked checked(*exchange_);
    exchange_->start(status_, header_views(), length_);
    sent_ = true;
    gone_ = !exchange_->started();  // the peer has left before
  }
  const bool is_plain = coding_ == http1::ContentCoding::identity || piece.empty() || !exchange_->has_body_;
  return is_plain ? exchange_->write(piece) : write_coded(piece);
}

void Response::choose_coding_of_pieces() {
  if (length_ || !may_be_compressed(std::numeric_limits<std::size_t>::max())) return;
  vary_by_coding();
  coding_ = http1::choose_stream_coding(exchange_->request().header("Accept-Encoding").value_or(""));
  if (coding_ != http1::ContentCoding::identity) set_coding(coding_);
}

bool Response::write_coded(std::string_view piece) {
  if (exchange_->finished()) return false;
  if (!encoder_) encoder_ = std::make_unique<http1::ContentEncoder>(coding_);
  std::string coded;
  while (true) {
    const std::string_view some = piece.substr(0, kCodedAtOnce);
    piece.remove_prefix(some.size());
    coded.clear();
    encoder_->feed(some, coded, piece.empty());
    if (!exchange_->write(coded)) return false;
    if (piece.empty()) return true;
    yield();
    if (!encoder_) return false;  // another greenlet has ended the answer
  }
}

void Response::end() {
  if (gone_) return;
  if (!exchange_->started()) {
    if (!length_) return send();
    const bool has_body = !http1::status_has_no_content(status_) && !exchange_->request().is("HEAD");
    if (*length_ > 0 && has_body && !exchange_->finished())  // while there may be another answer
      throw std::length_error("verdin: an answer is shorter than it was to be");
    write({});
    if (gone_) return;
  }
  if (coding_ != http1::ContentCoding::identity && exchange_->has_body_ && !exchange_->finished()) {
    if (!encoder_) encoder_ = std::make_unique<http1::ContentEncoder>(coding_);
    std::string last;
    encoder_->finish(last);
    encoder_.reset();
    return exchange_->end_behind(last);
  }
  exchange_->end();
}

void Response::html(std::string_view page) {
  if (!has_type()) type("text/html; charset=utf-8");
  send(page);
}

void Response::json_text(std::string_view text) {
  if (!has_type()) type("application/json");
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
