// Internal. ForkMark: tells an object that it finds itself in a child of fork(). Those who waited at it in
// the parent are not there: what it knows of them is to be forgotten before anybody else waits.
#pragma once

#include <verdin/loop/fork_generation.hpp>

namespace verdin::impl {

class ForkMark {
 public:
  /// Is this the first call in a child?
  bool in_new_child() noexcept {
    const unsigned now = loop::fork_generation();
    if (now == seen_) [[likely]]
      return false;
    seen_ = now;
    return true;
  }

 private:
  unsigned seen_ = loop::fork_generation();
};

}  // namespace verdin::impl
