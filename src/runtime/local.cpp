#include <algorithm>
#include <atomic>
#include <mutex>

#include <verdin/base/fork_safe_mutex.hpp>
#include <verdin/base/log.hpp>
#include <verdin/runtime/local.hpp>

#include "base/lasting.hpp"
#include "runtime/greenlet_extras.hpp"

namespace verdin {
namespace impl {
namespace {

/// The slots of the process. Never destroyed: Locals may be globals.
struct Slots {
  ForkSafeMutex mutex;
  std::vector<std::size_t> free;
  std::size_t count = 0;
  std::uint64_t last_key = 0;
};

constinit impl::Lasting<Slots> all_slots;

Slots& slots() noexcept { return all_slots.value; }

thread_local LocalStore thread_store;

/// Values that were given up: see LocalStore::clear(). In a list, so that they count as reachable.
struct GivenUp {
  std::vector<LocalStore::Value> values;
  GivenUp* next;
};
std::atomic<GivenUp*> given_up{nullptr};

void give_up(std::vector<LocalStore::Value>&& values) {
  log(LogLevel::error, "verdin: destructors of Locals make new values for ever: they are left");
  auto* const rest = new GivenUp{std::move(values), given_up.load()};
  while (!given_up.compare_exchange_weak(rest->next, rest)) {
  }
}

// Out of line on purpose: a compiler may keep the address of a thread_local across a switch.
[[gnu::noinline]] LocalStore& of_thread() noexcept { return thread_store; }

}  // namespace

LocalKey new_local_key() {
  Slots& all = slots();
  const std::scoped_lock lock(all.mutex);
  LocalKey key{all.count, ++all.last_key};
  if (all.free.empty()) {
    all.free.reserve(++all.count);  // so that giving one back needs no memory
  } else {
    key.slot = all.free.back();
    all.free.pop_back();
  }
  return key;
}

void free_local_slot(LocalKey key) noexcept {
  Slots& all = slots();
  const std::scoped_lock lock(all.mutex);
  all.free.push_back(key.slot);
}

ContextValue* Context::find(std::uint64_t key) const noexcept {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& entry, std::uint64_t k) { return entry.key < k; });
  return at != entries_.end() && at->key == key ? at->value.get() : nullptr;
}

void Context::set(std::uint64_t key, IntrusivePtr<ContextValue> value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const Entry& entry, std::uint64_t k) { return entry.key < k; });
  if (at != entries_.end() && at->key == key) {
    at->value.swap(value);
  } else {
    entries_.insert(at, Entry{key, std::move(value)});
  }
}

void Context::erase(std::uint64_t key) noexcept {
  std::erase_if(entries_, [key](const Entry& entry) { return entry.key == key; });
}

IntrusivePtr<Context> Context::copy() const {
  auto made = make_intrusive<Context>();
  made->entries_ = entries_;
  return made;
}

void LocalStore::set(LocalKey key, void* object, Destroy destroy_object) {
  if (key.slot >= values_.size()) values_.resize(key.slot + 1);
  const Value before = take_at(key.slot);
  const auto slot = static_cast<std::uint32_t>(key.slot);
  values_[slot] = Value{object, destroy_object, key.key, newest_, kNone};
  newer_of(newest_) = slot;
  newest_ = slot;
  destroy(before);  // it may make others
}

LocalStore::Value LocalStore::take_at(std::size_t slot) noexcept {
  const Value value = values_[slot];
  if (!value.object) return value;
  newer_of(value.older) = value.newer;
  older_of(value.newer) = value.older;
  values_[slot] = Value{};
  return value;
}

void LocalStore::erase(LocalKey key) noexcept {
  if (find(key)) destroy(take(key));
}

void LocalStore::clear() noexcept {
  constexpr std::size_t kMostAnew = 1000;
  // Destructors that make one another's values would go on for ever.
  for (std::size_t left = values_.size() + kMostAnew; newest_ != kNone && left > 0; --left) {
    destroy(take_at(newest_));
  }
  if (newest_ != kNone) give_up(std::move(values_));
  newest_ = oldest_ = kNone;
  values_ = {};
  context_.reset();
}

Context& LocalStore::own_context() {
  if (!context_) {
    context_ = make_intrusive<Context>();
  } else if (context_->ref_count() > 1) {
    context_ = context_->copy();
  }
  return *context_;
}

LocalStore* current_locals() noexcept {
  const Hub* const hub = Hub::current_or_null();
  if (const GreenletBase* const running = hub ? hub->running() : nullptr) return running->locals();
  return &of_thread();
}

LocalStore& make_current_locals() {
  const Hub* const hub = Hub::current_or_null();
  if (GreenletBase* const running = hub ? hub->running() : nullptr) return running->make_locals();
  return of_thread();
}

void drop_local(LocalKey key) noexcept {
  if (Hub* const hub = Hub::current_or_null()) hub->drop_local(key);
  of_thread().erase(key);
}

void inherit_context_into(GreenletBase& greenlet) {
  const LocalStore* const mine = current_locals();
  if (!mine || !mine->context()) return;
  try {
    greenlet.make_locals().set_context(mine->context());
  } catch (...) {
    greenlet.cancel_start(nullptr);
    throw;
  }
}

LocalStore* GreenletBase::locals() const noexcept { return extras_ ? extras_->locals.get() : nullptr; }

LocalStore& GreenletBase::make_locals() {
  auto& locals = extras().locals;
  if (!locals) locals = std::make_unique<LocalStore>();
  return *locals;
}

void GreenletBase::clear_locals() noexcept {
  if (!locals()) return;
  const FullShield shield;  // destructors are about to run: nothing may be thrown into them
  extras_->locals->clear();
  extras_->locals.reset();
}

}  // namespace impl

void Hub::drop_local(impl::LocalKey key) noexcept {
  // A destructor may end greenlets: none runs while the list of them is walked.
  std::vector<impl::LocalStore::Value> values;
  for (impl::GreenletBase* greenlet = all_; greenlet; greenlet = greenlet->all_next_) {
    impl::LocalStore* const locals = greenlet->locals();
    if (locals && locals->find(key)) values.push_back(locals->take(key));
  }
  for (const auto& value : values) impl::LocalStore::destroy(value);
}

}  // namespace verdin
