// SpawnPoint: the place in the source where a greenlet was spawned, as a report shows it.
//
// Costs two words and no work at run time: the compiler fills it in where spawn() is called. (It stands in
// for std::source_location, which clang 14 has not.) Never null; line 0 means that the place is not known.
#pragma once

namespace verdin {

struct SpawnPoint {
  const char* file = "";
  int line = 0;

  static constexpr SpawnPoint here(const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

}  // namespace verdin
