// Internal. MapState: the results of a MapRange between those who make them and the one who takes them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <verdin/base/intrusive_ptr.hpp>
#include <verdin/runtime/impl/fork_mark.hpp>
#include <verdin/runtime/impl/group_base.hpp>
#include <verdin/runtime/impl/map.hpp>
#include <verdin/runtime/impl/wait_list.hpp>

namespace verdin::impl {

/// The greenlets of one range, so that they can be killed with it.
class MapWorkers : public GroupBase {
 public:
  void add(GreenletBase& spawned) { track_new(spawned); }
  void leave_out(const GreenletBase& greenlet) noexcept { untrack(greenlet); }
};

template <typename T>
class MapState : public RefCounted<MapState<T>> {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  using Outcome = std::variant<Value, std::exception_ptr>;

  MapState(bool ordered, std::size_t look_ahead) : ordered_(ordered), look_ahead_(look_ahead) {}

  /// What the feeder and the workers use: kept until the last of them has ended.
  void keep(std::shared_ptr<const void> source) {
    source_ = std::move(source);
    forks_ = ForkMark();  // before that there was nothing under way
  }
  void set_look_ahead(std::size_t items) { look_ahead_ = std::max<std::size_t>(items, 1); }

  /// The next result, when it is there; nullopt after the last.
  std::optional<Outcome> next() {
    for (;;) {
      if (forks_.in_new_child()) [[unlikely]]
        end_what_is_gone();
      if (!results_.empty() && results_.front().outcome) return take();
      if (fed_ && taken_ == started_) {
        if (std::exchange(feeder_killed_, false))
          return killed("verdin: the greenlet of an imap() was killed");
        if (!source_error_) return std::nullopt;
        return Outcome(std::in_place_index<1>, std::exchange(source_error_, nullptr));
      }
      Waiter waiter(consumers_, "MapRange::next");
      waiter.wait();
    }
  }

  /// For the feeder: walk() starts all items.
  template <typename Walk>
  void feed(const Walk& walk) noexcept {
    try {
      walk();
    } catch (const GreenletExit&) {
      feeder_killed_ = true;
    } catch (...) {
      source_error_ = std::current_exception();
    }
    fed_ = true;
    consumers_.wake_all();
  }

  void wait_for_room() {
    while (started_ - taken_ >= look_ahead_) {
      Waiter waiter(feeders_, "the look-ahead of imap()");
      waiter.wait();
    }
  }

  template <typename Spawn, typename F, typename Items>
  void start(const Spawn& spawn, F& function, Items items) {
    Results& list = ordered_ ? results_ : under_way_;
    Result& result = list.emplace_back();
    const auto at = std::prev(list.end());
    ++started_;
    try {
      auto greenlet = spawn([delivery = Delivery(*this, at), &function, items = std::move(items)]() mutable {
        try {
          if constexpr (std::is_void_v<T>) {
            std::apply(function, std::move(items));
            delivery.deliver(std::in_place_index<0>);
          } else {
            delivery.deliver(std::in_place_index<0>, std::apply(function, std::move(items)));
          }
        } catch (const GreenletExit&) {
          throw;
        } catch (...) {
          delivery.deliver(std::in_place_index<1>, std::current_exception());
        }
      });
      workers_.add(greenlet.base());
      result.under_way = true;
    } catch (...) {  // there will be no result. Its greenlet, if it was made, may still be there
      dropped_.splice(dropped_.end(), list, at);
      --started_;
      throw;
    }
  }

  /// The range is gone. Needs no memory.
  void end(Greenlet<>& feeder) noexcept {
    if (!feeder.valid() || (feeder.ready() && workers_.empty())) return;
    const GreenletBase* const self = Hub::current().running();
    if (self) workers_.leave_out(*self);  // it would wait for itself
    if (self != &feeder.base()) feeder.kill_async();
    workers_.kill_async();
    if (!self) return;
    const FullShield shield;
    if (self != &feeder.base()) feeder.join();
    workers_.kill();
  }

 private:
  /// Of an item. Made before its greenlet, so that an outcome needs no memory.
  struct Result {
    std::optional<Outcome> outcome{};  // with a null exception: it was killed
    bool under_way = false;            // there is a greenlet
  };
  using Results = std::list<Result>;

  /// Whatever becomes of a greenlet, its item has a result.
  class Delivery {
   public:
    Delivery(MapState& state, typename Results::iterator at) : state_(&state), at_(at) {}
    Delivery(Delivery&&) noexcept = default;
    Delivery& operator=(Delivery&&) = delete;
    ~Delivery() {
      if (!state_) return;
      if (made_in_ == loop::fork_generation() && !at_->under_way) return;
      deliver(std::in_place_index<1>, std::exception_ptr());
    }
    /// In a child of fork() the item has ended already.
    template <typename Kind, typename... Args>
    void deliver(Kind kind, Args&&... value) {
      const bool here = made_in_ == loop::fork_generation();
      if (here) at_->outcome.emplace(kind, std::forward<Args>(value)...);
      const IntrusivePtr<MapState> state = std::move(state_);
      if (here) state->is_there(at_);
    }

   private:
    IntrusivePtr<MapState> state_;
    typename Results::iterator at_;
    unsigned made_in_ = loop::fork_generation();
  };

  static Outcome killed(const char* what) {
    return Outcome(std::in_place_index<1>, std::make_exception_ptr(GreenletKilled(what)));
  }

  /// In a child of fork(): what was under way in the parent has no result here, and nothing more is started.
  void end_what_is_gone() noexcept {
    results_.splice(results_.end(), under_way_);
    for (Result& result : results_) {
      if (!result.outcome) result.outcome.emplace(std::in_place_index<1>, std::exception_ptr());
    }
    if (!std::exchange(fed_, true)) feeder_killed_ = true;
  }

  void is_there(typename Results::iterator at) noexcept {
    if (!ordered_) results_.splice(results_.end(), under_way_, at);
    consumers_.wake_all();
  }

  std::optional<Outcome> take() {
    std::optional<Outcome>& first = results_.front().outcome;
    const auto* const error = std::get_if<std::exception_ptr>(&*first);
    if (error && !*error) *first = killed("verdin: the greenlet of an item was killed");
    std::optional<Outcome> outcome = std::move(first);
    results_.pop_front();
    ++taken_;
    feeders_.wake_one();
    return outcome;
  }

  std::shared_ptr<const void> source_;
  const bool ordered_;
  std::size_t look_ahead_;
  std::size_t started_ = 0;
  std::size_t taken_ = 0;
  bool fed_ = false;
  bool feeder_killed_ = false;
  ForkMark forks_;
  std::exception_ptr source_error_;
  Results results_;    // those that are there; ordered: of the items from taken_ on
  Results under_way_;  // of the others, if they are not ordered
  Results dropped_;    // the one that could not be started
  WaitList consumers_;
  WaitQueue feeders_;
  MapWorkers workers_;
};

}  // namespace verdin::impl
