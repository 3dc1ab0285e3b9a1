#include <exception>
#include <string>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/done_call.hpp>

namespace verdin::impl {

DoneCall::DoneCall(GreenletBase& greenlet, Call call, bool spawned, When when)
    : Link(&DoneCall::on_told), greenlet_(&greenlet), call_(std::move(call)), spawned_(spawned), when_(when) {
  callback = &DoneCall::run;
}

IntrusivePtr<DoneCall> DoneCall::hang_on(GreenletBase& greenlet, Call call, bool spawned, When when) {
  greenlet.check_hub();
  IntrusivePtr<DoneCall> made(new DoneCall(greenlet, std::move(call), spawned, when));
  made->add_ref();  // the list's
  greenlet.add_link(*made);
  return made;
}

void DoneCall::on_told(Link& link) noexcept {
  auto& self = static_cast<DoneCall&>(link);
  self.greenlet_->hub().make_ready(static_cast<Runnable&>(self));
}

void DoneCall::cancel() noexcept {
  if (!held_) return;
  held_ = false;
  unlink();
  unqueue();
  call_ = nullptr;
  release();
}

void DoneCall::drop(Link& link) noexcept {
  if (is(link)) static_cast<DoneCall&>(link).cancel();
}

bool DoneCall::wanted() const noexcept {
  return when_ == When::any || (when_ == When::failure) == static_cast<bool>(greenlet_->failure());
}

/// In the hub, while the greenlet tells its links: it is there still.
void DoneCall::run(Runnable* runnable) {
  IntrusivePtr<DoneCall> self(static_cast<DoneCall*>(runnable));
  self->release();  // the list's reference
  self->held_ = false;
  if (!self->wanted()) return;
  Hub& hub = self->greenlet_->hub();
  try {
    if (self->spawned_) {
      hub.start_now(
          [self, greenlet = IntrusivePtr<GreenletBase>(self->greenlet_)] { self->call_(*greenlet); },
          "done link");
    } else {
      self->call_(*self->greenlet_);
    }
  } catch (...) {
    hub.report_error("link on the end of '" + std::string(self->greenlet_->name()) + "'",
                     std::current_exception());
  }
}

}  // namespace verdin::impl
