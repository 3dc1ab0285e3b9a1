// BodyDecoder: finds the octets of one body, by length or chunked (RFC 9112 sections 6 and 7.1). One that
// goes on until the connection's end is never done.
//
// Chunks are read strictly: one to sixteen hex digits, extensions by their grammar and of bounded total size,
// CRLF line ends only. Of the body it keeps no octets: pieces point into the data given. Trailers are checked
// like headers and kept, beside the headers and never among them, but for those that have no place there (RFC
// 9110 section 6.5.1: what frames, routes, authorizes or describes the message): these are dropped. Every way
// of cutting the octets gives the same body, the same trailers and the same error. No I/O, no thread rules;
// only trailers allocate, Limits::trailers octets at most, and nothing throws but std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <verdin/protocol/http1/head_parser.hpp>
#include <verdin/protocol/http1/header_block.hpp>
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
  /// None until `done`: what is not whole has not been judged. Valid while the decoder lives.
  HeaderBlock trailers() const noexcept {
    return HeaderBlock(trailers_ && done() ? std::string_view(*trailers_) : std::string_view());
  }

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
  ParseState step(char c, const Limits& limits);
  ParseState step_size(char c) noexcept;
  ParseState step_extension(char c, const Limits& limits) noexcept;
  ParseState step_trailer(char c, const Limits& limits);
  void keep_trailer(char c);
  ParseState go(Part part) noexcept {
    part_ = part;
    return ParseState::more;
  }

  std::unique_ptr<std::string> trailers_;  // once there are some
  std::uint64_t left_ = 0;                 // of the body or of the current chunk
  std::uint32_t extension_used_ = 0;
  std::uint32_t trailer_used_ = 0;
  std::uint8_t digits_ = 0;
  Part part_ = Part::done;
  ParseError error_;
};

/// Whether a field of that name may be sent behind a body.
bool may_be_trailer(std::string_view name) noexcept;

}  // namespace verdin::protocol::http1
