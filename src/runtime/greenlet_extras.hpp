// GreenletBase::Extras: what few greenlets have, made when it is first needed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <verdin/runtime/impl/greenlet_base.hpp>
#include <verdin/runtime/impl/local_store.hpp>

#include "runtime/fiber_state.hpp"
#include "runtime/starter.hpp"

namespace verdin::impl {

struct GreenletBase::Extras {
  /// `deferred`, with memory for so many more, besides what is reserved.
  std::vector<std::exception_ptr>& room_for(std::size_t more) {
    constexpr std::size_t kAtOnce = 4;
    const std::size_t wanted = deferred.size() + reserved + more;
    if (deferred.capacity() < wanted) deferred.reserve(std::max(wanted, kAtOnce));
    return deferred;
  }

  std::string name{};
  std::vector<std::exception_ptr> deferred{};  // thrown when it is no longer shielded
  std::size_t reserved = 0;                    // places in it: see RoomToThrow
  IntrusivePtr<FiberState> fiber_root{};
  std::unique_ptr<LocalStore> locals{};
  std::unique_ptr<Starter> starter{};  // the delay before its start
};

}  // namespace verdin::impl
