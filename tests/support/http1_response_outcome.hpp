// What became of some octets as the answers to one request (interim ones first), as one comparable value: for
// the tests and fuzz targets that cut the octets in different ways.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/response_parser.hpp>

namespace verdin::tests {

struct ResponseOutcome {
  std::string heads;  // what they were understood as
  std::string body;
  std::size_t used = 0;  // octets taken until the end or the error
  std::string error;
  std::string trailers;
  bool complete = false;     // whatever comes behind
  bool until_close = false;  // complete once the connection ends

  bool operator==(const ResponseOutcome& other) const {
    return heads == other.heads && body == other.body && trailers == other.trailers && error == other.error &&
           complete == other.complete && until_close == other.until_close &&
           (used == other.used || !error.empty());
  }
};

/// `octets` are given in pieces as long as `next_size` says (at least 1 each).
template <typename NextSize>
ResponseOutcome read_response(std::string_view octets, std::string_view method,
                              const protocol::http1::Limits& limits, NextSize next_size) {
  namespace http1 = protocol::http1;
  ResponseOutcome outcome;
  http1::ResponseParser head;
  http1::BodyDecoder body;
  bool in_body = false;
  for (std::size_t given = 0; given < octets.size();) {
    const std::size_t size = std::min<std::size_t>(next_size(), octets.size() - given);
    // A copy of its own, so that a sanitizer sees a read behind the piece.
    const std::string piece(octets.substr(given, size));
    given += size;
    std::string_view rest = piece;
    while (!in_body && !rest.empty()) {
      const http1::ParseState state = head.feed(rest, limits);
      outcome.used = given - rest.size();
      if (state == http1::ParseState::failed) {
        outcome.error = head.error().reason;
        return outcome;
      }
      if (state == http1::ParseState::more) break;
      outcome.heads += std::to_string(head.status()) + " " + std::string(head.reason()) +
                       (head.version() == http1::Version::http10 ? " 1.0" : " 1.1") +
                       (head.keep_alive() ? " keep" : " close") + "\n" + std::string(head.headers().text());
      if (head.interim()) {
        head = http1::ResponseParser();
        continue;
      }
      in_body = true;
      body = http1::BodyDecoder(head.body_kind(method), head.content_length());
      outcome.until_close = head.body_kind(method) == http1::BodyKind::until_close;
    }
    while (in_body && !body.done() && !rest.empty()) {
      std::string_view run;
      const http1::ParseState state = body.feed(rest, run, limits);
      outcome.body += run;
      if (state != http1::ParseState::failed) continue;
      outcome.error = body.error().reason;
      outcome.used = given - rest.size();
      return outcome;
    }
    outcome.used = given - rest.size();
    if (in_body && body.done()) {
      outcome.complete = true;
      outcome.trailers = body.trailers().text();
      return outcome;
    }
  }
  return outcome;
}

inline ResponseOutcome read_response(std::string_view octets, std::string_view method = "GET",
                                     const protocol::http1::Limits& limits = {}) {
  return read_response(octets, method, limits, [&] { return octets.size(); });
}

}  // namespace verdin::tests
