// What libhttp-parser (Node's parser until version 12, in C, by others) makes of the requests that ours
// accepts: it must accept them, end them at the same octet, and say the same of method, target, version,
// headers, body, keep-alive and upgrade. Two servers in a row that disagree on one of those can be made to
// disagree on where a request begins.
//
// It is laxer than ours, which does not count. Where it is stricter or says something else, the reason why we
// are right stands at the difference, in excuse().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <http_parser.h>

#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/head_parser.hpp>

namespace verdin::tests {

namespace http1 = protocol::http1;

/// A request as either parser understood it.
struct ParsedRequest {
  std::string method;
  std::string target;
  int minor_version = 0;  // above 1 is 1
  std::vector<std::pair<std::string, std::string>> headers;
  bool keep_alive = false;
  bool upgrades = false;  // to something; our parser: to WebSocket
  std::string body;
  std::size_t size = 0;  // octets, its head's and its body's
  bool complete = false;
};

/// Ours; not complete if it is refused, or not all there.
inline ParsedRequest parse_with_ours(std::string_view octets) {
  ParsedRequest parsed;
  http1::HeadParser head;
  std::string_view rest = octets;
  if (head.feed(rest, {}) != http1::ParseState::done) return parsed;
  parsed.method = head.method();
  parsed.target = head.target();
  parsed.minor_version = head.version() == http1::Version::http10 ? 0 : 1;
  bool connection_upgrades = false;
  for (const http1::HeaderField& field : head.headers()) {
    parsed.headers.emplace_back(field.name, field.value);
    if (http1::equals_ignoring_case(field.name, "connection"))
      connection_upgrades |= http1::list_contains(field.value, "upgrade");
  }
  parsed.keep_alive = head.keep_alive();
  parsed.upgrades = head.wants_websocket() && connection_upgrades;
  http1::BodyDecoder body(head.body_kind(), head.content_length());
  while (!body.done()) {
    std::string_view piece;
    const http1::ParseState state = body.feed(rest, piece, {});
    parsed.body += piece;
    if (state == http1::ParseState::failed || (rest.empty() && !body.done())) return parsed;
  }
  parsed.size = octets.size() - rest.size();
  parsed.complete = true;
  return parsed;
}

/// Theirs, of a text that ends where ours has found the end.
class TheirParser {
 public:
  TheirParser() {
    http_parser_init(&parser_, HTTP_REQUEST);
    parser_.data = this;
  }
  TheirParser(const TheirParser&) = delete;
  TheirParser& operator=(const TheirParser&) = delete;

  /// False: it is refused.
  bool feed(std::string_view octets) {
    const std::size_t used = http_parser_execute(&parser_, &settings(), octets.data(), octets.size());
    return HTTP_PARSER_ERRNO(&parser_) == HPE_OK && (used == octets.size() || parser_.upgrade);
  }
  const ParsedRequest& parsed() const { return parsed_; }
  const char* error() const { return http_errno_name(HTTP_PARSER_ERRNO(&parser_)); }

 private:
  static TheirParser& of(http_parser* parser) { return *static_cast<TheirParser*>(parser->data); }
  static const http_parser_settings& settings() {
    static const http_parser_settings all = [] {
      http_parser_settings made;
      http_parser_settings_init(&made);
      made.on_url = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).parsed_.target.append(at, size);
        return 0;
      };
      made.on_header_field = [](http_parser* parser, const char* at, std::size_t size) {
        TheirParser& self = of(parser);
        if (self.in_body_) return 0;  // a trailer
        if (!self.in_name_) self.parsed_.headers.emplace_back();
        self.in_name_ = true;
        self.parsed_.headers.back().first.append(at, size);
        return 0;
      };
      made.on_header_value = [](http_parser* parser, const char* at, std::size_t size) {
        TheirParser& self = of(parser);
        if (self.in_body_) return 0;
        self.in_name_ = false;
        self.parsed_.headers.back().second.append(at, size);
        return 0;
      };
      made.on_headers_complete = [](http_parser* parser) {
        of(parser).end_head();
        return 0;
      };
      made.on_body = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).parsed_.body.append(at, size);
        return 0;
      };
      made.on_message_complete = [](http_parser* parser) {
        of(parser).parsed_.complete = true;
        return 0;
      };
      return made;
    }();
    return all;
  }
  // Here, and not at the message's end: trailers count there.
  void end_head() {
    parsed_.method = http_method_str(static_cast<http_method>(parser_.method));
    parsed_.minor_version = std::min<int>(parser_.http_minor, 1);
    parsed_.keep_alive = http_should_keep_alive(&parser_) != 0;
    parsed_.upgrades = parser_.upgrade != 0;
    for (auto& [name, value] : parsed_.headers) value = http1::trim(value);
    in_body_ = true;
  }

  http_parser parser_;
  ParsedRequest parsed_;
  bool in_name_ = false;
  bool in_body_ = false;
};

