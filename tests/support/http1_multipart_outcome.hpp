// What became of some octets as a multipart body, as one text: for the tests and fuzz targets that cut the
// octets in different ways.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/multipart.hpp>

namespace verdin::tests {

/// "name|file|type:octets;" for each part, then "done", "more" or the status of the error.
template <typename NextSize>
std::string read_multipart(std::string_view octets, std::string_view boundary,
                           const protocol::http1::MultipartLimits& limits, NextSize next_size) {
  using Event = protocol::http1::MultipartParser::Event;
  protocol::http1::MultipartParser parser(boundary, limits);
  std::string outcome;
  for (std::size_t at = 0; at < octets.size();) {
    const std::size_t size = std::min<std::size_t>(next_size(), octets.size() - at);
    // A copy of its own, so that a sanitizer sees a read behind the piece.
    const std::string copy(octets.substr(at, size));
    at += size;
    std::string_view data = copy, piece;
    for (Event event = Event::data; event == Event::data || event == Event::part;) {
      event = parser.feed(data, piece);
      if (event == Event::data) outcome += piece;
      if (event == Event::part)
        outcome +=
            ";" + parser.name() + "|" + parser.file_name().value_or("-") + "|" + parser.content_type() + ":";
      if (event == Event::done) return outcome + ";done";
      if (event == Event::failed) return outcome + ";" + std::to_string(parser.error().status);
    }
  }
  return outcome + ";more";
}

}  // namespace verdin::tests
