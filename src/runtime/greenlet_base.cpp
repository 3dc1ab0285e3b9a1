#include <memory>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>

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

GreenletBase::GreenletBase(Hub& hub) : hub_(hub) {}

GreenletBase::~GreenletBase() {
  if (!failure_ || observed_) return;
  if (Hub* hub = Hub::current_or_null()) hub->report_error(name(), failure_);
}

void GreenletBase::throw_into(std::exception_ptr reason) {
  if (finished()) return;
  if (state_ != State::pending) return hub_.make_ready(*new PendingThrow(*this, std::move(reason)));
  unqueue();
  bool killed = false;
  try {
    std::rethrow_exception(reason);
  } catch (const GreenletExit&) {
    killed = true;
  } catch (...) {
  }
  finish(killed ? nullptr : std::move(reason), killed);
  release();
}

void GreenletBase::throw_now(std::exception_ptr reason) {
  if (finished()) return;
  if (shielded()) {
    deferred_.push_back(std::move(reason));
    return;
  }
  unqueue();
  incoming_ = std::move(reason);
  hub_.switch_into(*this);
}

void GreenletBase::drop_deferred(const Timeout* scope) noexcept {
  std::erase_if(deferred_, [scope](const std::exception_ptr& reason) {
    try {
      std::rethrow_exception(reason);
    } catch (const TimeoutExpired& expired) {
      return expired.scope == scope;
    } catch (...) {
      return false;
    }
  });
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
    killed = true;
  } catch (...) {
    failure = std::current_exception();
  }
  clear_locals();
  finish(std::move(failure), killed);
}

/// The hub's reference is still held: whoever calls this releases it when nothing stands on the stack any
/// more.
void GreenletBase::finish(std::exception_ptr failure, bool killed) noexcept {
  state_ = State::finished;
  failure_ = std::move(failure);
  killed_ = killed;
  hub_.forget(*this);
  links_.wake_all();
}

}  // namespace verdin::impl
