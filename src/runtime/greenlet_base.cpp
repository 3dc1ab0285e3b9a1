#include <memory>
#include <typeinfo>
#include <utility>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/impl/done_call.hpp>
#include <verdin/runtime/impl/greenlet_base.hpp>
#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/object_pool.hpp>

#include "runtime/greenlet_extras.hpp"

namespace verdin::impl {

/// A kill or another exception on its way: delivered in the hub, in its turn among everything else that is
/// ready.
struct GreenletBase::PendingThrow : Runnable {
  // NOLINTNEXTLINE(bugprone-throw-keyword-missing): it is kept, to be thrown later
  PendingThrow(GreenletBase& greenlet, std::exception_ptr why) : target(greenlet), reason(std::move(why)) {
    callback = &PendingThrow::deliver;
  }

  // NOLINTNEXTLINE(misc-new-delete-overloads): it has one that is told the size
  static void* operator new(std::size_t size) { return allocate_object(size); }
  static void operator delete(void* object, std::size_t size) noexcept { free_object(object, size); }

  static void deliver(Runnable* runnable) {
    std::unique_ptr<PendingThrow> self(static_cast<PendingThrow*>(runnable));
    Hub& hub = self->target->hub_;
    prefetch_for_throw(hub.ready_.front());
    if (!self->target->room_for_throw()) [[unlikely]]
      return hub.make_ready(static_cast<Runnable&>(*self.release()));
    self->target->throw_now(std::move(self->reason));
  }

