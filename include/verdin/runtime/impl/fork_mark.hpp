// Internal. ForkMark: tells an object that it finds itself in a child of fork(). Those who waited at it in
// the parent are not there: what it knows of them is to be forgotten before anybody else waits.
#pragma once

#include <verdin/loop/fork_generation.hpp>

namespace verdin::impl {

using loop::ForkMark;

}  // namespace verdin::impl
