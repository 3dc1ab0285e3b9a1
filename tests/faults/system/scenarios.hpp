// What the sweep of failing calls plays, in a hub that is there already.
//
// A scenario cleans up behind itself however it ends: descriptors and greenlets are counted afterwards.
#pragma once

#include <span>

namespace verdin::test {

struct SystemScenario {
  const char* name;
  void (*play)();
  /// Of many calls of a kind not each is tried to fail: so many at most.
  int most = 120;
};

std::span<const SystemScenario> system_scenarios();

/// Certificates and files that they share; before the first.
void prepare_scenarios();

}  // namespace verdin::test
