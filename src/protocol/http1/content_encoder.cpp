#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

#include <brotli/encode.h>
#include <zlib.h>

#include <verdin/protocol/http1/content_coding.hpp>

namespace verdin::protocol::http1 {
namespace {

// What deflateInit2() takes: see the header for what these cost.
constexpr int kStreamWindowBits = 13;
constexpr int kStreamMemoryLevel = 6;
constexpr int kStreamGzipFrame = 16;

constexpr std::uint32_t kStreamQuality = 3;
constexpr std::uint32_t kStreamWindow = 14;

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

struct ContentEncoder::Brotli {
  Brotli() : state(::BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state) throw std::bad_alloc();
    ::BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, kStreamQuality);
    ::BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, kStreamWindow);
    ::BrotliEncoderSetParameter(state, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT);
  }
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;
  ~Brotli() { ::BrotliEncoderDestroyInstance(state); }

  void run(std::string_view piece, std::string& to, BrotliEncoderOperation how) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(piece.data());
    std::size_t left = piece.size();
    std::size_t size = 0;
    do {  // until nothing comes: while there is output to take, it may not have come to the last of the input
      std::size_t no_room = 0;
      if (!::BrotliEncoderCompressStream(state, how, &left, &in, &no_room, nullptr, nullptr))
        throw std::bad_alloc();  // nothing else can fail
      size = 0;
      const std::uint8_t* const out = ::BrotliEncoderTakeOutput(state, &size);
      to.append(reinterpret_cast<const char*>(out), size);
    } while (left > 0 || size > 0);
  }

  BrotliEncoderState* state;
};

ContentEncoder::ContentEncoder(ContentCoding coding) {
  if (coding == ContentCoding::brotli) {
    brotli_ = std::make_unique<Brotli>();
  } else {
    const int frame = coding == ContentCoding::gzip ? kStreamGzipFrame : 0;
    deflater_ = std::make_unique<Deflater>(kStreamWindowBits + frame);
  }
}

ContentEncoder::ContentEncoder(ContentEncoder&&) noexcept = default;
ContentEncoder& ContentEncoder::operator=(ContentEncoder&&) noexcept = default;
ContentEncoder::~ContentEncoder() = default;

void ContentEncoder::feed(std::string_view piece, std::string& to, bool flush) {
  if (brotli_) {
    brotli_->run(piece, to, flush ? BROTLI_OPERATION_FLUSH : BROTLI_OPERATION_PROCESS);
  } else {
    deflater_->run(piece, to, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
  }
}

void ContentEncoder::finish(std::string& to) {
  if (brotli_) {
    brotli_->run({}, to, BROTLI_OPERATION_FINISH);
  } else {
    deflater_->run({}, to, Z_FINISH);
  }
}

}  // namespace verdin::protocol::http1
