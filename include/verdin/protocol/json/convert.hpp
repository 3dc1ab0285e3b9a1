// json::decode and json::encode: between JSON and C++ types.
//
// Built in: bool, integers (range-checked; 5.0 is an integer), float and double, std::string, std::nullptr_t,
// std::optional (null), std::variant (the first alternative that decodes), std::vector and other sequences
// with push_back, std::set, std::array, std::pair and std::tuple (arrays of that length; trailing optionals
// may be absent), std::map and verdin::StringMap with string keys (objects), Bytes and SharedBuffer (binary),
// json::Value (anything). Only written: string_view, const char*, any range, any map, json::View. An
// std::unordered_map or _set under std::hash is refused at compile time for decoding: a peer could choose
// keys that collide.
//
// A type of the application joins in by one of
//   constexpr auto json_fields(const T*)              a struct, both directions: see fields.hpp
//   bool from_json(json::View, T&)                    [or (json::View, T&, json::DecodeError&)]
//   void to_json(json::Writer&, const T&)
// in its own namespace (or in verdin::json, for types of others); from_json and to_json go before
// json_fields. from_json returns false for what it does not understand, and must not throw for it.
//
// Decoding allocates only what the result owns; nothing but that throws. Where it fails, `out` is valid but
// unspecified. Types that contain themselves decode to kMaxTypedDepth levels.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <verdin/base/bytes.hpp>
#include <verdin/base/shared_buffer.hpp>
#include <verdin/protocol/json/convert_traits.hpp>
#include <verdin/protocol/json/decode_error.hpp>
#include <verdin/protocol/json/fields.hpp>
#include <verdin/protocol/json/value.hpp>
#include <verdin/protocol/json/view.hpp>
#include <verdin/protocol/json/writer.hpp>

