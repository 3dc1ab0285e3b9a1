#include <utility>

#include <verdin/base/log.hpp>
#include <verdin/runtime/fiber.hpp>
#include <verdin/runtime/hub.hpp>

#include "runtime/fiber_state.hpp"

namespace verdin {
namespace impl {
namespace {

/// Of this thread's fibers. Out of line: a compiler may keep the address of a thread_local across a switch.
[[gnu::noinline]] fiber::StackPool& stacks() {
  thread_local fiber::StackPool pool;
  return pool;
}

[[gnu::noinline]] FiberTracer& tracer() {
  thread_local FiberTracer set;
  return set;
}

/// The root of a thread that runs no greenlet.
struct ThreadRoot {
  IntrusivePtr<FiberState> state;
  ~ThreadRoot() {
    if (state) state->end_root();
  }
};
[[gnu::noinline]] IntrusivePtr<FiberState>& thread_root() {
  thread_local ThreadRoot root;
  return root.state;
}

/// What the hub suspends when it suspends what runs now; null where there is no hub.
fiber::Context* hub_context() noexcept {
  Hub* const hub = Hub::current_or_null();
  return hub ? &hub->running_context() : nullptr;
}

bool is_exit(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const GreenletExit&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

FiberState& FiberState::current_root() {
  Hub* const hub = Hub::current_or_null();
  GreenletBase* const greenlet = hub ? hub->running() : nullptr;
  IntrusivePtr<FiberState>& root = greenlet ? greenlet->fiber_root() : thread_root();
  if (!root) root = IntrusivePtr<FiberState>(new FiberState(hub_context()));
  return *root;
}

FiberState::FiberState(const fiber::Context* where)
    : phase_(Phase::started), root_(this), running_(this), thread_(std::this_thread::get_id()) {
  if (where) context_.stand_for(*where);
}

FiberState::FiberState(Fiber::Run run, FiberState& parent)
    : run_(std::move(run)),
      parent_(&parent),
      root_(parent.root_),
      keeps_root_(parent.root_),
      thread_(root_->thread_) {}

void FiberState::set_parent(FiberState& parent) {
  if (is_root()) throw std::logic_error("verdin: the root of a tree of fibers has no parent");
  if (parent.root_ != root_) throw InvalidSwitchError("verdin: a parent must be a fiber of the same tree");
  for (const FiberState* above = &parent; above; above = above->parent()) {
    if (above == this) throw std::invalid_argument("verdin: a fiber cannot be its own ancestor");
  }
  parent_ = IntrusivePtr<FiberState>(&parent);
}

/// Whoever can take `delivery`: `target`, unless it is dead or would start with an exception.
FiberState& FiberState::receiver(FiberState& target, Delivery& delivery) {
  FiberState* to = &target;
  while (to->phase_ == Phase::dead || (to->phase_ == Phase::unstarted && delivery.error)) {
    if (!to->parent_) throw InvalidSwitchError("verdin: the code that this fiber belongs to has ended");
    to->phase_ = Phase::dead;
    to->run_ = nullptr;
    if (delivery.error && is_exit(delivery.error)) delivery = {GreenletExit{}, nullptr};
    to = to->parent();
  }
  return *to;
}

std::any FiberState::transfer(Delivery delivery) {
  FiberState& root = current_root();
  if (root_ != &root) {
    throw InvalidSwitchError("verdin: a fiber is switched to from its own thread and greenlet only");
  }
  FiberState& self = root.running();
  FiberState& to = receiver(*this, delivery);
  if (&to == &self) {
    self.trace(self, delivery);
  } else {
    if (to.phase_ == Phase::unstarted) to.context_.start(stacks().take(), &FiberState::entry, &to);
    self.hand_over(to, std::move(delivery));
    self.context_.switch_to(to.context_);
    delivery = self.arrive();
  }
  if (delivery.error) std::rethrow_exception(std::move(delivery.error));
  return std::move(delivery.value);
}

void FiberState::hand_over(FiberState& to, Delivery delivery) {
  to.incoming_ = std::move(delivery);
  to.phase_ = Phase::started;
  root_->left_ = std::exchange(root_->running_, IntrusivePtr<FiberState>(&to));
}

/// The first thing on the stack that was switched to.
FiberState::Delivery FiberState::arrive() {
  if (fiber::Context* const hub = hub_context()) hub->stand_for(context_);
  Delivery delivery = std::exchange(incoming_, {});
  const IntrusivePtr<FiberState> left = std::exchange(root_->left_, nullptr);
  if (left->phase_ == Phase::dead) left->free_stack();
  trace(*left, delivery);
  return delivery;  // `left` goes here; if nobody else holds it, it is unwound
}

void FiberState::trace(FiberState& origin, Delivery& delivery) {
  if (!tracer()) return;
  FiberTracer now = std::exchange(tracer(), nullptr);  // is not told of its own switches
  try {
    const auto kind = delivery.error ? FiberEvent::Kind::thrown : FiberEvent::Kind::switched;
    now({kind, Fiber(&origin), Fiber(this)});
  } catch (...) {
    delivery = {{}, std::current_exception()};
    return;
  }
  if (!tracer()) tracer() = std::move(now);
}

void FiberState::entry(void* fiber) {
  auto& self = *static_cast<FiberState*>(fiber);
  FiberState* to = nullptr;
  {
    Delivery result = self.run_to_end(self.arrive());
    self.phase_ = Phase::dead;
    to = &receiver(*self.parent_, result);
    if (to->phase_ == Phase::unstarted) to->context_.start(stacks().take(), &FiberState::entry, to);
    self.hand_over(*to, std::move(result));
  }
  self.context_.leave_for(to->context_);
}

FiberState::Delivery FiberState::run_to_end(Delivery first) {
  Delivery result;
  try {
    if (first.error) std::rethrow_exception(std::move(first.error));  // a tracer's
    Fiber::Run run = std::move(run_);
    result.value = run(std::move(first.value));
  } catch (const GreenletExit&) {
    // That of a kill is meant for the greenlet as a whole.
    const Hub* const hub = Hub::current_or_null();
    const GreenletBase* const greenlet = hub ? hub->running() : nullptr;
    if (greenlet && greenlet->was_thrown(std::current_exception())) {
      result.error = std::current_exception();
    } else {
      result.value = GreenletExit{};
    }
  } catch (...) {
    result.error = std::current_exception();
  }
  return result;
}

void FiberState::free_stack() noexcept {
  const fiber::Stack stack = context_.stack();
  context_.finish();
  stacks().give_back(stack);
}

void FiberState::end_root() noexcept {
  phase_ = Phase::dead;
  running_ = nullptr;
}

void FiberState::last_reference_gone() noexcept {
  if (phase_ == Phase::started && !is_root()) {
    refs_ = 1;  // while it is unwound
    unwind();
    if (--refs_ > 0 || phase_ != Phase::dead) {
      if (refs_ == 0) refs_ = 1;
      return log(LogLevel::error,
                 "verdin: a fiber that nobody holds could not be unwound; its stack is lost");
    }
  }
  delete this;
}

void FiberState::unwind() noexcept {
  try {
    if (thread_ != std::this_thread::get_id()) return;
    FiberState& root = current_root();
    // Its death comes back here, whoever its parent was and whichever greenlet made it.
    keeps_root_ = IntrusivePtr<FiberState>(&root);
    root_ = &root;
    parent_ = IntrusivePtr<FiberState>(&root.running());
    transfer({{}, std::make_exception_ptr(GreenletExit{})});
  } catch (const std::exception& e) {
    log(LogLevel::error, "verdin: a fiber that was unwound threw: " + printable(e.what()));
  } catch (...) {
    log(LogLevel::error, "verdin: a fiber that was unwound threw what is no std::exception");
  }
}

}  // namespace impl

Fiber::Fiber() noexcept = default;
Fiber::Fiber(const Fiber&) noexcept = default;
Fiber::Fiber(Fiber&&) noexcept = default;
Fiber& Fiber::operator=(Fiber other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Fiber::~Fiber() = default;

Fiber::Fiber(Run run, int)
    : state_(new impl::FiberState(std::move(run), impl::FiberState::current_root().running())) {}

Fiber::Fiber(impl::FiberState* state) : state_(state) {}

Fiber Fiber::current() { return Fiber(&impl::FiberState::current_root().running()); }

Fiber::Payload Fiber::switch_to(Payload payload) const {
  return state_->transfer({std::move(payload), nullptr});
}

Fiber::Payload Fiber::throw_into(std::exception_ptr reason) const {
  if (!reason) reason = std::make_exception_ptr(GreenletExit{});
  return state_->transfer({{}, std::move(reason)});
}

Fiber::Payload Fiber::switch_out(Payload payload) {
  // No handle lies on the stack that is left: it would keep the fiber from being unwound.
  impl::FiberState* const parent = impl::FiberState::current_root().running().parent();
  if (!parent) throw InvalidSwitchError("verdin: a root has no parent to switch to");
  return parent->transfer({std::move(payload), nullptr});
}

bool Fiber::started() const noexcept { return state_->phase() != impl::FiberState::Phase::unstarted; }
bool Fiber::dead() const noexcept { return state_->phase() == impl::FiberState::Phase::dead; }
Fiber Fiber::parent() const { return Fiber(state_->parent()); }
void Fiber::set_parent(const Fiber& parent) const { state_->set_parent(*parent.state_); }

FiberTracer set_trace(FiberTracer next) { return std::exchange(impl::tracer(), std::move(next)); }

}  // namespace verdin