  OnlookerPtr target;
  std::exception_ptr reason;
};

/// One that is killed after thousands of others is far away: its object, its stack and what tells where their
/// pages lie. They are fetched while those before it are unwound, the object one earlier. Of 1.17 us for each
/// of 20,000 that left 0.74; a throw alone takes 0.6 where all is near.
void GreenletBase::prefetch_for_throw(const Runnable& next) noexcept {
  if (next.callback != &PendingThrow::deliver) return;
  static_cast<const PendingThrow&>(next).target->prefetch_stack();
  if (next.next->callback != &PendingThrow::deliver) return;
  static_cast<const PendingThrow&>(*next.next).target->prefetch_object();
}

void GreenletBase::prefetch_stack() const noexcept {
  // Its frames, and what the unwinder will use below them. Fewer lines of either kind cost more.
  constexpr std::uintptr_t kAbove = 7 * std::uintptr_t{64};
  constexpr std::uintptr_t kBelow = 22 * std::uintptr_t{64};
  if (state_ != State::suspended) return;
  const auto at = reinterpret_cast<std::uintptr_t>(context_.suspension().stack_pointer);
  for (std::uintptr_t line = at - kBelow; line <= at + kAbove; line += 64) {
    __builtin_prefetch(reinterpret_cast<const void*>(line), 1);  // NOLINT(performance-no-int-to-ptr)
  }
}

void GreenletBase::prefetch_object() const noexcept {
  const auto* const lines = reinterpret_cast<const char*>(this);
  for (std::size_t i = 0; i < sizeof(GreenletBase); i += 64) __builtin_prefetch(lines + i, 1);
}

namespace {

std::exception_ptr or_exit(std::exception_ptr reason) {
  return reason ? std::move(reason) : std::make_exception_ptr(GreenletExit());
}

bool is_exit(const std::exception_ptr& reason) {
  if (!reason) return true;
  try {
    std::rethrow_exception(reason);
  } catch (const GreenletExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

// A hub may have hundreds of thousands.
static_assert(sizeof(void*) != 8 || sizeof(GreenletBase) <= 248);

const std::exception_ptr GreenletBase::none_;

bool GreenletBase::is_throw_into(const Runnable& item, const GreenletBase* greenlet) noexcept {
  return item.callback == &PendingThrow::deliver &&
         static_cast<const PendingThrow&>(item).target.get() == greenlet;
}

GreenletBase::GreenletBase(Hub& hub, SpawnPoint spawned_at)
    : hub_(hub),
      spawned_file_(spawned_at.file),
      spawned_line_(spawned_at.line),
      serial_(++hub.last_serial_),
      spawned_by_(hub.running() ? hub.running()->serial_ : 0),
      spawned_when_(hub.loop().now()) {}

GreenletBase::~GreenletBase() {
  while (!links_.empty()) {
    Link& link = links_.front();
    link.unlink();
    DoneCall::drop(link);
  }
  if (failure() && !observed_) Hub::report_error_of(name(), failure());
  delete extras_;
}

// NOLINTNEXTLINE(misc-new-delete-overloads): it has one that is told the size
void* GreenletBase::operator new(std::size_t size) { return allocate_object(size); }

void GreenletBase::operator delete(void* object, std::size_t size) noexcept { free_object(object, size); }

void* GreenletBase::operator new(std::size_t size, std::align_val_t alignment) {
  return ::operator new(size, alignment);
}

void GreenletBase::operator delete(void* object, std::size_t, std::align_val_t alignment) noexcept {
  ::operator delete(object, alignment);
}

std::exception_ptr GreenletBase::exit_reason() const {
  return finished() && killed_ ? or_exit(failure_) : nullptr;
}

GreenletBase::Extras& GreenletBase::extras() {
  if (!extras_) extras_ = new Extras;
  return *extras_;
}

std::string_view GreenletBase::name() const noexcept {
  return extras_ && !extras_->name.empty() ? std::string_view(extras_->name) : label_;
}

void GreenletBase::set_name(std::string name) { extras().name = std::move(name); }

IntrusivePtr<FiberState>& GreenletBase::fiber_root() { return extras().fiber_root; }

void GreenletBase::throw_when_suspended(std::exception_ptr reason) {
  auto& deferred = extras().room_for(1);
  deferred.insert(deferred.begin(), std::move(reason));
}

void GreenletBase::drop_deferred(const std::exception_ptr& reason) noexcept {
  if (extras_) std::erase(extras_->deferred, reason);
}

void GreenletBase::drop_starter() noexcept {
  if (extras_) extras_->starter.reset();
}

void GreenletBase::add_link(Link& link) noexcept {
  links_.push_back(link);
  if (!finished()) return;
  if (!abandoned() && at_home()) return schedule_links();
  link.unlink();
  link.tell();
}

bool GreenletBase::at_home() const noexcept {
  return Hub::current_or_null() == &hub_ && ((hub_.last_serial_ ^ serial_) & ~kSerialBits) == 0;
}

void GreenletBase::refuse_strangers() {
  throw WrongThread("verdin: a greenlet was used whose hub has ended, or is another thread's");
}

/// It was never started, and its hub is gone: nobody can call what was to be called there.
void GreenletBase::tell_without_hub() noexcept {
  while (!links_.empty()) {
    Link& link = links_.front();
    link.unlink();
    DoneCall::is(link) ? DoneCall::drop(link) : link.tell();
  }
}

bool GreenletBase::cancel_start(const std::exception_ptr& reason) {
  if (state_ > State::pending) return false;
  const bool owned_by_hub = listed_;
  failure_ = reason;
  killed_ = is_exit(reason);
  if (!at_home()) tell_without_hub();
  finish();
  if (owned_by_hub) release();
  return true;
}

void GreenletBase::throw_into(const std::exception_ptr& reason) {
  if (finished() || cancel_start(reason)) return;
  try {
    hub_.make_ready(static_cast<Runnable&>(*new PendingThrow(*this, reason)));
  } catch (const std::bad_alloc&) {
    if (reason) throw;
    killed_without_memory_ = true;
    hub_.make_ready(hub_.kills_without_memory_);
  }
}

bool GreenletBase::room_while_shielded() noexcept {
  try {
    extras().room_for(1);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void GreenletBase::throw_now(std::exception_ptr reason) {
  if (finished() || cancel_start(reason)) return;
  if (shielded()) {
    extras().room_for(1).push_back(or_exit(std::move(reason)));
    return;
  }
  unqueue();
  // A fiber must know it again; for all others it is made where it is thrown, which costs half as much.
  const bool has_fibers = extras_ && extras_->fiber_root;
  thrown_ = has_fibers ? or_exit(std::move(reason)) : std::move(reason);
  incoming_ = true;
  hub_.switch_into(*this);
}

void GreenletBase::entry(void* self) {
  auto& greenlet = *static_cast<GreenletBase*>(self);
  if (greenlet.hub_.ended_) greenlet.hub_.bury_ended();
  greenlet.run_to_end();
  greenlet.hub_.leave(greenlet);
}

/// A plain one need not be kept, so that its memory serves the next; any that is asked for is as good.
void GreenletBase::keep_exit(const GreenletExit& exit) noexcept {
  if (thrown_ || typeid(exit) != typeid(GreenletExit)) failure_ = std::current_exception();
  killed_ = true;
}

void GreenletBase::keep_failure() noexcept { failure_ = std::current_exception(); }

void GreenletBase::keep_fatal() noexcept {
  failure_ = std::current_exception();
  observed_ = hub_.end_main(*this, failure_);
}

/// The result goes first, so that its destructor finds the locals as the function left them. Both may block:
/// the last who could ask for the result may go while the locals do.
void GreenletBase::run_to_end() noexcept {
  run();
  if (nobody_can_ask()) drop_result();
  if (extras_) {
    clear_locals();
    if (nobody_can_ask()) drop_result();
    clear_locals();
    if (extras_->fiber_root) extras_->fiber_root->end_root();
  }
  finish();
}

/// But for the hub's, are all references those of onlookers?
bool GreenletBase::nobody_can_ask() noexcept {
  if (ref_count() != 1U + onlookers_ || onlookers_ == kManyOnlookers) return false;
  return links_.all([](const Link& link) noexcept { return link.only_hears_of_ends(); });
}

/// The hub's reference is still held: whoever calls this releases it when nothing stands on the stack any
/// more.
void GreenletBase::finish() noexcept {
  unqueue();
  state_ = State::finished;
  drop_starter();
  if (listed_) hub_.forget(*this);
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
  constexpr int kTellsATurn = 64;
  auto& self = *static_cast<GreenletBase*>(runnable);
  Runnable& next = self.hub_.ready_.front();
  if (next.callback == &GreenletBase::tell_first) static_cast<GreenletBase&>(next).prefetch_links();
  for (int told = 0; !self.links_.empty(); ++told) {
    // Whoever is told finds it queued: what is made ready then stands before it, and a new link is one more.
    self.hub_.make_ready_first(self);
    Link& link = self.links_.front();
    link.unlink();
    if (self.hub_.tell_next(link) || told == kTellsATurn) return;
    self.unqueue();
  }
  if (self.ref_count() > 1 || self.ends_quietly()) return self.release();
  // What it holds is destroyed with it, and not on a stack that came by.
  self.callback = [](Runnable* last) { static_cast<GreenletBase*>(last)->release(); };
  self.light = false;
  self.hub_.make_ready_first(self);
}

}  // namespace verdin::impl
