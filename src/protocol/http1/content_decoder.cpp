#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <new>

#include <brotli/decode.h>
#include <zlib.h>

#include <verdin/protocol/http1/chars.hpp>
#include <verdin/protocol/http1/content_coding.hpp>

namespace verdin::protocol::http1 {

namespace {

// zlib's inflateInit2(): the largest window; negative for no frame, 16 more for gzip's.
constexpr int kAnyWindow = 15;
constexpr int kGzip = 16;

}  // namespace

struct ContentDecoder::Inflater {
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (begun) ::inflateEnd(&stream);
  }
  void begin(int window_bits) {
    if (::inflateInit2(&stream, window_bits) != Z_OK) throw std::bad_alloc();
    begun = true;
  }

  z_stream stream{};
  std::string first;  // of deflate: two octets tell whether there is a frame
  bool begun = false;
  bool between = false;  // behind a member of gzip
};

struct ContentDecoder::Brotli {
  Brotli() : state(::BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state) throw std::bad_alloc();
  }
  Brotli(const Brotli&) = delete;
  Brotli& operator=(const Brotli&) = delete;
  ~Brotli() { ::BrotliDecoderDestroyInstance(state); }

  State step(std::string_view& data, std::string& to, std::size_t room);

  BrotliDecoderState* state;
};

ContentDecoder::ContentDecoder(ContentCoding coding) : coding_(coding) {
  if (coding == ContentCoding::identity) return;
  if (coding == ContentCoding::brotli) {
    brotli_ = std::make_unique<Brotli>();
    return;
  }
  inflater_ = std::make_unique<Inflater>();
  if (coding == ContentCoding::gzip) inflater_->begin(kAnyWindow + kGzip);
}
ContentDecoder::ContentDecoder(ContentDecoder&&) noexcept = default;
ContentDecoder& ContentDecoder::operator=(ContentDecoder&&) noexcept = default;
ContentDecoder::~ContentDecoder() = default;

ContentDecoder::State ContentDecoder::feed(std::string_view& data, std::string& to, std::size_t room) {
  if (state_ == State::failed) return state_;
  if (brotli_) {
    if (state_ == State::done) return data.empty() ? state_ : state_ = State::failed;
    return state_ = brotli_->step(data, to, room);
  }
  if (!inflater_) {
    const std::size_t size = std::min(room, data.size());
    to.append(data.substr(0, size));
    data.remove_prefix(size);
    return state_;
  }
  const std::size_t end = to.size() + room;
  std::size_t left;
  do {  // two octets that were kept, or a member of gzip, may end before `data` does
    left = data.size();
    step(data, to, end - to.size());
  } while (state_ != State::failed && !data.empty() && data.size() < left && to.size() < end);
  return state_;
}

ContentDecoder::State ContentDecoder::step(std::string_view& data, std::string& to, std::size_t room) {
  if (state_ == State::done) return data.empty() ? state_ : state_ = State::failed;
  Inflater& inflater = *inflater_;
  z_stream& stream = inflater.stream;
  if (!inflater.begun) {
    while (inflater.first.size() < 2 && !data.empty()) {
      inflater.first += data.front();
      data.remove_prefix(1);
    }
    if (inflater.first.size() < 2) return state_;
    const auto high = static_cast<unsigned char>(inflater.first[0]);
    const auto low = static_cast<unsigned char>(inflater.first[1]);
    inflater.begin((high & 15) == Z_DEFLATED && (high * 256u + low) % 31 == 0 ? kAnyWindow : -kAnyWindow);
  }
  const bool from_first = !inflater.first.empty();
  const std::string_view from = from_first ? std::string_view(inflater.first) : data;
  if (inflater.between) {
    if (from.empty()) return state_;
    if (::inflateReset(&stream) != Z_OK) return state_ = State::failed;
    inflater.between = false;
  }
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max() / 2;
  thread_local std::array<char, 16 * 1024> piece;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
  stream.avail_in = static_cast<uInt>(std::min(from.size(), kMost));
  const uInt given = stream.avail_in;
  int result;
  do {
    const std::size_t now = std::min(room, piece.size());
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(now);
    result = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = now - stream.avail_out;
    to.append(piece.data(), made);
    room -= made;
  } while (result == Z_OK && stream.avail_out == 0 && room > 0);
  const std::size_t used = given - stream.avail_in;
  stream.next_in = nullptr;
  if (from_first) {
    inflater.first.erase(0, used);
  } else {
    data.remove_prefix(used);
  }
  if (result == Z_STREAM_END) {
    inflater.between = coding_ == ContentCoding::gzip;
    if (!inflater.between) state_ = inflater.first.empty() ? State::done : State::failed;
    return state_;
  }
  if (result == Z_MEM_ERROR) throw std::bad_alloc();
  // Z_BUF_ERROR: nothing to be done without more octets, or more room.
  if (result != Z_OK && result != Z_BUF_ERROR) state_ = State::failed;
  return state_;
}

ContentDecoder::State ContentDecoder::Brotli::step(std::string_view& data, std::string& to,
                                                   std::size_t room) {
  std::size_t left = data.size();
  auto next = reinterpret_cast<const std::uint8_t*>(data.data());
  thread_local std::array<char, 16 * 1024> piece;
  BrotliDecoderResult result;
  do {
    std::size_t free = std::min(room, piece.size());
    const std::size_t given = free;
    auto out = reinterpret_cast<std::uint8_t*>(piece.data());
    result = ::BrotliDecoderDecompressStream(state, &left, &next, &free, &out, nullptr);
    to.append(piece.data(), given - free);
    room -= given - free;
    // It may say that it wants input while it holds what it had no room for.
  } while (room > 0 && result != BROTLI_DECODER_RESULT_ERROR &&
           (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || ::BrotliDecoderHasMoreOutput(state)));
  data.remove_prefix(data.size() - left);
  switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
      return data.empty() ? State::done : State::failed;
    case BROTLI_DECODER_RESULT_ERROR:
      // As many codes as there are places where it asks for memory.
      if (::BrotliDecoderGetErrorCode(state) <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
          ::BrotliDecoderGetErrorCode(state) >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES) {
        throw std::bad_alloc();
      }
      return State::failed;
    default:
      return State::more;
  }
}

bool ContentDecoder::complete() const noexcept {
  if (brotli_)
    return state_ == State::done || (state_ == State::more && !::BrotliDecoderIsUsed(brotli_->state));
  if (!inflater_ || state_ == State::done || inflater_->between) return true;
  return state_ == State::more && inflater_->stream.total_in == 0 && inflater_->first.empty();
}

std::optional<ContentCoding> parse_coding(std::string_view content_encoding) noexcept {
  const std::string_view name = trim(content_encoding);
  if (name.empty() || equals_ignoring_case(name, "identity")) return ContentCoding::identity;
  if (equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip")) return ContentCoding::gzip;
  if (equals_ignoring_case(name, "deflate")) return ContentCoding::deflate;
  if (equals_ignoring_case(name, "br")) return ContentCoding::brotli;
  return std::nullopt;
}

}  // namespace verdin::protocol::http1
