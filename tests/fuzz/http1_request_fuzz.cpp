// One request, head and body, read in pieces of sizes that the input chooses: the same outcome as read whole,
// no octet read outside a piece, and what is kept stays within the limits.
#include <cstdint>
#include <cstdlib>

#include "../support/http1_outcome.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using verdin::tests::read_request;
  if (size < 4) return 0;
  // The first four octets choose the pieces and, now and then, tight limits.
  verdin::protocol::http1::Limits limits;
  if (data[0] & 1) limits = {200, 60, 8, 4, 40, 40};
  std::uint32_t seed = data[1] + 256u * data[2] + 65536u * data[3] + 1;
  const auto next_size = [&seed] {
    seed = seed * 1664525 + 1013904223;
    const std::uint32_t dice = seed >> 24;
    return std::size_t{dice < 128 ? 1 : dice < 240 ? 1 + dice % 13 : 1 + dice * 4};
  };
  const std::string_view octets(reinterpret_cast<const char*>(data) + 4, size - 4);
  const auto whole = read_request(octets, limits);
  if (whole != read_request(octets, limits, next_size)) std::abort();
  if (whole != read_request(octets, limits, [] { return std::size_t{1}; })) std::abort();
  if (whole.head.size() > limits.head + 64 || whole.used > octets.size()) std::abort();
  return 0;
}
