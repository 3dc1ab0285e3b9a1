#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>

#include <zlib.h>

#include <verdin/protocol/http1/content_coding.hpp>

namespace verdin::protocol::http1 {
namespace {

// What deflateInit2() takes: see the header for what these cost.
constexpr int kStreamWindowBits = 13;
constexpr int kStreamMemoryLevel = 5;
constexpr int kStreamGzipFrame = 16;

constexpr std::size_t kEncodedPiece = 8 * 1024;

}  // namespace

struct ContentEncoder::Deflater {
  explicit Deflater(int window_bits) {
    if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, kStreamMemoryLevel,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { ::deflateEnd(&stream); }

  /// Nothing can fail: the state is its own, and there is always room for more.
  void run(std::string_view piece, std::string& to, int how) {
    std::array<char, kEncodedPiece> room;
    do {
      const auto some =
          static_cast<uInt>(std::min<std::size_t>(piece.size(), std::numeric_limits<uInt>::max()));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream.avail_in = some;
      do {
        stream.next_out = reinterpret_cast<Bytef*>(room.data());
        stream.avail_out = static_cast<uInt>(room.size());
        ::deflate(&stream, some == piece.size() ? how : Z_NO_FLUSH);
        to.append(room.data(), room.size() - stream.avail_out);
      } while (stream.avail_out == 0);
      piece.remove_prefix(some);
    } while (!piece.empty());
  }

  z_stream stream{};
};

ContentEncoder::ContentEncoder(ContentCoding coding) {
  if (coding != ContentCoding::gzip && coding != ContentCoding::deflate)
    throw std::invalid_argument("verdin: pieces are coded as gzip or deflate");
  const int frame = coding == ContentCoding::gzip ? kStreamGzipFrame : 0;
  deflater_ = std::make_unique<Deflater>(kStreamWindowBits + frame);
}

ContentEncoder::ContentEncoder(ContentEncoder&&) noexcept = default;
ContentEncoder& ContentEncoder::operator=(ContentEncoder&&) noexcept = default;
ContentEncoder::~ContentEncoder() = default;

void ContentEncoder::feed(std::string_view piece, std::string& to, bool flush) {
  deflater_->run(piece, to, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
}

void ContentEncoder::finish(std::string& to) { deflater_->run({}, to, Z_FINISH); }

}  // namespace verdin::protocol::http1
