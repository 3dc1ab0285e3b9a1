// Internal. GreenletBase: everything of a greenlet that does not depend on what it returns.
//
// Counted: by the handles, by the hub while it is alive, by whoever waits for it. A greenlet has a stack only
// from its first switch to its end.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/fiber/context.hpp>
#include <verdin/runtime/impl/link.hpp>
#include <verdin/runtime/impl/local_store.hpp>
#include <verdin/runtime/impl/runnable.hpp>

namespace verdin {
class Hub;
class Shield;
class Timeout;
}  // namespace verdin

namespace verdin::impl {

class GreenletBase : public RefCounted<GreenletBase>, public Runnable {
 public:
  enum class State : std::uint8_t { pending, suspended, running, finished };

  explicit GreenletBase(Hub& hub);
  virtual ~GreenletBase();

  Hub& hub() const noexcept { return hub_; }
  State state() const noexcept { return state_; }
  bool finished() const noexcept { return state_ == State::finished; }
  bool killed() const noexcept { return killed_; }
  const std::exception_ptr& failure() const noexcept { return failure_; }
  void set_observed() noexcept { observed_ = true; }
  const fiber::Stack& stack() const noexcept { return context_.stack(); }

  std::string_view name() const noexcept { return name_.empty() ? std::string_view(label_) : name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  /// Those who are told when it has ended. None may join them after that.
  WaitList& links() noexcept { return links_; }
  void add_link(Link& link) noexcept { links_.push_back(link); }
  /// False if it bears this mark already (a hub's newest): finds what is named twice.
  bool mark(std::uint64_t mark) noexcept { return std::exchange(mark_, mark) != mark; }
  /// Throws `reason` into the greenlet where it is suspended, as a queued event of its own; ends it at once
  /// if it has not started.
  void throw_into(std::exception_ptr reason);
  /// The same at once, by a callback of the hub: `reason` is thrown before this returns, or kept while the
  /// greenlet is shielded.
  void throw_now(std::exception_ptr reason);
  /// Forgets what is kept for a Timeout whose scope is left.
  void drop_deferred(const Timeout* scope) noexcept;

  /// Its values of Locals; null if it has none.
  LocalStore* locals() const noexcept { return locals_.get(); }
  LocalStore& make_locals();

 protected:
  /// The greenlet's function; what it throws is kept.
  virtual void run() = 0;
  void set_label(const char* label) noexcept { label_ = label; }
  /// On its own stack, when its function (or a worker's task) has ended.
  void clear_locals() noexcept;

 private:
  friend class verdin::Hub;
  friend class verdin::Shield;
  struct PendingThrow;

  static void entry(void* self);
  void run_to_end() noexcept;
  void finish(std::exception_ptr failure, bool killed) noexcept;
  bool shielded() const noexcept { return shields_ > 0 || uncaught_when_suspended_ > 0; }

  Hub& hub_;
  fiber::Context context_;
  State state_ = State::pending;
  bool killed_ = false;
  bool observed_ = false;
  bool listed_ = false;
  std::uint16_t shields_ = 0;                 // > 0: nothing is thrown into it now
  int uncaught_when_suspended_ = 0;           // > 0: it suspended inside a destructor of an unwinding stack
  std::exception_ptr incoming_;               // thrown as soon as it runs
  std::vector<std::exception_ptr> deferred_;  // thrown when it is no longer shielded
  std::exception_ptr failure_;
  std::unique_ptr<LocalStore> locals_;
  WaitList links_;  // of those who wait for its end
  std::uint64_t mark_ = 0;
  const char* label_ = "greenlet";
  std::string name_;
  GreenletBase* all_next_ = nullptr;  // the hub's list of living greenlets
  GreenletBase* all_prev_ = nullptr;
};

}  // namespace verdin::impl
