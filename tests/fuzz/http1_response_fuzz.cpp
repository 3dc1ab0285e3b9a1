// The answers to one request, read in pieces of sizes that the input chooses: the same outcome as read whole,
// no octet read outside a piece. And a body that is said to be compressed: the same content, never more than
// is asked for.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <verdin/protocol/http1/content_coding.hpp>

#include "../support/http1_response_outcome.hpp"

namespace {

namespace http1 = verdin::protocol::http1;

constexpr std::size_t kMostContent = 100'000;

/// The content, or "!" if it is none (how far one gets before that depends on the pieces).
std::string content_of(std::string_view octets, http1::ContentCoding coding, std::size_t piece,
                       std::size_t room) {
  http1::ContentDecoder decoder(coding);
  std::string content;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    const std::string copy(octets.substr(at, piece));
    std::string_view data = copy;
    for (std::size_t made = room; made == room;) {
      const std::size_t before = content.size();
      if (decoder.feed(data, content, room) == http1::ContentDecoder::State::failed) return "!";
      made = content.size() - before;
      if (made > room) std::abort();
      if (content.size() > kMostContent) return content.substr(0, kMostContent);
    }
    if (!data.empty()) std::abort();
  }
  return content + (decoder.complete() ? "." : "");
}

/// What we compress comes back.
void check_round_trip(std::string_view content, std::size_t piece) {
  for (const auto coding :
       {http1::ContentCoding::gzip, http1::ContentCoding::deflate, http1::ContentCoding::identity}) {
    const std::string encoded = http1::encode_content(content, coding);
    if (http1::parse_coding(http1::to_string(coding)) != coding) std::abort();
    if (content.size() >= kMostContent) continue;
    http1::ContentDecoder moved(coding), decoder;
    decoder = http1::ContentDecoder(std::move(moved));
    std::string_view rest = encoded;
    std::string back;
    decoder.feed(rest, back, content.size() + 1);
    if (back != content || !decoder.complete()) std::abort();
    if (content_of(encoded, coding, piece, 1 + piece) != std::string(content) + ".") std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using verdin::tests::read_response;
  if (size < 4) return 0;
  // The first four octets choose the pieces, the method and, now and then, tight limits.
  http1::Limits limits;
  if (data[0] & 1) limits = {200, 60, 8, 4, 40, 40};
  const std::string_view method = data[0] & 2 ? "HEAD" : data[0] & 4 ? "CONNECT" : "GET";
  std::uint32_t seed = data[1] + 256u * data[2] + 65536u * data[3] + 1;
  const auto next_size = [&seed] {
    seed = seed * 1664525 + 1013904223;
    const std::uint32_t dice = seed >> 24;
    return std::size_t{dice < 128 ? 1 : dice < 240 ? 1 + dice % 13 : 1 + dice * 4};
  };
  const std::string_view octets(reinterpret_cast<const char*>(data) + 4, size - 4);
  const auto whole = read_response(octets, method, limits);
  if (!(whole == read_response(octets, method, limits, next_size))) std::abort();
  if (!(whole == read_response(octets, method, limits, [] { return std::size_t{1}; }))) std::abort();
  if (whole.used > octets.size()) std::abort();
  const auto coding = data[0] & 16  ? http1::ContentCoding::brotli
                      : data[0] & 8 ? http1::ContentCoding::deflate
                                    : http1::ContentCoding::gzip;
  const std::string content = content_of(whole.body, coding, whole.body.size() + 1, kMostContent);
  const std::string pieces = content_of(whole.body, coding, 1 + data[1] % 16u, 1 + data[2] * 16u);
  // One that fails may have grown too large first, in larger steps.
  if (content != pieces && content.size() < kMostContent && pieces.size() < kMostContent) std::abort();
  check_round_trip(octets, 1 + data[1] % 16u);
  const std::string_view line = octets.substr(0, octets.find('\n'));
  const auto chosen = http1::choose_coding(line);
  if (const auto named = http1::parse_coding(line);
      named && http1::parse_coding(http1::to_string(*named)) != *named)
    std::abort();
  if (http1::to_string(chosen).empty()) std::abort();
  return 0;
}
