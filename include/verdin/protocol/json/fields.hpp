// json::field: how a struct names its members for JSON, once for both directions.
//
//   struct User { std::string nick; int age = 0; std::optional<std::string> mail; };
//   constexpr auto json_fields(const User*) {
//     return std::tuple{json::field("nick", &User::nick), json::field("mail", &User::mail),
//                       json::optional_field("age", &User::age)};
//   }
//
// The function is found by argument-dependent lookup: put it into the namespace of the type (or make it a
// friend). It is never called with anything but a null pointer. Decoding: a member that is absent or null is
// an error, but for a std::optional (which becomes empty) and for an optional_field that is absent (which
// keeps the value it has). Unknown members are ignored. Encoding writes all of them, an empty std::optional
// as null.
#pragma once

#include <string_view>

namespace verdin::json {

template <typename Struct, typename T>
struct Field {
  std::string_view name;
  T Struct::*member;
  bool may_be_absent;
};

template <typename Struct, typename T>
constexpr Field<Struct, T> field(std::string_view name, T Struct::*member) {
  return {name, member, false};
}

template <typename Struct, typename T>
constexpr Field<Struct, T> optional_field(std::string_view name, T Struct::*member) {
  return {name, member, true};
}

}  // namespace verdin::json
