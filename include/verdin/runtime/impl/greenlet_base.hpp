// Internal. GreenletBase: everything of a greenlet that does not depend on what it returns.
//
// Counted: by the handles, by the hub while it is alive, by whoever waits for it. A greenlet has a stack only
// from its first switch to its end.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/fiber/context.hpp>
#include <verdin/loop/deadline_timer.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/runnable.hpp>
#include <verdin/runtime/spawn_point.hpp>

namespace verdin {

class FullShield;
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
class LocalStore;
struct HubInspector;

/// Between two others there is room for it: a greenlet gets no larger.
struct FullShieldCount {
 protected:
  std::uint16_t full_shields_ = 0;  // > 0: LoopExit is not thrown into it either
};

/// The same: of its references, those whose holders cannot ask for its result. At 255 nobody knows.
struct OnlookerCount {
 protected:
  std::uint8_t onlookers_ = 0;
};

class GreenletBase : public Runnable,
                     protected OnlookerCount,
                     protected FullShieldCount,
                     public RefCounted<GreenletBase> {
 public:
  using State = GreenletState;

  // From a pool of the thread: see object_pool.hpp.
  static void* operator new(std::size_t size);  // NOLINT(misc-new-delete-overloads)
  static void operator delete(void* object, std::size_t size) noexcept;
  static void* operator new(std::size_t size, std::align_val_t alignment);
  static void operator delete(void* object, std::size_t size, std::align_val_t alignment) noexcept;

  explicit GreenletBase(Hub& hub, SpawnPoint spawned_at = {});
  virtual ~GreenletBase();

  Hub& hub() const noexcept { return hub_; }
  State state() const noexcept { return state_; }
  bool finished() const noexcept { return state_ == State::finished; }
  bool killed() const noexcept { return killed_; }
  /// What its function threw; null while it runs, and after a kill, which is no failure.
  const std::exception_ptr& failure() const noexcept { return finished() && !killed_ ? failure_ : none_; }
  /// The GreenletExit that ended it; null otherwise.
  std::exception_ptr exit_reason() const;
  void set_observed() noexcept { observed_ = true; }
  const fiber::Stack& stack() const noexcept { return context_.stack(); }
  /// Where it goes on; meaningful while it is suspended.
  fiber::Suspension suspension() const noexcept { return context_.suspension(); }
  /// Tells it from all others that its hub ever had; and the one that spawned it (0: none did).
  std::uint64_t serial() const noexcept { return serial_ & kSerialBits; }
  std::uint64_t spawned_by() const noexcept { return spawned_by_ & kSerialBits; }
  /// A small number that is used again: see Greenlet.
  unsigned minimal_ident();
  /// As the loop's clock was: old by what was done since the last poll.
  loop::Clock::time_point spawned_when() const noexcept { return spawned_when_; }

  std::string_view name() const noexcept;
  void set_name(std::string name);
  /// Where it was spawned; line 0 if that is not known.
  SpawnPoint spawned_at() const noexcept { return {spawned_file_, spawned_line_}; }
  /// The call that suspended it ("Event::wait"). Says nothing while it runs.
  const char* waiting_for() const noexcept { return waiting_for_; }

  /// Those who are told when it has ended. One that joins them after that is told soon.
  WaitList& links() noexcept { return links_; }
  void add_link(Link& link) noexcept;
  void prefetch_links() const noexcept { __builtin_prefetch(&links_, 1); }
  /// What throw_now() will use.
  void prefetch_object() const noexcept;
  void prefetch_stack() const noexcept;
  /// False if it bears this mark already (a hub's newest): finds what is named twice.
  bool mark(std::uint64_t mark) noexcept { return std::exchange(mark_, mark) != mark; }
  /// Throws WrongThread where its hub has ended, or is another thread's.
  void check_hub() const {
    if (!at_home()) [[unlikely]]
      refuse_strangers();
  }
  /// The same, but for one that has ended or was never started: these need no hub.
  void check_hub_if_alive() const {
    if (state_ != State::unstarted && !finished()) check_hub();
  }
  /// Throws `reason` (null: a GreenletExit) into the greenlet where it is suspended, as a queued event of its
  /// own; ends it at once if it has not started. Without memory for that event, several plain kills that are
  /// on their way are one, and come together with those of others; one with a reason is refused
  /// (std::bad_alloc).
  void throw_into(const std::exception_ptr& reason);
  /// Can throw_now() do what it is to? Not while it is shielded and there is no memory.
  bool room_for_throw() noexcept { return !shielded() || room_while_shielded(); }
  /// The same at once, by a callback of the hub: `reason` is thrown before this returns, or kept while the
  /// greenlet is shielded.
  void throw_now(std::exception_ptr reason);
  /// Ends one that has not started, as if it had thrown `reason`; false if it has.
  bool cancel_start(const std::exception_ptr& reason);
  /// Keeps what was thrown into it, before all others, until it suspends again.
  void throw_when_suspended(std::exception_ptr reason);
  /// Forgets an exception that is kept.
  void drop_deferred(const std::exception_ptr& reason) noexcept;

  /// See OnlookerPtr.
  void add_onlooker() noexcept {
    if (onlookers_ < kManyOnlookers) ++onlookers_;
  }
  void drop_onlooker() noexcept {
    if (onlookers_ < kManyOnlookers) --onlookers_;
  }

  /// The root of the fibers that it runs; null while it has none.
  IntrusivePtr<FiberState>& fiber_root();
  /// Was this the last exception that was thrown into it?
  bool was_thrown(const std::exception_ptr& error) const noexcept { return thrown_ == error; }
  void set_thrown(const std::exception_ptr& error) noexcept { thrown_ = error; }

  /// Its values of Locals; null if it has none.
  LocalStore* locals() const noexcept;
  LocalStore& make_locals();

 protected:
  /// The greenlet's function, in keep_what_escapes().
  virtual void run() noexcept = 0;
  /// Inline, so that an exception has no frame to go through but those of `function`: each costs as much as
  /// all the rest of a greenlet's life.
  template <typename F>
  [[gnu::always_inline]] void keep_what_escapes(F&& function) noexcept {
    try {
      function();
    } catch (const GreenletExit& exit) {
      keep_exit(exit);
    } catch (const Fatal&) {
      keep_fatal();
    } catch (...) {
      keep_failure();
    }
  }
  /// From now on nothing but exceptions and Extras are destroyed with it: no code of the user's.
  void set_holds_nothing() noexcept { holds_nothing_ = true; }
  void set_label(const char* label) noexcept { label_ = label; }
  /// On its own stack, when its function (or a worker's task) has ended.
  void clear_locals() noexcept;
  /// The same where nobody can ask for the result any more, members of groups included. Its destructor may
  /// block.
  virtual void drop_result() noexcept {}
  void set_spawned_at(SpawnPoint where) noexcept {
    spawned_file_ = where.file;
    spawned_line_ = where.line;
  }

 private:
  friend class verdin::Hub;
  friend class verdin::FullShield;
  friend class verdin::Shield;
  friend class verdin::Timeout;
  friend std::optional<loop::Clock::time_point> verdin::deadline() noexcept;
  friend class DoneCall;
  friend class RoomToThrow;
  friend struct HubInspector;
  struct Extras;
  struct PendingThrow;
  struct Starter;
  static constexpr std::uint8_t kManyOnlookers = 255;
  /// Above them stands the number of the hub, which tells it from one that was at the same address.
  static constexpr std::uint64_t kSerialBits = (std::uint64_t{1} << 48) - 1;

  static bool is_throw_into(const Runnable& item, const GreenletBase* greenlet) noexcept;
  static void prefetch_for_throw(const Runnable& next) noexcept;
  static void entry(void* self);
  static void tell_first(Runnable* runnable);
  void run_to_end() noexcept;
  bool nobody_can_ask() noexcept;
  void finish() noexcept;
  void keep_exit(const GreenletExit& exit) noexcept;
  void keep_fatal() noexcept;
  void keep_failure() noexcept;
  void schedule_links() noexcept;
  /// Does its hub run on this thread, now?
  bool at_home() const noexcept;
  [[noreturn]] static void refuse_strangers();
  void tell_without_hub() noexcept;
  /// Its hub has given it up: it serves no links any more.
  bool abandoned() const noexcept { return next == this; }
  /// May its memory be given back on any stack?
  bool ends_quietly() const noexcept { return holds_nothing_ && !failure_ && !thrown_ && !extras_; }
  bool shielded() const noexcept { return shields_ > 0 || suspended_unwinding_; }
  Extras& extras();
  bool room_while_shielded() noexcept;
  void drop_starter() noexcept;

  static const std::exception_ptr none_;

  // In the order of its life, a cache line (64 octets, with what it inherits) for each of its concerns: a hub
  // may have hundreds of thousands.
  Hub& hub_;
  std::exception_ptr failure_;  // null where a plain GreenletExit ended it
  std::exception_ptr thrown_;   // the last that was thrown into it, or is to be; null: a GreenletExit

  fiber::Context context_;

  State state_ = State::unstarted;
  bool killed_ : 1 = false;
  bool killed_without_memory_ : 1 = false;  // a kill is on its way: see Hub::kill_without_memory()
  bool holds_nothing_ : 1 = false;          // see set_holds_nothing()
  bool observed_ = false;
  bool listed_ = false;
  bool incoming_ = false;               // thrown_ is thrown as soon as it runs
  bool suspended_unwinding_ = false;    // inside a destructor, while its stack is unwound
  std::uint16_t shields_ = 0;           // > 0: nothing is thrown into it now
  WaitList links_;                      // of those who wait for its end
  std::uint64_t mark_ = 0;              // see mark()
  GreenletBase* all_next_ = nullptr;    // the hub's list of living greenlets
  GreenletBase* all_prev_ = nullptr;    //
  Timeout* innermost_limit_ = nullptr;  // of the Timeout scopes it is in
  Extras* extras_ = nullptr;            // what few have

  const char* label_ = "greenlet";
  const char* waiting_for_ = "";
  const char* spawned_file_;
  int spawned_line_;
  unsigned id_ = 0;  // given when it is first listed: see run_info.hpp
  std::uint64_t serial_;
  std::uint64_t spawned_by_;
  loop::Clock::time_point spawned_when_;
};

/// A reference of one who cannot ask for the greenlet's result: an AnyGreenlet's, a group's, a Timeout's,
/// that of a kill on its way or of who waits for its end. With no others left the result is destroyed where
/// it was made, when the greenlet ends.
class OnlookerPtr {
 public:
  OnlookerPtr() noexcept = default;
  explicit OnlookerPtr(GreenletBase& greenlet) noexcept : greenlet_(&greenlet) { greenlet.add_onlooker(); }
  OnlookerPtr(const OnlookerPtr& other) noexcept : greenlet_(other.greenlet_) {
    if (greenlet_) greenlet_->add_onlooker();
  }
  OnlookerPtr(OnlookerPtr&&) noexcept = default;
  OnlookerPtr& operator=(OnlookerPtr other) noexcept {
    greenlet_.swap(other.greenlet_);
    return *this;
  }
  ~OnlookerPtr() {
    if (greenlet_) greenlet_->drop_onlooker();
  }

  GreenletBase* get() const noexcept { return greenlet_.get(); }
  GreenletBase* operator->() const noexcept { return greenlet_.get(); }
  GreenletBase& operator*() const noexcept { return *greenlet_; }

 private:
  IntrusivePtr<GreenletBase> greenlet_;
};

}  // namespace verdin::impl
