#include <charconv>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <verdin/base/random.hpp>
#include <verdin/http/session.hpp>
#include <verdin/protocol/base64.hpp>
#include <verdin/protocol/http1/uri.hpp>

namespace verdin::http {

namespace {

constexpr std::size_t kLeastSecret = 32, kLargestSession = 3000, kTokenSize = 32, kLongestSent = 1000;
constexpr std::string_view kTokenKey = "csrf_token";

/// In a time that does not tell where they differ.
bool same_secret(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// The first field of that name in a form that is here; none as well if the form is not one up to there.
std::optional<std::string> field_with_parts(std::string_view body, std::string_view boundary,
                                            std::string_view name) {
  using Event = http1::MultipartParser::Event;
  http1::MultipartParser parser(boundary);
  std::optional<std::string> value;
  std::string_view piece;
  while (true) {
    switch (parser.feed(body, piece)) {
      case Event::part:
        if (value) return value;
        if (parser.name() == name && !parser.file_name()) value.emplace();
        break;
      case Event::data:
        if (!value) break;
        if (piece.size() > kLongestSent - value->size()) return std::nullopt;
        value->append(piece);
        break;
      case Event::done:
        return value;
      case Event::more:
      case Event::failed:
        return std::nullopt;
    }
  }
}

}  // namespace

std::optional<std::string_view> Session::get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

void Session::erase(std::string_view key) {
  const auto found = values_.find(key);
  if (found != values_.end()) values_.erase(found);
}

std::string Session::csrf_token() {
  if (const auto known = get(kTokenKey)) return std::string(*known);
  std::string token = random_id(kTokenSize);
  set(std::string(kTokenKey), token);
  return token;
}

bool Session::csrf_is(std::string_view sent) const {
  const auto token = get(kTokenKey);
  return token && same_secret(sent, *token);
}

std::optional<bool> Session::csrf_by_head(const Request& request) const {
  if (request.is("GET") || request.is("HEAD") || request.is("OPTIONS")) return true;
  if (!get(kTokenKey)) return false;
  if (const auto sent = request.header("X-CSRF-Token")) return csrf_is(*sent);
  return std::nullopt;
}

bool Session::csrf_ok(const Request& request) const {
  if (const auto known = csrf_by_head(request)) return *known;
  const auto boundary = http1::multipart_boundary(request.header("Content-Type").value_or(""));
  const auto sent =
      boundary ? field_with_parts(request.body(), *boundary, kTokenKey) : request.form(kTokenKey);
  return sent && csrf_is(*sent);
}

bool Session::csrf_ok(const Request& request, Multipart& form) const {
  if (const auto known = csrf_by_head(request)) return *known;
  return form.next() && form.name() == kTokenKey && !form.file_name() && csrf_is(form.read_all(kLongestSent));
}

Sessions::Sessions(SessionOptions options) : options_(std::move(options)) {
  if (options_.secrets.empty()) throw std::invalid_argument("sessions need a secret");
  for (const std::string& secret : options_.secrets) {
    if (secret.size() < kLeastSecret)
      throw std::invalid_argument("a secret of sessions has 32 octets at least");
  }
  if (options_.same_site == http1::SameSite::none && !options_.secure)
    throw std::invalid_argument("a session for pages of other sites has to be secure: browsers drop others");
  http1::CookieAttributes attributes;
  attributes.secure = options_.secure;
  http1::set_cookie_value(options_.cookie_name, "x", attributes);  // throws for a bad name
}

std::string Sessions::signature_of(std::string_view secret, std::string_view payload) const {
  // Bound to the cookie's name: one cookie of an application cannot be passed off as another.
  const std::string text = options_.cookie_name + "=" + std::string(payload);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size))
    throw std::runtime_error("HMAC-SHA256 is not to be had");
  std::string encoded;
  protocol::append_base64(encoded, {reinterpret_cast<const char*>(digest), size});
  return encoded;
}

// EXPIRY "&" pairs, in base64; "."; the signature of that.
void Sessions::save(const Session& session, Response& response, std::time_t now) const {
  http1::CookieAttributes attributes;
  attributes.secure = options_.secure;
  attributes.same_site = options_.same_site;
  if (session.empty()) {
    attributes.max_age = std::chrono::seconds(0);
    response.cookie(options_.cookie_name, "", attributes);
    return;
  }
  std::string text = std::to_string(now + options_.max_age.count());
  for (const auto& [key, value] : session.values_)
    text.append("&").append(http1::percent_encode(key)).append("=").append(http1::percent_encode(value));
  std::string cookie;
  protocol::append_base64(cookie, text);
  cookie += "." + signature_of(options_.secrets.front(), cookie);
  if (cookie.size() > kLargestSession) throw std::length_error("a session too large for a cookie");
  attributes.max_age = options_.max_age;
  response.cookie(options_.cookie_name, cookie, attributes);
}

Session Sessions::open(const Request& request, std::time_t now) const {
  Session session;
  const std::string_view cookie = request.cookie(options_.cookie_name).value_or("");
  const std::size_t dot = cookie.find('.');
  if (dot == cookie.npos || cookie.size() > kLargestSession) return session;
  const std::string_view payload = cookie.substr(0, dot), signature = cookie.substr(dot + 1);
  bool believed = false;
  for (const std::string& secret : options_.secrets)
    believed |= same_secret(signature, signature_of(secret, payload));
  if (!believed) return session;
  const auto octets = protocol::decode_base64(payload);
  if (!octets) return session;
  const std::string_view text(reinterpret_cast<const char*>(octets->data()), octets->size());
  std::time_t expires = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expires);
  if (error != std::errc() || expires <= now) return session;
  for (auto& [key, value] : http1::parse_query(text.substr(static_cast<std::size_t>(end - text.data()))))
    session.set(std::move(key), std::move(value));
  return session;
}

}  // namespace verdin::http
