// MapRange<T>: the results of imap() and imap_unordered() of a Group or a Pool, one after the other.
//
//   for (auto& page : pool.imap(fetch, urls)) use(page);          // in the order of the items
//   auto pages = pool.imap_unordered(fetch, urls).look_ahead(8);  // in the order of completion
//   for (auto page = pages.begin(); page != pages.end(); ++page) {
//     try { use(*page); } catch (const FetchError&) { ... }       // that item's; the next may do better
//   }
//   while (auto page = pages.next()) use(*page);                  // the same without iterators
//
// Lazy: nothing starts before begin() or next(). Then a greenlet of the range walks over the items, copies
// each and starts function(item...) in the group, while no more than look_ahead() items are under way or done
// and not yet taken: a consumer that is slow holds the producers back. Ranges that were passed as lvalues
// must outlive this object, rvalues are kept in it; so must the group. They may be infinite, and are walked
// over once.
//
// begin(), ++ and next() block until the next result is there, and may be interrupted by a kill or a timeout;
// iteration can go on after that. Dereferencing (and next()) throws what the item's function threw
// (GreenletKilled if somebody killed it); what the range of items itself throws comes last, and so does what
// kept an item's greenlet from being spawned: no item comes after that. A function that returns nothing gives
// std::monostate.
//
// In a child of fork() what was under way ends as killed, and so does the range behind it: the greenlets that
// worked on it are not there.
//
// The destructor kills what is under way and waits for it: functions may refer to variables that outlive this
// object. (In the hub, where nothing can wait, it only kills; the function, and the ranges that were kept
// here, live until all has ended. A function that destroys its own range goes on.) Hub-local; an input range:
// all its iterators are at the same place.
#pragma once

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <verdin/base/unique_function.hpp>
#include <verdin/runtime/impl/map_state.hpp>

namespace verdin {

template <typename T>
class MapRange {
 public:
  using Value = typename impl::MapState<T>::Value;
  using Start = UniqueFunction<Greenlet<>(impl::MapState<T>&)>;

  MapRange(bool ordered, std::size_t look_ahead, Start start)
      : state_(make_intrusive<impl::MapState<T>>(ordered, look_ahead)), start_(std::move(start)) {}
  MapRange(MapRange&&) noexcept = default;
  MapRange& operator=(MapRange&&) = delete;
  ~MapRange() {
    if (state_) state_->end(feeder_);
  }

  /// How many items may be under way or wait to be taken. At least one.
  MapRange look_ahead(std::size_t items) && {
    state_->set_look_ahead(items);
    return std::move(*this);
  }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Value;
    using difference_type = std::ptrdiff_t;
    using pointer = Value*;
    using reference = Value&;

    Iterator() = default;
    Value& operator*() const { return range_->current(); }
    Value* operator->() const { return &range_->current(); }
    Iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.at_end(); }

   private:
    friend class MapRange;
    explicit Iterator(MapRange& range) : range_(&range) {}
    bool at_end() const noexcept { return !range_->current_; }
    MapRange* range_ = nullptr;
  };

  Iterator begin() {
    if (!feeder_.valid()) advance();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// The next result; nullopt when there is none left. Throws what the item's function threw.
  std::optional<Value> next() {
    advance();
    if (!current_) return std::nullopt;
    return std::optional<Value>(std::move(current()));
  }

 private:
  void advance() {
    if (!feeder_.valid()) feeder_ = start_(*state_);
    current_.reset();
    current_ = state_->next();
  }
  Value& current() {
    if (auto* const error = std::get_if<std::exception_ptr>(&*current_)) std::rethrow_exception(*error);
    return std::get<Value>(*current_);
  }

  IntrusivePtr<impl::MapState<T>> state_;
  Start start_;
  Greenlet<> feeder_;
  std::optional<typename impl::MapState<T>::Outcome> current_;
};

namespace impl {

/// `spawn(task)` gives a greenlet, and may block.
template <typename F, typename... Ranges, typename Spawn>
auto make_map_range(bool ordered, std::size_t look_ahead, Spawn spawn, F&& function, Ranges&&... ranges) {
  using Function = std::decay_t<F>;
  using T = std::invoke_result_t<Function&, ItemOf<Ranges>...>;
  struct Source {
    Function function;
    std::tuple<Ranges...> ranges;  // references to lvalues
    Spawn spawn;
  };
  auto source = std::shared_ptr<Source>(new Source{
      std::forward<F>(function), std::tuple<Ranges...>(std::forward<Ranges>(ranges)...), std::move(spawn)});
  return MapRange<T>(ordered, look_ahead, [source = std::move(source)](MapState<T>& of_range) {
    of_range.keep(source);
    // The range may go in the hub, while the feeder and the workers still end.
    return verdin::spawn([alive = IntrusivePtr<MapState<T>>(&of_range), &from = *source] {
      MapState<T>& state = *alive;
      state.feed([&] {
        std::apply(
            [&](auto&... range) {
              for_each_of(
                  [&](auto&&... item) {
                    state.wait_for_room();
                    state.start(from.spawn, from.function,
                                std::tuple<ItemOf<Ranges>...>(std::forward<decltype(item)>(item)...));
                  },
                  range...);
            },
            from.ranges);
      });
    });
  });
}

}  // namespace impl
}  // namespace verdin
