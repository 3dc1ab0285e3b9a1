// Internal. RoomToThrow: memory for an exception that a destructor, which cannot throw, will keep for the
// greenlet that it runs on. Taken with the object, so that the destructor needs none.
#pragma once

#include <verdin/runtime/impl/greenlet_base.hpp>

namespace verdin::impl {

class RoomToThrow {
 public:
  /// With the running greenlet; nowhere if none runs, or memory is out.
  RoomToThrow() noexcept;
  RoomToThrow(const RoomToThrow&) = delete;
  RoomToThrow& operator=(const RoomToThrow&) = delete;
  ~RoomToThrow() { release(); }

  /// What is kept next for that greenlet is kept here.
  void release() noexcept;

 private:
  OnlookerPtr greenlet_;
};

}  // namespace verdin::impl
