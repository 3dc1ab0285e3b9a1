// CookieJar: what servers have asked a client to send back, and to whom (RFC 6265bis section 5).
//
// Domain, path, Secure, Expires and Max-Age count; names that begin with __Secure- or __Host- (in any case)
// must keep what that promises; a cookie without Domain goes back to its own host alone, and a Domain must be
// the host's or above it, have a dot inside and none at an end (there is no list of public suffixes: "co.uk"
// is not known for one). A host of one label may name itself, and is alone all the same. A plain answer
// neither sets nor replaces a Secure cookie. HttpOnly and SameSite mean nothing without scripts and pages.
//
// Bounded: 4 KB a cookie, 50 a domain, 1,000 in all. The expired go first; then, of a domain, those that are
// not Secure (the one that comes in, too); then whichever was not used for longest.
//
// A value without I/O; the time is given. Not for several threads at once. Throws std::bad_alloc only.
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <verdin/protocol/http1/url.hpp>

namespace verdin::protocol::http1 {

/// Expires as RFC 6265 section 5.1.1 reads it: any order, with or without the day's name.
std::optional<std::time_t> parse_cookie_date(std::string_view text) noexcept;

class CookieJar {
 public:
  static constexpr std::size_t kMostOctets = 4096, kMostOfDomain = 50, kMost = 1000;

  /// A Set-Cookie value of an answer from `url`. What is wrong is dropped.
  void store(const Url& url, std::string_view set_cookie, std::time_t now);
  /// The Cookie value of a request to `url`; empty if there is none.
  std::string header_for(const Url& url, std::time_t now) const;
  std::size_t size() const noexcept { return cookies_.size(); }
  void clear() noexcept { cookies_.clear(); }

 private:
  struct Cookie {
    std::string name;
    std::string value;
    std::string domain;  // without the dot in front
    std::string path;
    std::optional<std::time_t> expires;
    mutable std::time_t used = 0;  // when it was set, or last sent
    bool host_only = true;
    bool secure = false;
    bool matches(const Url& url, std::time_t now) const;
  };

  bool accepts(const Cookie& cookie, const Url& url) const;
  void keep_bounds(const std::string& domain);

  std::vector<Cookie> cookies_;  // in the order of their making: another value does not change that
};

}  // namespace verdin::protocol::http1
