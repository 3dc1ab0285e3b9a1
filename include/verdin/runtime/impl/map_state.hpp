// Internal. MapState: the results of a MapRange between those who make them and the one who takes them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
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
  void add(GreenletBase& greenlet) { track(greenlet); }
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
      if (!results_.empty() && results_.front()) return take();
      if (fed_ && taken_ == started_) {
        if (!source_error_) return std::nullopt;
        return Outcome(std::in_place_index<1>, std::exchange(source_error_, nullptr));
      }
      Waiter waiter(consumers_, "MapRange::next");
      waiter.wait();
    }
  }

  /// For the feeder: walk() starts all items.
  template <typename Walk>
  void feed(const Walk& walk) {
    try {
      walk();
    } catch (const GreenletExit&) {
      source_error_ = std::make_exception_ptr(GreenletKilled("verdin: the greenlet of an imap() was killed"));
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
    Delivery delivery(*this, started_);
    if (ordered_) results_.emplace_back();
    ++started_;
    auto greenlet = spawn([delivery = std::move(delivery), &function, items = std::move(items)]() mutable {
      try {
        if constexpr (std::is_void_v<T>) {
          std::apply(function, std::move(items));
          delivery.deliver(Outcome(std::in_place_index<0>));
        } else {
          delivery.deliver(Outcome(std::in_place_index<0>, std::apply(function, std::move(items))));
        }
      } catch (const GreenletExit&) {
        throw;
      } catch (...) {
        delivery.deliver(Outcome(std::in_place_index<1>, std::current_exception()));
      }
    });
    workers_.add(greenlet.base());
  }

  /// The range is gone.
  void end(Greenlet<>& feeder) noexcept {
    if (!feeder.valid()) return;
    if (Hub::current().in_hub()) {
      feeder.kill_async();
      return workers_.kill_async();
    }
    const FullShield shield;
    feeder.kill();
    workers_.kill();
  }

 private:
  /// Whatever becomes of a greenlet, its item has a result.
  class Delivery {
   public:
    Delivery(MapState& state, std::size_t index) : state_(&state), index_(index) {}
    Delivery(Delivery&&) noexcept = default;
    Delivery& operator=(Delivery&&) = delete;
    ~Delivery() {
      if (!state_) return;
      deliver(killed("verdin: the greenlet of an item was killed"));
    }
    void deliver(Outcome outcome) {
      const IntrusivePtr<MapState> state = std::move(state_);
      state->put(index_, std::move(outcome));
    }

   private:
    IntrusivePtr<MapState> state_;
    std::size_t index_;
  };

  static Outcome killed(const char* what) {
    return Outcome(std::in_place_index<1>, std::make_exception_ptr(GreenletKilled(what)));
  }

  /// In a child of fork(): what was under way in the parent has no result here, and nothing more is started.
  void end_what_is_gone() {
    constexpr const char* kItem = "verdin: the greenlet of an item is not in this child of fork()";
    if (ordered_) {
      for (std::optional<Outcome>& result : results_) {
        if (!result) result = killed(kItem);
      }
    }
    while (results_.size() < started_ - taken_) results_.emplace_back(killed(kItem));
    if (std::exchange(fed_, true)) return;
    source_error_ = std::make_exception_ptr(
        GreenletKilled("verdin: the greenlet of an imap() is not in this child of fork()"));
  }

  void put(std::size_t index, Outcome outcome) {
    if (ordered_) {
      results_[index - taken_] = std::move(outcome);
    } else {
      results_.emplace_back(std::move(outcome));
    }
    consumers_.wake_all();
  }

  std::optional<Outcome> take() {
    std::optional<Outcome> outcome = std::move(results_.front());
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
  ForkMark forks_;
  std::exception_ptr source_error_;
  std::deque<std::optional<Outcome>> results_;  // ordered: of the items from taken_ on
  WaitList consumers_;
  WaitQueue feeders_;
  MapWorkers workers_;
};

}  // namespace verdin::impl
