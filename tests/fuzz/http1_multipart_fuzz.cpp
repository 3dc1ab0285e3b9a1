// A form with parts, read in pieces of sizes that the input chooses: the same parts as read whole, no octet
// read outside a piece; and any Content-Type.
#include <cstdint>
#include <cstdlib>

#include "../support/http1_multipart_outcome.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using verdin::tests::read_multipart;
  if (size < 3) return 0;
  verdin::protocol::http1::MultipartLimits limits;
  if (data[0] & 1) limits = {60, 2};
  const std::string_view octets(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::uint32_t seed = data[1] + 256u * data[2] + 1;
  const auto next_size = [&seed] {
    seed = seed * 1664525 + 1013904223;
    return std::size_t{1 + (seed >> 24) % (seed & 0x800000 ? 3 : 40)};
  };
  const std::string whole = read_multipart(octets, "B", limits, [&] { return octets.size(); });
  if (whole != read_multipart(octets, "B", limits, next_size)) std::abort();
  if (whole != read_multipart(octets, "B", limits, [] { return std::size_t{1}; })) std::abort();
  if (const auto boundary = verdin::protocol::http1::multipart_boundary(octets)) {
    if (boundary->empty() || boundary->size() > 70) std::abort();
  }
  return 0;
}
