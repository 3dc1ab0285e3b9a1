// GreenletBase::Extras: what few greenlets have, made when it is first needed.
#pragma once

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
  std::string name{};
  std::vector<std::exception_ptr> deferred{};  // thrown when it is no longer shielded
  IntrusivePtr<FiberState> fiber_root{};
  std::unique_ptr<LocalStore> locals{};
  std::unique_ptr<Starter> starter{};  // the delay before its start
};

}  // namespace verdin::impl
