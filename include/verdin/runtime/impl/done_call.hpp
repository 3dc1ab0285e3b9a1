// Internal. DoneCall: what on_done() hangs on a greenlet: a function that is called once when it has ended.
//
// Counted: by the greenlet's list while it waits there, and by the DoneLink that the application holds.
#pragma once

#include <cstdint>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/base/unique_function.hpp>
#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/runnable.hpp>

namespace verdin {

/// Of which ends a link wants to hear. A kill is no failure.
enum class When : std::uint8_t { any, value, failure };

namespace impl {

class GreenletBase;

class DoneCall final : public RefCounted<DoneCall>, private Link, private Runnable {
 public:
  using Call = UniqueFunction<void(GreenletBase&)>;

  /// Hangs `call` on `greenlet`, at the end of those who wait for it. Called in the hub, or, if `spawned`, on
  /// a greenlet of its own.
  static IntrusivePtr<DoneCall> hang_on(GreenletBase& greenlet, Call call, bool spawned, When when);

  /// It will not be called any more.
  void cancel() noexcept;
  bool pending() const noexcept { return held_; }
  static bool is(const Link& link) noexcept { return link.told_by(&DoneCall::on_told); }
  /// The owner of the list goes without having ended.
  static void drop(Link& link) noexcept;

 private:
  DoneCall(GreenletBase& greenlet, Call call, bool spawned, When when);

  static void on_told(Link& link) noexcept;
  static void run(Runnable* runnable);
  bool wanted() const noexcept;

  GreenletBase* greenlet_;
  Call call_;
  bool spawned_;
  When when_;
  bool held_ = true;  // by the list, or by the hub's queue
};

}  // namespace impl
}  // namespace verdin
