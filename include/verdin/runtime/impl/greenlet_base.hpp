// Internal. GreenletBase: everything of a greenlet that does not depend on what it returns.
//
// Counted: by the handles, by the hub while it is alive, by whoever waits for it. A greenlet has a stack only
// from its first switch to its end.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/fiber/context.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/local_store.hpp>
#include <verdin/runtime/impl/runnable.hpp>
#include <verdin/runtime/spawn_point.hpp>

namespace verdin {

class Hub;
class Shield;
class Timeout;
std::optional<loop::Clock::time_point> deadline() noexcept;

/// What a greenlet is doing.
enum class GreenletState : std::uint8_t {
  unstarted,  ///< made, and start() not called
  pending,    ///< it is to start: queued, or when its delay is over
  suspended,
  running,
  finished,
};

}  // namespace verdin

namespace verdin::impl {

class DoneCall;
class FiberState;
struct HubInspector;

class GreenletBase : public RefCounted<GreenletBase>, public Runnable {
 public:
  using State = GreenletState;

  explicit GreenletBase(Hub& hub, SpawnPoint spawned_at = {});
  virtual ~GreenletBase();

  Hub& hub() const noexcept { return hub_; }
  State state() const noexcept { return state_; }
  bool finished() const noexcept { return state_ == State::finished; }
  bool killed() const noexcept { return killed_; }
  /// What its function threw; null after a kill, which is no failure.
  const std::exception_ptr& failure() const noexcept { return killed_ ? none_ : failure_; }
  /// The GreenletExit that ended it; null otherwise.
  const std::exception_ptr& exit_reason() const noexcept { return killed_ ? failure_ : none_; }
  void set_observed() noexcept { observed_ = true; }
  const fiber::Stack& stack() const noexcept { return context_.stack(); }
  /// Where it goes on; meaningful while it is suspended.
  fiber::Suspension suspension() const noexcept { return context_.suspension(); }
  /// Tells it from all others that its hub ever had; and the one that spawned it (0: none did).
  std::uint64_t serial() const noexcept { return serial_; }
  std::uint64_t spawned_by() const noexcept { return spawned_by_; }
  /// A small number that is used again: see Greenlet.
  unsigned minimal_ident();
  /// As the loop's clock was: old by what was done since the last poll.
  loop::Clock::time_point spawned_when() const noexcept { return spawned_when_; }

  std::string_view name() const noexcept { return name_.empty() ? std::string_view(label_) : name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  /// Where it was spawned; line 0 if that is not known.
  SpawnPoint spawned_at() const noexcept { return spawned_at_; }
  /// The call that suspended it ("Event::wait"). Says nothing while it runs.
  const char* waiting_for() const noexcept { return waiting_for_; }

  /// Those who are told when it has ended. One that joins them after that is told soon.
  WaitList& links() noexcept { return links_; }
  void add_link(Link& link) noexcept;
  /// False if it bears this mark already (a hub's newest): finds what is named twice.
  bool mark(std::uint64_t mark) noexcept { return std::exchange(mark_, mark) != mark; }
  /// Throws `reason` into the greenlet where it is suspended, as a queued event of its own; ends it at once
  /// if it has not started.
  void throw_into(std::exception_ptr reason);
  /// The same at once, by a callback of the hub: `reason` is thrown before this returns, or kept while the
  /// greenlet is shielded.
  void throw_now(std::exception_ptr reason);
  /// Ends one that has not started, as if it had thrown `reason`; false if it has.
  bool cancel_start(const std::exception_ptr& reason);
  /// Keeps what was thrown into it, before all others, until it suspends again.
  void throw_when_suspended(std::exception_ptr reason) {
    deferred_.insert(deferred_.begin(), std::move(reason));
  }
  /// Forgets an exception that is kept.
  void drop_deferred(const std::exception_ptr& reason) noexcept { std::erase(deferred_, reason); }

  /// The root of the fibers that it runs; null while it has none.
  IntrusivePtr<FiberState>& fiber_root() noexcept { return fiber_root_; }
  /// Was this the last exception that was thrown into it?
  bool was_thrown(const std::exception_ptr& error) const noexcept { return thrown_ == error; }
  void set_thrown(const std::exception_ptr& error) noexcept { thrown_ = error; }

  /// Its values of Locals; null if it has none.
  LocalStore* locals() const noexcept { return locals_.get(); }
  LocalStore& make_locals();

 protected:
  /// The greenlet's function; what it throws is kept.
  virtual void run() = 0;
  void set_label(const char* label) noexcept { label_ = label; }
  /// On its own stack, when its function (or a worker's task) has ended.
  void clear_locals() noexcept;
  void set_spawned_at(SpawnPoint where) noexcept { spawned_at_ = where; }

 private:
  friend class verdin::Hub;
  friend class verdin::Shield;
  friend class verdin::Timeout;
  friend std::optional<loop::Clock::time_point> verdin::deadline() noexcept;
  friend class DoneCall;
  friend struct HubInspector;
  struct PendingThrow;
  struct Starter;

  static bool is_throw_into(const Runnable& item, const GreenletBase* greenlet) noexcept;
  static void entry(void* self);
  static void tell_first(Runnable* runnable);
  void run_to_end() noexcept;
  void finish(std::exception_ptr failure, bool killed) noexcept;
  void schedule_links() noexcept;
  bool shielded() const noexcept { return shields_ > 0 || uncaught_when_suspended_ > 0; }

  static const std::exception_ptr none_;

  Hub& hub_;
  fiber::Context context_;
  State state_ = State::unstarted;
  bool killed_ = false;
  bool observed_ = false;
  bool listed_ = false;
  std::uint16_t shields_ = 0;                 // > 0: nothing is thrown into it now
  int uncaught_when_suspended_ = 0;           // > 0: it suspended inside a destructor of an unwinding stack
  std::exception_ptr incoming_;               // thrown as soon as it runs
  std::vector<std::exception_ptr> deferred_;  // thrown when it is no longer shielded
  std::exception_ptr thrown_;
  std::exception_ptr failure_;
  IntrusivePtr<FiberState> fiber_root_;
  std::unique_ptr<LocalStore> locals_;
  WaitList links_;  // of those who wait for its end
  std::uint64_t mark_ = 0;
  const char* label_ = "greenlet";
  const char* waiting_for_ = "";
  SpawnPoint spawned_at_;
  std::uint64_t serial_;
  std::uint64_t spawned_by_;
  loop::Clock::time_point spawned_when_;
  unsigned id_ = 0;  // given when it is first listed: see run_info.hpp
  std::string name_;
  std::unique_ptr<Starter> starter_;    // the delay before its start
  Timeout* innermost_limit_ = nullptr;  // of the Timeout scopes it is in
  GreenletBase* all_next_ = nullptr;    // the hub's list of living greenlets
  GreenletBase* all_prev_ = nullptr;
};

}  // namespace verdin::impl
