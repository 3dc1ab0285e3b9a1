// Options of an http::App: every limit and every timeout of its connections, with defaults that are safe in
// public.
//
// Sizes are octets. A timeout of zero means "none". Each timeout runs from the start of what it limits (a
// head, a body), not from its last octet, so that a peer cannot hold a connection by dripping.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <verdin/protocol/http1/limits.hpp>

namespace verdin::http {

namespace http1 = protocol::http1;

struct Options {
  http1::Limits limits{};              // of a request's head and framing: 414, 431, 400
  std::size_t body_limit = 1'000'000;  // of a request's body, where its endpoint says nothing else: 413

  std::chrono::milliseconds header_timeout{
      10'000};  // from the first octet (or the accept) to the end of the head: 408
  std::chrono::milliseconds body_timeout{
      10'000};                    // from the head's end to the body's, extended by body_rate: 408
  std::uint32_t body_rate = 500;  // octets that buy another second of body_timeout
  std::chrono::milliseconds keep_alive_timeout{
      10'000};  // between a response and the next request's first octet
  /// For a peer that takes less than write_rate: looked at so often, so one that takes nothing at all is gone
  /// after one to two of it (what the kernel took at first counts as taken).
  std::chrono::milliseconds write_timeout{10'000};
  std::uint32_t write_rate = 500;  // octets a second that a peer must take while some wait for it
  std::chrono::milliseconds stop_grace{5'000};  // for what is in flight when the app is stopped

  /// Text answers of handlers from so many octets on are compressed (brotli, gzip or deflate, whichever is
  /// liked best) for those who accept it; 0: none. Off by default: where an answer has both a secret and what
  /// a stranger may choose, its size tells about the secret.
  ///
  /// Answers in pieces (Response::write) are compressed as well, whatever their size, by gzip or deflate
  /// where it is accepted: an encoder keeps 55 KB from the first piece to the end. Not compressed: what has a
  /// Content-Encoding, "Cache-Control: no-transform", a Response::length() or status 206. Strong ETags become
  /// weak, and `Vary` says what it depends on.
  std::size_t compress_from = 0;
  /// Server-sent events, too. Off by default: they live for hours and mostly say nothing, and each would keep
  /// such an encoder; and there are proxies that hold compressed octets back until they have many.
  bool compress_events = false;

  /// Those above are answered 503. Not counted is what has its last answer and waits for its peer to close
  /// (for 5 s at most), those that got the 503 among them: there ought to be descriptors (RLIMIT_NOFILE) for
  /// as many connections more as may come to an end in 5 s.
  std::size_t max_connections = 100'000;
  std::size_t write_high_water =
      64 * 1024;               // queued octets above which a pipelining peer's next request waits, or write()
  std::string server_name{};   // of a Server header in every answer; empty: none, which tells strangers less
  int backlog = 1024;          // connections that the kernel holds for us; 1 at least
  bool handle_signals = true;  // serve_forever() takes SIGINT and SIGTERM as stop()
};

}  // namespace verdin::http