/// The headers with the host of an absolute target in place of what Host says (RFC 9112, 3.2.2), which theirs
/// leaves to whoever uses it.
inline auto with_host_of_target(const ParsedRequest& request) {
  auto headers = request.headers;
  const std::size_t begin = request.target.find("://");
  if (request.target.front() == '/' || begin == std::string::npos) return headers;
  const std::size_t end = request.target.find_first_of("/?", begin + 3);
  const std::string host = request.target.substr(begin + 3, end - (begin + 3));
  for (auto& [name, value] : headers) {
    if (!http1::equals_ignoring_case(name, "host")) continue;
    value = host;
    return headers;
  }
  headers.emplace(headers.begin(), "Host", host);
  return headers;
}

inline bool has_empty_element(std::string_view list) {
  bool empty = true;
  for (const char c : list) {
    if (c == ',' && empty) return true;
    if (c == ',' || c != ' ') empty = c == ',';
  }
  return false;
}

/// Why the two may say different things of this request; null: they may not.
inline const char* excuse(const ParsedRequest& ours) {
  static const std::vector<std::string_view> known{
#define VERDIN_NAME(number, name, text) #text,
      HTTP_METHOD_MAP(VERDIN_NAME)
#undef VERDIN_NAME
  };
  if (std::find(known.begin(), known.end(), ours.method) == known.end())
    return "any token is a method (RFC 9110, 9.1); theirs are those of a list";
  const auto close_and_keep_alive = [&ours] {
    bool closes = false, keeps = false;
    for (const auto& [name, value] : ours.headers) {
      if (!http1::equals_ignoring_case(name, "connection")) continue;
      closes |= http1::list_contains(value, "close");
      keeps |= http1::list_contains(value, "keep-alive");
    }
    return closes && keeps;
  };
  if (ours.minor_version == 0 && close_and_keep_alive())
    return "\"close\" counts whatever stands beside it (RFC 9112, 9.3); theirs keeps an HTTP/1.0 connection";
  for (const auto& [name, value] : ours.headers) {
    if (http1::equals_ignoring_case(name, "proxy-connection"))
      return "Proxy-Connection is no header of a server's (RFC 9112, C.2.2); theirs takes it for Connection";
    constexpr std::string_view kCoding = "transfer-encoding";
    if (name.size() > kCoding.size() && http1::equals_ignoring_case(name.substr(0, kCoding.size()), kCoding))
      return "a name that begins with Transfer-Encoding is another; theirs takes it for that";
    const bool is_connection = http1::equals_ignoring_case(name, "connection");
    if (is_connection && value.find('\t') != value.npos)
      return "HTAB is a blank around a list's commas (RFC 9110, 5.6.3); theirs takes it for part of the "
             "token";
    if (is_connection && has_empty_element(value))
      return "empty elements of a list are passed over (RFC 9110, 5.6.1.2); theirs loses the one behind";
    if (!is_connection) continue;
    for (std::string_view list = value, element; http1::next_list_element(list, element);) {
      if (!http1::is_token(element))
        return "what is no token is no option (RFC 9110, 7.6.1); theirs splits quoted strings, or stops "
               "there";
      for (const std::string_view option : {"close", "keep-alive", "upgrade"}) {
        if (element.size() < option.size() &&
            http1::equals_ignoring_case(element, option.substr(0, element.size())))
          return "the beginning of an option is another option; theirs loses the one behind its comma";
      }
    }
  }
  return nullptr;
}

