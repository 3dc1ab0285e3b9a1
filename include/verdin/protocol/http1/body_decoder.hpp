// BodyDecoder: finds the octets of one body, by length or chunked (RFC 9112 sections 6 and 7.1). One that
// goes on until the connection's end is never done.
//
// Chunks are read strictly: one to sixteen hex digits, extensions by their grammar and of bounded total size,
// CRLF line ends only; trailers are checked like headers and dropped. It keeps no octets: pieces point into
// the data given. Every way of cutting the octets gives the same body and the same error. No I/O, no thread
// rules, nothing throws or allocates.
#pragma once

#include <cstdint>
#include <string_view>

#include <verdin/protocol/http1/head_parser.hpp>
#include <verdin/protocol/http1/limits.hpp>

namespace verdin::protocol::http1 {

class BodyDecoder {
 public:
  BodyDecoder() = default;
  BodyDecoder(BodyKind kind, std::uint64_t length);

  /// Takes octets off the front of `data`; `piece` becomes the next run of body octets in it (empty at
  /// times). Call again while the result is `more` and `data` is not empty. `done`: what is left in `data`
  /// lies behind the body; `piece` may hold a last run.
  ParseState feed(std::string_view& data, std::string_view& piece, const Limits& limits);
  bool done() const noexcept { return part_ == Part::done; }
  const ParseError& error() const noexcept { return error_; }

 private:
  enum class Part : std::uint8_t {
    sized,
    size_first,
    size_more,
    size_lf,
    extension_start,
    extension_name,
    extension_value_start,
    extension_value,
    extension_quoted,
    extension_escape,
    extension_quoted_end,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    done,
    failed
  };

  ParseState fail(int status, const char* reason) noexcept;
  ParseState step(char c, const Limits& limits) noexcept;
  ParseState step_size(char c) noexcept;
  ParseState step_extension(char c, const Limits& limits) noexcept;
  ParseState step_trailer(char c, const Limits& limits) noexcept;
  ParseState go(Part part) noexcept {
    part_ = part;
    return ParseState::more;
  }

  std::uint64_t left_ = 0;  // of the body or of the current chunk
  std::uint32_t extension_used_ = 0;
  std::uint32_t trailer_used_ = 0;
  std::uint8_t digits_ = 0;
  Part part_ = Part::done;
  ParseError error_;
};

}  // namespace verdin::protocol::http1
