// What became of some octets as one HTTP/1.1 request, as one comparable value: for the tests and fuzz targets
// that cut the octets in different ways.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/body_decoder.hpp>
#include <verdin/protocol/http1/head_parser.hpp>

namespace verdin::tests {

namespace http1 = protocol::http1;

struct RequestOutcome {
  std::string head;  // what the head was understood as
  std::string body;
  std::size_t used = 0;  // octets taken until the end or the error
  std::string trailers;
  int status = 0;  // of the error
  bool complete = false;

  /// How far a refused request was taken is nobody's business.
  bool operator==(const RequestOutcome& other) const {
    return head == other.head && body == other.body && (trailers == other.trailers || status != 0) &&
           status == other.status && complete == other.complete && (used == other.used || status != 0);
  }
};

/// Reads one request out of `octets`, given in pieces as long as `next_size` says (at least 1 each).
template <typename NextSize>
RequestOutcome read_request(std::string_view octets, const http1::Limits& limits, NextSize next_size) {
  RequestOutcome outcome;
  http1::HeadParser head;
  http1::BodyDecoder body;
  bool in_body = false;
  const std::size_t total = octets.size();
  std::size_t given = 0;
  while (given < total) {
    const std::size_t size = std::min<std::size_t>(next_size(), total - given);
    // A copy of its own, so that a sanitizer sees a read behind the piece.
    const std::string piece(octets.substr(given, size));
    given += size;
    std::string_view rest = piece;
    if (!in_body) {
      const http1::ParseState state = head.feed(rest, limits);
      if (state == http1::ParseState::failed) {
        outcome.status = head.error().status;
        outcome.used = given - rest.size();
        return outcome;
      }
      if (state == http1::ParseState::more) continue;
      in_body = true;
      outcome.head = std::string(head.method()) + " " + std::string(head.raw_path()) + "?" +
                     std::string(head.raw_query()) +
                     (head.version() == http1::Version::http10 ? " 1.0" : " 1.1") +
                     (head.keep_alive() ? " keep" : " close") + "\n" + std::string(head.headers().text());
      body = http1::BodyDecoder(head.body_kind(), head.content_length());
    }
    while (!body.done()) {
      std::string_view run;
      const http1::ParseState state = body.feed(rest, run, limits);
      outcome.body += run;
      if (state == http1::ParseState::failed) {
        outcome.status = body.error().status;
        outcome.used = given - rest.size();
        return outcome;
      }
      if (rest.empty()) break;
    }
    if (body.done()) {
      outcome.complete = true;
      outcome.trailers = body.trailers().text();
      outcome.used = given - rest.size();
      return outcome;
    }
  }
  outcome.used = given;
  return outcome;
}

inline RequestOutcome read_request(std::string_view octets, const http1::Limits& limits = {}) {
  return read_request(octets, limits, [&] { return octets.size(); });
}

}  // namespace verdin::tests
