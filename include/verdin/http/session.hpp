// Sessions: what the next request of a browser should know, kept by the browser itself in a signed cookie;
// and the token that tells a form of ours from one that somebody else made (CSRF).
//
//   http::Sessions sessions({.secrets = {load_secret()}});
//   app.post("/login", [&](http::Request& q, http::Response& r) {
//     http::Session session = sessions.open(q);
//     if (!session.csrf_ok(q)) { r.status(403).send(); return; }
//     session.clear();  // whoever he was before, and the token that somebody may know
//     session.set("user", name);
//     sessions.save(session, r);
//     r.redirect("/", 303);
//   });
//
// Signed with HMAC-SHA256, not encrypted: the browser can read it, and cannot change it. It ends max_age
// after it was saved last; before that it cannot be revoked here. What is not signed by one of the secrets,
// too old, or malformed is an empty session. Cookies are HttpOnly and, unless told otherwise, SameSite=Lax
// and Secure: a page of another site (not just another origin), though http::cors() welcomes it with
// credentials, comes without its session, unless SessionOptions::same_site lets it.
//
// Sessions: any thread, once made. A Session is a value of one request. Nothing blocks but csrf_ok() with a
// form. Throws std::invalid_argument for secrets below 32 octets and for SameSite=None without Secure, and
// std::length_error for a session above 3,000 octets.
#pragma once

#include <chrono>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/http/multipart.hpp>
#include <verdin/http/request.hpp>
#include <verdin/http/response.hpp>

namespace verdin::http {

class Session {
 public:
  std::optional<std::string_view> get(std::string_view key) const;
  void set(std::string key, std::string value) { values_.insert_or_assign(std::move(key), std::move(value)); }
  void erase(std::string_view key);
  /// As behind a logout. A new session then has another token.
  void clear() noexcept { values_.clear(); }
  bool empty() const noexcept { return values_.empty(); }

  /// For the forms of this session, as the field "csrf_token" or the header X-CSRF-Token. Made when it is
  /// first asked for: save the session then.
  std::string csrf_token();
  /// The request has it, or changes nothing anyway (GET, HEAD, OPTIONS). If there is no header, the field of
  /// a form is looked for, with parts or without; not of one that is read in pieces, for nothing of that is
  /// here.
  bool csrf_ok(const Request& request) const;
  /// The same for a form that is read in pieces, before anything of it was read: without the header the token
  /// must be its first part, so that nothing of a form that somebody else made is taken in. next() goes on
  /// behind it. Blocks for that part; throws BodyError as `form` does.
  bool csrf_ok(const Request& request, Multipart& form) const;

 private:
  friend class Sessions;
  /// None: only the body can tell.
  std::optional<bool> csrf_by_head(const Request& request) const;
  bool csrf_is(std::string_view sent) const;

  std::map<std::string, std::string, std::less<>> values_;
};

struct SessionOptions {
  std::vector<std::string> secrets{};  ///< the first one signs, each is believed: so they can be changed
  std::string cookie_name = "session";
  std::chrono::seconds max_age = std::chrono::hours(24 * 14);
  bool secure = true;  ///< false for http://
  /// none: pages of other sites send it along, which those that CORS welcomes with credentials need; it wants
  /// `secure`, and every form a token, for forged ones come with the cookie, too.
  http1::SameSite same_site = http1::SameSite::lax;
};

class Sessions {
 public:
  explicit Sessions(SessionOptions options);

  Session open(const Request& request) const { return open(request, std::time(nullptr)); }
  Session open(const Request& request, std::time_t now) const;
  /// Before the response is sent. An empty session takes its cookie away.
  void save(const Session& session, Response& response) const { save(session, response, std::time(nullptr)); }
  void save(const Session& session, Response& response, std::time_t now) const;

 private:
  std::string signature_of(std::string_view secret, std::string_view payload) const;

  SessionOptions options_;
};

}  // namespace verdin::http
