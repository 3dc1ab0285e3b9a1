// What json::decode and json::encode tell types apart by.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <verdin/protocol/json/decode_error.hpp>
#include <verdin/protocol/json/view.hpp>
#include <verdin/protocol/json/writer.hpp>

namespace verdin::json::detail {

template <typename T>
inline constexpr bool kUnsupported = false;

template <typename T>
concept HasFromJson = requires(View view, T& out) {
  { from_json(view, out) } -> std::same_as<bool>;
};
template <typename T>
concept HasFromJsonWithError = requires(View view, T& out, DecodeError& error) {
  { from_json(view, out, error) } -> std::same_as<bool>;
};
template <typename T>
concept HasToJson = requires(Writer& writer, const T& value) {
  to_json(writer, value);
};
template <typename T>
concept HasFields = std::is_class_v<T> && requires {
  json_fields(static_cast<const T*>(nullptr));
};

template <typename T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;
template <typename T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !Character<T>;

template <typename T>
concept StringLike = std::is_convertible_v<const T&, std::string_view>;

template <typename T>
inline constexpr bool kOptional = false;
template <typename T>
inline constexpr bool kOptional<std::optional<T>> = true;
template <typename T>
concept Optional = kOptional<T>;

template <typename T>
inline constexpr bool kVariant = false;
template <typename... T>
inline constexpr bool kVariant<std::variant<T...>> = true;
template <typename T>
concept Variant = kVariant<T>;

// std::array, std::pair, std::tuple
template <typename T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};

template <typename T>
concept Range = requires(const T& range) {
  typename T::value_type;
  range.begin();
  range.end();
};
template <typename T>
concept Map = Range<T> && requires {
  typename T::mapped_type;
  requires std::is_convertible_v<const typename T::key_type&, std::string_view>;
};
template <typename T>
concept Set = Range<T> && !Map<T> && requires {
  typename T::key_type;
  requires std::same_as<typename T::key_type, typename T::value_type>;
};
template <typename T>
concept Sequence = Range<T> && requires(T& range, typename T::value_type item) {
  range.push_back(std::move(item));
  range.clear();
};

// std::hash of libstdc++ is not keyed (see base/siphash.hpp).
template <typename T>
concept UnkeyedHash = requires {
  typename T::hasher;
}
&&std::same_as<typename T::hasher, std::hash<typename T::key_type>>;

template <typename T>
constexpr std::string_view integer_name() {
  constexpr bool is_signed = std::is_signed_v<T>;
  switch (sizeof(T)) {
    case 1:
      return is_signed ? "an integer of -128 to 127" : "an integer of 0 to 255";
    case 2:
      return is_signed ? "an integer of -32768 to 32767" : "an integer of 0 to 65535";
    case 4:
      return is_signed ? "an integer of 32 bits" : "a non-negative integer of 32 bits";
    default:
      return is_signed ? "an integer of 64 bits" : "a non-negative integer of 64 bits";
  }
}

}  // namespace verdin::json::detail

namespace verdin::json {

/// Writes what the view shows, attachments included. Does not recurse.
void write(Writer& writer, View view);

}  // namespace verdin::json
