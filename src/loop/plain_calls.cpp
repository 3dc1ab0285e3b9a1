#include "loop/plain_calls.hpp"

#include <cstdlib>
#include <cstring>

#if defined(VERDIN_PLAIN_CALLS)

namespace verdin::loop::plain {

constinit bool by_libc = false;

namespace {

// Before other globals are made: a loop may turn there. (101 is the first that programs may have.)
[[gnu::constructor(102)]] void ask_environment() {
  const char* const said = std::getenv("VERDIN_LIBC_CALLS");
  by_libc = said && std::strcmp(said, "1") == 0;
}

}  // namespace
}  // namespace verdin::loop::plain

#endif
