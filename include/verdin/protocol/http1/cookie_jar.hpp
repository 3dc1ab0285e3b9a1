// CookieJar: what servers have asked a client to send back, and to whom (RFC 6265 section 5).
//
// Domain, path, Secure, Expires and Max-Age count; names that begin with __Secure- or __Host- must keep what
// that promises; a cookie without Domain goes back to its own host alone, and a Domain must be the host's or
// above it and have a dot inside (there is no list of public suffixes: "co.uk" is not known for one). A plain
// answer neither sets nor replaces a Secure cookie. HttpOnly and SameSite mean nothing without scripts and
// pages. Bounded: 4 KB a cookie, 50 a domain, 1,000 in all; the ones that were set longest ago go first.
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
    bool host_only = true;
    bool secure = false;
    bool matches(const Url& url, std::time_t now) const;
  };

  bool accepts(const Cookie& cookie, const Url& url) const;
  void make_room(const std::string& domain);

  std::vector<Cookie> cookies_;  // the one set longest ago first
};

}  // namespace verdin::protocol::http1
