#include <memory>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/done_call.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

#include "runtime/fiber_state.hpp"
#include "runtime/starter.hpp"

namespace verdin::impl {

/// A kill or another exception on its way: delivered in the hub, in its turn among everything else that is
/// ready.
struct GreenletBase::PendingThrow : Runnable {
  // NOLINTNEXTLINE(bugprone-throw-keyword-missing): it is kept, to be thrown later
  PendingThrow(GreenletBase& greenlet, std::exception_ptr why) : target(&greenlet), reason(std::move(why)) {
    callback = &PendingThrow::deliver;
  }

  static void deliver(Runnable* runnable) {
    const std::unique_ptr<PendingThrow> self(static_cast<PendingThrow*>(runnable));
    self->target->throw_now(std::move(self->reason));
  }

  IntrusivePtr<GreenletBase> target;
  std::exception_ptr reason;
};

namespace {

bool is_exit(const std::exception_ptr& reason) {
  try {
    std::rethrow_exception(reason);
  } catch (const GreenletExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

const std::exception_ptr GreenletBase::none_;

bool GreenletBase::is_throw_into(const Runnable& item, const GreenletBase* greenlet) noexcept {
  return item.callback == &PendingThrow::deliver &&
         static_cast<const PendingThrow&>(item).target.get() == greenlet;
}

GreenletBase::GreenletBase(Hub& hub, SpawnPoint spawned_at)
    : hub_(hub),
      spawned_at_(spawned_at),
      serial_(++hub.last_serial_),
      spawned_by_(hub.running() ? hub.running()->serial_ : 0),
      spawned_when_(hub.loop().now()) {}

GreenletBase::~GreenletBase() {
  while (!links_.empty()) {
    Link& link = links_.front();
    link.unlink();
    DoneCall::drop(link);
  }
  if (!failure() || observed_) return;
  Hub::report_error_of(name(), failure());
}

void GreenletBase::add_link(Link& link) noexcept {
  links_.push_back(link);
  if (finished()) schedule_links();
}

bool GreenletBase::cancel_start(const std::exception_ptr& reason) {
  if (state_ > State::pending) return false;
  const bool owned_by_hub = listed_;
  finish(reason, is_exit(reason));
  if (owned_by_hub) release();
  return true;
}

void GreenletBase::throw_into(std::exception_ptr reason) {
  if (finished() || cancel_start(reason)) return;
  hub_.make_ready(*new PendingThrow(*this, std::move(reason)));
}

void GreenletBase::throw_now(std::exception_ptr reason) {
  if (finished() || cancel_start(reason)) return;
  if (shielded()) {
    deferred_.push_back(std::move(reason));
    return;
  }
  unqueue();
  incoming_ = std::move(reason);
  hub_.switch_into(*this);
}

void GreenletBase::entry(void* self) {
  auto& greenlet = *static_cast<GreenletBase*>(self);
  if (greenlet.hub_.ended_) greenlet.hub_.bury_ended();
  greenlet.run_to_end();
  greenlet.hub_.leave(greenlet);
}

void GreenletBase::run_to_end() noexcept {
  std::exception_ptr failure;
  bool killed = false;
  try {
    run();
  } catch (const GreenletExit&) {
    failure = std::current_exception();
    killed = true;
  } catch (const Fatal&) {
    failure = std::current_exception();
    observed_ = hub_.end_main(*this, failure);
  } catch (...) {
    failure = std::current_exception();
  }
  clear_locals();
  if (fiber_root_) fiber_root_->end_root();
  finish(std::move(failure), killed);
}

/// The hub's reference is still held: whoever calls this releases it when nothing stands on the stack any
/// more.
void GreenletBase::finish(std::exception_ptr failure, bool killed) noexcept {
  unqueue();
  state_ = State::finished;
  failure_ = std::move(failure);
  killed_ = killed;
  starter_.reset();
  hub_.forget(*this);
  if (!links_.empty()) schedule_links();
}

/// What has finished needs its place in the ready queue no more: it serves its links there. As one event:
/// each that is told runs before the next, and all before what was queued after the end.
void GreenletBase::schedule_links() noexcept {
  if (queued()) return;
  add_ref();
  callback = &GreenletBase::tell_first;
  light = true;
  hub_.make_ready(static_cast<Runnable&>(*this));
}

void GreenletBase::tell_first(Runnable* runnable) {
  auto& self = *static_cast<GreenletBase*>(runnable);
  if (!self.links_.empty()) {
    self.hub_.make_ready_first(self);
    Link& link = self.links_.front();
    link.unlink();
    return self.hub_.tell_next(link);
  }
  if (self.ref_count() > 1) return self.release();
  // What it holds is destroyed with it, and not on a stack that came by.
  self.callback = [](Runnable* last) { static_cast<GreenletBase*>(last)->release(); };
  self.light = false;
  self.hub_.make_ready_first(self);
}

}  // namespace verdin::impl
