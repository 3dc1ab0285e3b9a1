#include "protocol/websocket/inflater.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <zlib.h>

namespace verdin::protocol::websocket {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr int kWindowBits = 15;  // reads what was made with any smaller window, too
constexpr std::array<char, 4> kTail = {'\x00', '\x00', '\xff', '\xff'};
constexpr std::size_t kContextSize = (1 << kWindowBits) + 10 * 1024;  // zlib's window and state

/// inflate() stands at a block's end, with nothing half read: its way to say so is a bit of data_type.
bool between_blocks(const z_stream& stream) noexcept { return (stream.data_type & 128) != 0; }

}  // namespace

struct Inflater::Context {
  Context() {
    if (::inflateInit2(&stream, -kWindowBits) != Z_OK) throw std::bad_alloc();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ::inflateEnd(&stream); }

  /// The calling thread's, for messages that stand alone.
  static Context& shared() {
    thread_local Context context;
    return context;
  }

  /// A block with BFINAL ends zlib's stream, but not the message (section 7.2.3.4): what follows may refer to
  /// what was.
  /// `inflateReset` and giving the window back would copy 64 KB for a block of two octets.
  void restart() {
    ::inflateResetKeep(&stream);
    ended = true;
  }

  Result feed(std::span<const char> input, std::size_t limit, MessageBuffer& to) {
    thread_local std::array<char, kPiece> piece;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = kPiece;
      ended = false;
      const int status = ::inflate(&stream, Z_SYNC_FLUSH);
      if (status == Z_MEM_ERROR) throw std::bad_alloc();
      // First: what is too big before it is bad is so however it was cut.
      const std::size_t made = kPiece - stream.avail_out;
      if (made > limit - to.size()) return Result::too_big;
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return Result::bad;
      to.append({piece.data(), made}, limit);
      if (status == Z_STREAM_END) restart();
      if (status == Z_BUF_ERROR && made == 0) break;
    } while (stream.avail_in > 0 || stream.avail_out == 0);
    return Result::ok;
  }

  Result feed_all(std::span<const char> input, std::size_t limit, MessageBuffer& to) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    while (!input.empty()) {
      const std::span<const char> now = input.first(std::min(input.size(), kMost));
      if (const Result result = feed(now, limit, to); result != Result::ok) return result;
      input = input.subspan(now.size());
    }
    return Result::ok;
  }

  z_stream stream{};
  bool ended = false;  // the last that was read was the end of a block with BFINAL
};

Inflater::Inflater(bool takes_over) noexcept : takes_over_(takes_over) {}
Inflater::~Inflater() = default;

std::size_t Inflater::memory() const noexcept { return own_ ? sizeof(Context) + kContextSize : 0; }

Inflater::Context& Inflater::context() {
  if (!takes_over_) {
    Context& context = Context::shared();
    ::inflateReset(&context.stream);
    return context;
  }
  if (!own_) own_ = std::make_unique<Context>();
  return *own_;
}

Inflater::Result Inflater::inflate(std::span<const char> payload, std::size_t limit, MessageBuffer& to) {
  if (payload.empty()) return Result::ok;  // an empty message, though a strange one
  Context& from = context();
  if (const Result result = from.feed_all(payload, limit, to); result != Result::ok) return result;
  // A message may end with such a block, and without the tail of another.
  if (from.ended) return Result::ok;
  if (const Result result = from.feed(kTail, limit, to); result != Result::ok) return result;
  return between_blocks(from.stream) ? Result::ok : Result::bad;
}

Inflater::Result Inflater::inflate_part(std::span<const char> piece, bool last, std::size_t limit,
                                        MessageBuffer& to) {
  if (!own_) own_ = std::make_unique<Context>();
  Context& from = *own_;
  Result result = Result::ok;
  if (!piece.empty()) result = from.feed_all(piece, limit, to);
  if (!last || result != Result::ok) return result;
  if (!from.ended) {
    result = from.feed(kTail, limit, to);
    if (result == Result::ok && !between_blocks(from.stream)) result = Result::bad;
  }
  if (!takes_over_) own_.reset();
  return result;
}

}  // namespace verdin::protocol::websocket
