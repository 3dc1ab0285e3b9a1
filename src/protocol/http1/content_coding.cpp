#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <new>

#include <brotli/encode.h>
#include <zlib.h>

#include <verdin/protocol/http1/content_coding.hpp>
#include <verdin/protocol/http1/negotiation.hpp>

namespace verdin::protocol::http1 {
namespace {

// zlib's deflateInit2(): the window's size as a power of two; 16 more ask for gzip's frame instead of zlib's.
constexpr int kWindowBits = 15;
constexpr int kGzipFrame = 16;
constexpr int kMemoryLevel = 8;

// Of brotli: the quality that takes as long as zlib's default, and a window of 256 KB, so that an answer does
// not cost megabytes.
constexpr int kBrotliQuality = 4;
constexpr int kBrotliWindow = 18;

struct Compressor {
  explicit Compressor(int window_bits) {
    if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, kMemoryLevel,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  ~Compressor() { ::deflateEnd(&stream); }

  z_stream stream{};
};

std::string encode_brotli(std::string_view content) {
  std::size_t size = ::BrotliEncoderMaxCompressedSize(content.size());
  std::string encoded(size, '\0');
  if (!::BrotliEncoderCompress(kBrotliQuality, kBrotliWindow, BROTLI_MODE_TEXT, content.size(),
                               reinterpret_cast<const std::uint8_t*>(content.data()), &size,
                               reinterpret_cast<std::uint8_t*>(encoded.data()))) {
    throw std::bad_alloc();  // nothing else can fail: the bound holds
  }
  encoded.resize(size);
  encoded.shrink_to_fit();
  return encoded;
}

/// The first of those that it likes best.
ContentCoding choose(std::string_view accept_encoding, std::initializer_list<ContentCoding> from) noexcept {
  auto best = ContentCoding::identity;
  int most = std::max(named_weight(accept_encoding, "identity") - 1, 0);
  for (const ContentCoding coding : from) {
    const int weight = encoding_weight(accept_encoding, to_string(coding));
    if (weight <= most) continue;
    most = weight;
    best = coding;
  }
  return best;
}

}  // namespace

std::string_view to_string(ContentCoding coding) noexcept {
  switch (coding) {
    case ContentCoding::gzip:
      return "gzip";
    case ContentCoding::deflate:
      return "deflate";
    case ContentCoding::brotli:
      return "br";
    case ContentCoding::identity:
      break;
  }
  return "identity";
}

ContentCoding choose_coding(std::string_view accept_encoding) noexcept {
  return choose(accept_encoding, {ContentCoding::brotli, ContentCoding::gzip, ContentCoding::deflate});
}

ContentCoding choose_stream_coding(std::string_view accept_encoding) noexcept {
  return choose(accept_encoding, {ContentCoding::gzip, ContentCoding::deflate});
}

std::string encode_content(std::string_view content, ContentCoding coding) {
  if (coding == ContentCoding::identity) return std::string(content);
  if (coding == ContentCoding::brotli) return encode_brotli(content);
  Compressor compressor(coding == ContentCoding::gzip ? kWindowBits + kGzipFrame : kWindowBits);
  z_stream& stream = compressor.stream;
  std::string encoded(::deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(encoded.data());
  stream.avail_out = static_cast<uInt>(encoded.size());
  ::deflate(&stream, Z_FINISH);  // the bound holds: one call ends it
  encoded.resize(stream.total_out);
  encoded.shrink_to_fit();
  return encoded;
}

}  // namespace verdin::protocol::http1
