// Content codings (RFC 9110 section 8.4.1): which one a request is answered in, the octets in it, and back.
//
// Pure functions, an encoder and a decoder without thread rules; what allocates throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace verdin::protocol::http1 {

enum class ContentCoding { identity, gzip, deflate, brotli };
/// How many there are, for tables of them.
inline constexpr std::size_t kContentCodings = 4;

/// As in Content-Encoding ("br" is brotli, RFC 7932); "identity" is not written there.
std::string_view to_string(ContentCoding coding) noexcept;

/// The coding that an Accept-Encoding value likes best; where it likes some alike, brotli goes before gzip,
/// and gzip before deflate. identity if it accepts none of them, or says that it likes that better.
ContentCoding choose_coding(std::string_view accept_encoding) noexcept;

/// The same for content that is made piece by piece. Never brotli: see ContentEncoder.
ContentCoding choose_stream_coding(std::string_view accept_encoding) noexcept;

/// `content` in that coding. Takes time, some 30 ms for 1 MB of JSON, and throws std::bad_alloc; `content` is
/// below 4 GiB. Brotli is made at its quality 4: as quick as gzip, and some percent smaller.
std::string encode_content(std::string_view content, ContentCoding coding);

/// The same in pieces, of which each can be had by a decoder when it has come.
///
/// It keeps 55 KB (a window of 8 KB; one of 32 KB in 268 KB makes 6 to 8 % less of it). Brotli makes more of
/// pieces than gzip does at every quality below 5 and keeps 320 KB and more from 2 on: docs/performance.md.
class ContentEncoder {
 public:
  /// gzip or deflate, else std::invalid_argument; std::bad_alloc.
  explicit ContentEncoder(ContentCoding coding);
  ContentEncoder(ContentEncoder&&) noexcept;
  ContentEncoder& operator=(ContentEncoder&&) noexcept;
  ~ContentEncoder();

  /// Appends to `to` what `piece` becomes; with `flush` all of it (some octets more, so not for each word).
  void feed(std::string_view piece, std::string& to, bool flush);
  /// Appends the end.
  void finish(std::string& to);

 private:
  struct Deflater;
  std::unique_ptr<Deflater> deflater_;
};

/// The coding that a Content-Encoding value names: "br", "gzip", "x-gzip", "deflate", "identity", or
/// nothing at all. None for others, and for several.
std::optional<ContentCoding> parse_coding(std::string_view content_encoding) noexcept;

/// The way back, in pieces: gzip (of several members, too), deflate (in zlib's frame as it should be, or bare
/// as some send it), brotli (with windows of up to 16 MB, as the RFC has them, of which it keeps as much as
/// has come), or no coding at all. It makes never more than is asked for, so what inflates to a thousand
/// times its size does so only as far as somebody wants it.
class ContentDecoder {
 public:
  enum class State : std::uint8_t { more, done, failed };

  explicit ContentDecoder(ContentCoding coding = ContentCoding::identity);
  ContentDecoder(ContentDecoder&&) noexcept;
  ContentDecoder& operator=(ContentDecoder&&) noexcept;
  ~ContentDecoder();

  /// Takes octets off the front of `data` and appends at most `room` to `to`. When that much has come there
  /// may be more: call again, with empty data, too. Else all of `data` is taken (or it failed). `done` is the
  /// coding's own end; gzip has none, for another member may follow: see complete().
  State feed(std::string_view& data, std::string& to, std::size_t room);
  /// Whether the content may end here: behind its own end, or before anything came.
  bool complete() const noexcept;

 private:
  struct Inflater;
  struct Brotli;
  State step(std::string_view& data, std::string& to, std::size_t room);

  std::unique_ptr<Inflater> inflater_;  // of gzip and deflate
  std::unique_ptr<Brotli> brotli_;      // neither: identity
  ContentCoding coding_;
  State state_ = State::more;
};

}  // namespace verdin::protocol::http1
