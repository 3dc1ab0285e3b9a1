// Internal. RoomToThrow: memory for an exception that a destructor, which cannot throw, will keep for the
// greenlet that it runs on. Taken with the object, so that the destructor needs none.
#pragma once

namespace verdin::impl {

class GreenletBase;

class RoomToThrow {
 public:
  /// With the running greenlet; nowhere if none runs. std::bad_alloc.
  RoomToThrow();
  RoomToThrow(const RoomToThrow&) = delete;
  RoomToThrow& operator=(const RoomToThrow&) = delete;
  ~RoomToThrow() { release(); }

  /// What is kept next for that greenlet, if it runs now, is kept here.
  void release() noexcept;

 private:
  GreenletBase* greenlet_;
};

}  // namespace verdin::impl
