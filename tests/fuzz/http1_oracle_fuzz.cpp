// Requests that our parser accepts mean the same to libhttp-parser, each of a pipeline.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../support/http1_oracle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto result = verdin::tests::compare_with_theirs(rest);
    if (!result.accepted) break;
    if (!result.difference.empty()) {
      std::fprintf(stderr, "%s\n", result.difference.c_str());
      std::abort();
    }
    rest.remove_prefix(result.size);
  }
  return 0;
}
