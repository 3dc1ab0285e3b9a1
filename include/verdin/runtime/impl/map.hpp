// Internal. What map(), imap() and apply() of groups and pools have in common.
#pragma once

#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <verdin/runtime/greenlet.hpp>

namespace verdin::impl {

template <typename Range>
using ItemOf = std::decay_t<decltype(*std::begin(std::declval<Range&>()))>;

/// Calls each(item...) with the items of the ranges until the shortest ends.
template <typename Each, typename... Ranges>
void for_each_of(Each&& each, Ranges&... ranges) {
  auto at = std::make_tuple(std::begin(ranges)...);
  const auto end = std::make_tuple(std::end(ranges)...);
  const auto more = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return (!(std::get<I>(at) == std::get<I>(end)) && ...);
  };
  constexpr std::index_sequence_for<Ranges...> all;
  while (more(all)) {
    std::apply([&](auto&... item) { each(*item...); }, at);
    std::apply([](auto&... item) { (++item, ...); }, at);
  }
}

/// Waits for one that nobody else waits for; kills it if that is interrupted.
template <typename T>
T get_or_kill(Greenlet<T> greenlet) {
  try {
    greenlet.join();
  } catch (...) {
    kill_whatever_comes(greenlet.base());
    throw;
  }
  if constexpr (std::is_void_v<T>) {
    greenlet.get();
  } else {
    return T(std::move(greenlet.get()));
  }
}

/// `spawn(task)` gives a greenlet, and may block.
template <typename Spawn, typename F, typename... Ranges>
auto map(const Spawn& spawn, F& function, Ranges&... ranges) {
  using T = std::invoke_result_t<F&, ItemOf<Ranges>...>;
  std::vector<Greenlet<T>> all;
  std::vector<std::conditional_t<std::is_void_v<T>, char, T>> values;
  try {
    for_each_of(
        [&](auto&&... item) {
          Greenlet<T>& greenlet = all.emplace_back();  // so that each that runs has a place
          greenlet = spawn([&function, items = std::tuple<ItemOf<Ranges>...>(
                                           std::forward<decltype(item)>(item)...)]() mutable -> T {
            return std::apply(function, std::move(items));
          });
        },
        ranges...);
    for (Greenlet<T>& greenlet : all) {
      if constexpr (std::is_void_v<T>) {
        greenlet.get();
      } else {
        values.push_back(std::move(greenlet.get()));
      }
    }
  } catch (...) {
    const FullShield shield;
    if (!all.empty() && !all.back().valid()) all.pop_back();
    for (Greenlet<T>& greenlet : all) greenlet.kill_async();
    for (Greenlet<T>& greenlet : all) greenlet.join();
    throw;
  }
  if constexpr (!std::is_void_v<T>) return values;
}

/// The same without greenlets.
template <typename F, typename... Ranges>
auto map_in_place(F& function, Ranges&... ranges) {
  using T = std::invoke_result_t<F&, ItemOf<Ranges>...>;
  std::vector<std::conditional_t<std::is_void_v<T>, char, T>> values;
  for_each_of(
      [&](auto&&... item) {
        std::tuple<ItemOf<Ranges>...> items(std::forward<decltype(item)>(item)...);
        if constexpr (std::is_void_v<T>) {
          std::apply(function, std::move(items));
        } else {
          values.push_back(std::apply(function, std::move(items)));
        }
      },
      ranges...);
  if constexpr (!std::is_void_v<T>) return values;
}

}  // namespace verdin::impl