namespace verdin::json {

inline constexpr unsigned kMaxTypedDepth = 64;

namespace detail {

template <typename T>
bool decode_at(View view, T& out, DecodeError* error, unsigned depth);

inline bool fail(DecodeError* error, std::string_view expected) {
  if (error) error->set(expected);
  return false;
}

template <typename T>
bool decode_integer(View view, T& out, DecodeError* error) {
  using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
  std::optional<Wide> value;
  if constexpr (std::is_signed_v<T>) {
    value = view.as_int64();
  } else {
    value = view.as_uint64();
  }
  if (!value || *value < Wide{std::numeric_limits<T>::min()} ||
      *value > Wide{std::numeric_limits<T>::max()}) {
    return fail(error, integer_name<T>());
  }
  out = static_cast<T>(*value);
  return true;
}

template <typename T>
bool decode_sequence(View view, T& out, DecodeError* error, unsigned depth) {
  if (!view.is_array()) return fail(error, "an array");
  out.clear();
  std::size_t index = 0;
  for (View element : view.array()) {
    typename T::value_type item{};
    if (!decode_at(element, item, error, depth)) {
      if (error) error->inside(index);
      return false;
    }
    if constexpr (Set<T>) {
      out.insert(std::move(item));
    } else {
      out.push_back(std::move(item));
    }
    ++index;
  }
  return true;
}

template <typename T>
bool decode_map(View view, T& out, DecodeError* error, unsigned depth) {
  if (!view.is_object()) return fail(error, "an object");
  out.clear();
  for (auto [key, value] : view.object()) {
    typename T::mapped_type item{};
    if (!decode_at(value, item, error, depth)) {
      if (error) error->inside(key);
      return false;
    }
    out.insert_or_assign(std::string(key), std::move(item));
  }
  return true;
}

// The elements behind `at`, one after the other, into the parts of a tuple. An array that is too short is
// fine where only optionals are left.
template <typename Tuple, std::size_t... I>
bool decode_elements(Array::iterator at, Array::iterator end, std::size_t index, Tuple& out,
                     DecodeError* error, unsigned depth, std::index_sequence<I...>, bool& all_taken) {
  [[maybe_unused]] const auto one = [&]<typename T>(T& part) {
    bool ok;
    if (at == end) {
      ok = Optional<T> ? (part = T{}, true) : fail(error, "a value");
    } else {
      ok = decode_at(*at, part, error, depth);
      ++at;
    }
    if (!ok && error) error->inside(index);
    ++index;
    return ok;
  };
  const bool ok = (one(std::get<I>(out)) && ...);
  all_taken = at == end;
  return ok;
}

template <typename T>
bool decode_tuple(View view, T& out, DecodeError* error, unsigned depth) {
  if (!view.is_array()) return fail(error, "an array");
  const Array elements = view.array();
  bool all_taken = false;
  if (!decode_elements(elements.begin(), elements.end(), 0, out, error, depth,
                       std::make_index_sequence<std::tuple_size_v<T>>(), all_taken)) {
    return false;
  }
  return all_taken || fail(error, "a shorter array");
}

template <typename... T>
bool decode_variant(View view, std::variant<T...>& out, DecodeError* error, unsigned depth) {
  const auto one = [&]<typename U>(std::type_identity<U>) {
    U value{};
    if (!decode_at(view, value, nullptr, depth)) return false;
    out = std::move(value);
    return true;
  };
  return (one(std::type_identity<T>()) || ...) || fail(error, "one of several types");
}

template <typename T>
bool decode_struct(View view, T& out, DecodeError* error, unsigned depth) {
  if (!view.is_object()) return fail(error, "an object");
  constexpr auto fields = json_fields(static_cast<const T*>(nullptr));
  constexpr std::size_t count = std::tuple_size_v<decltype(fields)>;
  const auto each = [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::array<View, count> found;
    for (auto [key, value] : view.object()) {
      (void)((key == std::get<I>(fields).name && (found[I] = value, true)) || ...);
    }
    const auto one = [&](const auto& field, View value) {
      auto& member = out.*(field.member);
      if (!value) {
        if (field.may_be_absent) return true;
        if constexpr (Optional<std::remove_reference_t<decltype(member)>>) {
          member.reset();
          return true;
        }
      }
      if (value ? decode_at(value, member, error, depth) : fail(error, "a value")) return true;
      if (error) error->inside(field.name);
      return false;
    };
    return (one(std::get<I>(fields), found[I]) && ...);
  };
  return each(std::make_index_sequence<count>());
}

template <typename T>
bool decode_string(View view, T& out, DecodeError* error) {
  const auto text = view.as_string();
  if (!text) return fail(error, "a string");
  out.assign(*text);
  return true;
}

template <typename T>
bool decode_binary(View view, T& out, DecodeError* error) {
  const SharedBuffer* bytes = view.binary();
  if (!bytes) return fail(error, "binary data");
  if constexpr (std::same_as<T, SharedBuffer>) {
    out = *bytes;
  } else {
    out = to_bytes(bytes->view());
  }
  return true;
}

template <typename T>
bool decode_builtin(View view, T& out, DecodeError* error, unsigned depth) {
  if constexpr (std::same_as<T, bool>) {
    const auto value = view.as_bool();
    if (!value) return fail(error, "true or false");
    out = *value;
    return true;
  } else if constexpr (Integer<T>) {
    return decode_integer(view, out, error);
  } else if constexpr (std::floating_point<T>) {
    const auto value = view.as_double();
    if (!value) return fail(error, "a number");
    out = static_cast<T>(*value);
    return true;
  } else if constexpr (std::same_as<T, std::string>) {
    return decode_string(view, out, error);
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::monostate>) {
    return view.is_null() || fail(error, "null");
  } else if constexpr (std::same_as<T, Bytes> || std::same_as<T, SharedBuffer>) {
    return decode_binary(view, out, error);
  } else if constexpr (std::same_as<T, Value>) {
    if (!view) return fail(error, "a value");
    out = Value(view);
    return true;
  } else if constexpr (Optional<T>) {
    out.reset();
    return view.is_null() || decode_at(view, out.emplace(), error, depth);
  } else if constexpr (Variant<T>) {
    return decode_variant(view, out, error, depth);
  } else if constexpr (Map<T>) {
    static_assert(!UnkeyedHash<T>, "a peer could make the keys collide: use std::map or verdin::StringMap");
    return decode_map(view, out, error, depth);
  } else if constexpr (Set<T>) {
    static_assert(!UnkeyedHash<T>, "a peer could make the keys collide: use std::set or verdin::StringSet");
    return decode_sequence(view, out, error, depth);
  } else if constexpr (TupleLike<T>) {
    return decode_tuple(view, out, error, depth);
  } else if constexpr (Sequence<T>) {
    return decode_sequence(view, out, error, depth);
  } else {
    static_assert(kUnsupported<T>,
                  "this type cannot be decoded: give it json_fields() or from_json() (a type that does not "
                  "own its data, "
                  "as std::string_view, const char* or json::View, can only be encoded)");
    return false;
  }
}

template <typename T>
bool decode_at(View view, T& out, DecodeError* error, unsigned depth) {
  if (depth >= kMaxTypedDepth) return fail(error, "less nesting");
  if constexpr (HasFromJsonWithError<T>) {
    DecodeError ignored;
    DecodeError& told = error ? *error : ignored;
    return from_json(view, out, told) || (!told.expected.empty() || fail(error, "another value"), false);
  } else if constexpr (HasFromJson<T>) {
    return from_json(view, out) || fail(error, "another value");
  } else if constexpr (HasFields<T>) {
    return decode_struct(view, out, error, depth + 1);
  } else {
    return decode_builtin(view, out, error, depth + 1);
  }
}

}  // namespace detail

/// False if `view` does not hold a T.
template <typename T>
bool decode(View view, T& out) {
  return detail::decode_at(view, out, nullptr, 0);
}

/// The same, and `error` says where and what was expected.
template <typename T>
bool decode(View view, T& out, DecodeError& error) {
  error = {};
  return detail::decode_at(view, out, &error, 0);
}

/// Elements `skip`.. of an array, one for each part of the tuple. Missing trailing ones are fine for
/// std::optional only; elements beyond are ignored. The error's path counts from `skip`: "[0]" is the tuple's
/// first part.
template <typename... T>
bool decode_args(View array, std::size_t skip, std::tuple<T...>& out, DecodeError& error) {
  error = {};
  if (!array.is_array()) return detail::fail(&error, "an array");
  const Array elements = array.array();
  Array::iterator at = elements.begin();
  for (; skip > 0 && at != elements.end(); --skip) ++at;
  bool all_taken;
  return detail::decode_elements(at, elements.end(), 0, out, &error, 0, std::index_sequence_for<T...>(),
                                 all_taken);
}

template <typename T>
void encode(Writer& writer, const T& value);

namespace detail {

template <typename T>
void encode_struct(Writer& writer, const T& value) {
  constexpr auto fields = json_fields(static_cast<const T*>(nullptr));
  writer.begin_object();
  std::apply(
      [&](const auto&... field) {
        ((writer.key(field.name), json::encode(writer, value.*(field.member))), ...);
      },
      fields);
  writer.end_object();
}

template <typename T>
void encode_map(Writer& writer, const T& map) {
  writer.begin_object();
  for (const auto& [key, value] : map) {
    writer.key(key);
    json::encode(writer, value);
  }
  writer.end_object();
}

template <typename T>
void encode_range(Writer& writer, const T& range) {
  writer.begin_array();
  for (const auto& element : range) {
    json::encode(writer, static_cast<const typename T::value_type&>(element));
  }
  writer.end_array();
}

template <typename T>
void encode_builtin(Writer& writer, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    writer.boolean(value);
  } else if constexpr (Integer<T>) {
    if constexpr (std::is_signed_v<T>) {
      writer.integer(value);
    } else {
      writer.integer_unsigned(value);
    }
  } else if constexpr (std::same_as<T, float>) {
    writer.real(value);
  } else if constexpr (std::floating_point<T>) {
    writer.real(static_cast<double>(value));
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::monostate>) {
    writer.null();
  } else if constexpr (StringLike<T>) {
    writer.string(value);
  } else if constexpr (std::same_as<T, Bytes>) {
    writer.binary(as_text(value));
  } else if constexpr (std::same_as<T, SharedBuffer>) {
    writer.binary(value);
  } else if constexpr (std::same_as<T, Value>) {
    value.write(writer);
  } else if constexpr (std::same_as<T, View>) {
    write(writer, value);
  } else if constexpr (Optional<T>) {
    if (value) {
      json::encode(writer, *value);
    } else {
      writer.null();
    }
  } else if constexpr (Variant<T>) {
    std::visit([&](const auto& held) { json::encode(writer, held); }, value);
  } else if constexpr (TupleLike<T>) {
    writer.begin_array();
    std::apply([&](const auto&... part) { (json::encode(writer, part), ...); }, value);
    writer.end_array();
  } else if constexpr (Map<T>) {
    encode_map(writer, value);
  } else if constexpr (Range<T>) {
    encode_range(writer, value);
  } else {
    static_assert(kUnsupported<T>, "this type cannot be encoded: give it json_fields() or to_json()");
  }
}

}  // namespace detail

template <typename T>
void encode(Writer& writer, const T& value) {
  if constexpr (detail::HasToJson<T>) {
    to_json(writer, value);
  } else if constexpr (detail::HasFields<T>) {
    detail::encode_struct(writer, value);
  } else {
    detail::encode_builtin(writer, value);
  }
}

/// JSON text of anything that can be encoded; binary data as base64.
template <typename T>
std::string to_text(const T& value) {
  std::string text;
  Writer writer(text);
  encode(writer, value);
  return text;
}

}  // namespace verdin::json