/// The same of what can only be seen in the text as it was sent.
inline const char* excuse_of_text(std::string_view head) {
  for (std::size_t begin = 0, end; (end = head.find("\r\n", begin)) != head.npos; begin = end + 2) {
    const std::string_view line = head.substr(begin, end - begin);
    const std::string_view name = line.substr(0, line.find(':'));
    if (line.find('\t') != line.npos && (http1::equals_ignoring_case(name, "connection") ||
                                         http1::equals_ignoring_case(name, "content-length") ||
                                         http1::equals_ignoring_case(name, "transfer-encoding") ||
                                         http1::equals_ignoring_case(name, "upgrade")))
      return "HTAB is a blank around a value (RFC 9110, 5.6.3); theirs takes it for part of it";
  }
  return nullptr;
}

/// And of what stands behind the head, where theirs refuses it.
inline const char* excuse_of_trailers(std::string_view body) {
  for (std::size_t begin = 0, end; (end = body.find("\r\n", begin)) != body.npos; begin = end + 2) {
    const std::string_view name = body.substr(begin, body.substr(begin, end - begin).find(':'));
    if (http1::equals_ignoring_case(name, "content-length") ||
        http1::equals_ignoring_case(name, "transfer-encoding"))
      return "a trailer frames nothing (RFC 9110, 6.5.1) and is passed over; theirs reads it as a header";
  }
  return nullptr;
}

struct Comparison {
  bool accepted = false;          // by ours, so that there was something to compare
  const char* excused = nullptr;  // they differ, and we are right
  std::string difference;         // they differ, and should not
  std::size_t size = 0;           // of the request
};

/// The first request in `octets`.
inline Comparison compare_with_theirs(std::string_view octets) {
  Comparison result;
  const ParsedRequest ours = parse_with_ours(octets);
  if (!ours.complete) return result;
  result.accepted = true;
  result.size = ours.size;
  const std::string_view text = octets.substr(0, ours.size);
  TheirParser parser;
  // Its end must be theirs, too: not before the last octet, and then.
  const bool without_last = parser.feed(text.substr(0, text.size() - 1));
  const bool early = parser.parsed().complete;
  const bool accepted = without_last && (early || parser.feed(text.substr(text.size() - 1)));
  const ParsedRequest& theirs = parser.parsed();
  const auto differ = [&](std::string what) {
    result.excused = excuse(ours);
    const std::size_t head_end = text.find("\r\n\r\n") + 2;
    if (!result.excused) result.excused = excuse_of_text(text.substr(0, head_end));
    if (!result.excused && !accepted) result.excused = excuse_of_trailers(text.substr(head_end));
    if (!result.excused) result.difference = std::move(what);
    return result;
  };
  if (!accepted) return differ(std::string("theirs refuses: ") + parser.error());
  if (early) return differ("theirs ends it earlier");
  if (!theirs.complete) return differ("theirs does not end it");
  if (theirs.method != ours.method) return differ("method " + theirs.method);
  if (theirs.target != ours.target) return differ("target " + theirs.target);
  if (theirs.minor_version != ours.minor_version) return differ("version");
  if (with_host_of_target(theirs) != ours.headers) return differ("headers");
  if (theirs.body != ours.body) return differ("body " + theirs.body);
  if (theirs.keep_alive != ours.keep_alive)
    return differ(theirs.keep_alive ? "theirs keeps alive" : "theirs closes");
  // Theirs goes by the headers' being there; ours knows one protocol.
  if (ours.upgrades && !theirs.upgrades) return differ("theirs does not upgrade");
  return result;
}

}  // namespace verdin::tests
