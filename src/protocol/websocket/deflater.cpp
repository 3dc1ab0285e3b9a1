#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <new>
#include <vector>

#include <zlib.h>

#include <verdin/protocol/websocket/deflater.hpp>

namespace verdin::protocol::websocket {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr std::size_t kTail = 4;  // 00 00 ff ff, which is not sent
constexpr std::size_t kMostStored = 0xFFFF;
constexpr std::size_t kSharedContexts = 8;

}  // namespace

struct Deflater::Context {
  explicit Context(const Settings& wanted) : settings(wanted) {
    // Negative: raw deflate, without a header.
    if (::deflateInit2(&stream, wanted.level, Z_DEFLATED, -wanted.window_bits, wanted.memory_level,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ::deflateEnd(&stream); }

  /// The calling thread's, for messages that stand alone.
  static Context& shared(const Settings& wanted) {
    thread_local std::vector<std::unique_ptr<Context>> contexts;  // the one used last is the last
    const auto found = std::find_if(contexts.begin(), contexts.end(),
                                    [&](const auto& each) { return each->settings == wanted; });
    if (found != contexts.end()) {
      std::rotate(found, found + 1, contexts.end());
    } else {
      auto made = std::make_unique<Context>(wanted);
      if (contexts.size() == kSharedContexts) contexts.erase(contexts.begin());
      contexts.push_back(std::move(made));
    }
    return *contexts.back();
  }

  z_stream stream{};
  Settings settings;
};

Deflater::Deflater(const DeflateParams& params, const DeflateOptions& options, Role role) noexcept
    : settings_{std::clamp(
                    role == Role::server ? params.server_max_window_bits : params.client_max_window_bits, 9,
                    15),
                std::clamp(options.level, 1, 9), std::clamp(options.memory_level, 1, 9)},
      takes_over_(
          !(role == Role::server ? params.server_no_context_takeover : params.client_no_context_takeover)) {}

Deflater::~Deflater() = default;

Deflater::Context& Deflater::context() {
  if (!takes_over_) {
    Context& context = Context::shared(settings_);
    ::deflateReset(&context.stream);
    return context;
  }
  if (!own_) own_ = std::make_unique<Context>(settings_);
  return *own_;
}

void Deflater::deflate(std::string_view message, std::string& to) {
  if (message.empty()) {
    to.append(kEnd);  // zlib does not flush twice in a row (section 7.2.3.6)
    return;
  }
  deflate_part(message, to);
  to.resize(to.size() - kTail);
}

// A block that is flushed ends at an octet's boundary and is none that ends the stream: such blocks may
// follow each other whichever context made them, as long as none looks further back than its own context
// does.
void Deflater::deflate_part(std::string_view part, std::string& to) {
  z_stream& stream = context().stream;
  thread_local std::array<char, kPiece> piece;
  std::size_t left = part.size();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
  do {
    const std::size_t now = std::min<std::size_t>(left, std::numeric_limits<uInt>::max());
    stream.avail_in = static_cast<uInt>(now);
    left -= now;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = kPiece;
      ::deflate(&stream, left > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
      to.append(piece.data(), kPiece - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (left > 0);
}

// RFC 1951, section 3.2.4.
void Deflater::store_part(std::string_view part, std::string& to) {
  for (; !part.empty(); part.remove_prefix(std::min(kMostStored, part.size()))) {
    const std::size_t size = std::min(kMostStored, part.size());
    const char low = static_cast<char>(size & 0xFF), high = static_cast<char>(size >> 8);
    to.append({'\0', low, high, static_cast<char>(~low), static_cast<char>(~high)});
    to.append(part.substr(0, size));
  }
}

}  // namespace verdin::protocol::websocket
