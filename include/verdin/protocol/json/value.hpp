// json::Value: an owning JSON tree, for applications that do not know the shape of their data beforehand.
//
// Null, bool, int64, uint64, double, string, binary (Bytes), array, object. An object is a flat list of
// members in their order: cheap to build and walk, linear to look up in, and nothing that a peer's choice of
// keys can slow down. A lookup finds the last member of a name.
//
// A value type without thread rules. Copying, comparing, destroying and encoding never recurse, however deep
// the tree is. sizeof is 40. Throws only std::bad_alloc (and nothing where noexcept).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <verdin/base/bytes.hpp>
#include <verdin/protocol/json/view.hpp>
#include <verdin/protocol/json/writer.hpp>

namespace verdin::json {

namespace detail {

// A template only so that it need not be complete before Value is.
template <typename T>
struct NamedValue {
  std::string key;
  T value;
};

template <typename T>
struct Scalar {
  T value;
};

}  // namespace detail

class Value {
 public:
  using Member = detail::NamedValue<Value>;
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;

  Value() noexcept;
  Value(std::nullptr_t) noexcept;
  Value(std::same_as<bool> auto value) noexcept : Value(detail::Scalar<bool>{value}) {}
  Value(std::signed_integral auto value) noexcept : Value(detail::Scalar<std::int64_t>{value}) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Value(T value)
  noexcept : Value(detail::Scalar<std::uint64_t>{value}) {}
  Value(std::floating_point auto value) noexcept
      : Value(detail::Scalar<double>{static_cast<double>(value)}) {}
  Value(std::string value) noexcept;
  Value(std::string_view value);
  Value(const char* value);
  Value(Bytes value) noexcept;
  Value(Array value) noexcept;
  Value(Object value) noexcept;
  /// A deep copy of what the view shows, attachments included.
  explicit Value(View view);

  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  static Value array(std::initializer_list<Value> elements = {});
  static Value object(std::initializer_list<std::pair<std::string_view, Value>> members = {});

  /// Never `missing`. A non-negative integer that fits is int64, whatever type it came from.
  Kind kind() const noexcept;
  bool is_null() const noexcept { return kind() == Kind::null; }

  std::optional<bool> as_bool() const noexcept;
  std::optional<std::int64_t> as_int64() const noexcept;
  std::optional<std::uint64_t> as_uint64() const noexcept;
  std::optional<double> as_double() const noexcept;
  /// nullptr if it is something else.
  const std::string* as_string() const noexcept { return std::get_if<std::string>(&data_); }
  const Bytes* as_binary() const noexcept { return std::get_if<Bytes>(&data_); }
  const Array* as_array() const noexcept { return std::get_if<Array>(&data_); }
  const Object* as_object() const noexcept { return std::get_if<Object>(&data_); }
  std::string* as_string() noexcept { return std::get_if<std::string>(&data_); }
  Bytes* as_binary() noexcept { return std::get_if<Bytes>(&data_); }
  Array* as_array() noexcept { return std::get_if<Array>(&data_); }
  Object* as_object() noexcept { return std::get_if<Object>(&data_); }

  /// Elements or members; 0 for scalars.
  std::size_t size() const noexcept {
    if (const Array* array = as_array()) return array->size();
    if (const Object* object = as_object()) return object->size();
    return 0;
  }
  /// The element or member, or nullptr.
  const Value* find(std::integral auto index) const noexcept {
    const Value& found = at(static_cast<std::size_t>(index));
    return &found == &none() ? nullptr : &found;
  }
  const Value* find(std::string_view key) const noexcept;
  Value* find(std::string_view key) noexcept;
  /// The same, or a null Value that lives for ever.
  const Value& operator[](std::integral auto index) const noexcept {
    return at(static_cast<std::size_t>(index));
  }
  const Value& operator[](std::string_view key) const noexcept;

  /// Adds or replaces a member. What is not an object becomes one.
  Value& set(std::string_view key, Value value);
  /// Adds an element. What is not an array becomes one.
  Value& push_back(Value value);

  void write(Writer& writer) const;
  /// JSON text; binary data as base64.
  std::string to_text() const;

  /// Numbers are compared by value, whatever their kind; objects with regard to order.
  friend bool operator==(const Value& a, const Value& b) { return equal(a, b); }

 private:
  static const Value& none() noexcept;
  const Value& at(std::size_t index) const noexcept;
  explicit Value(detail::Scalar<bool> value) noexcept;
  explicit Value(detail::Scalar<std::int64_t> value) noexcept;
  explicit Value(detail::Scalar<std::uint64_t> value) noexcept;
  explicit Value(detail::Scalar<double> value) noexcept;
  bool has_nested_container() const noexcept;
  void destroy_nested() noexcept;
  void destroy_deep() noexcept;
  void take_scalar(const detail::Tape& tape, std::size_t at);
  Value& add_child(std::string_view key);
  void copy_from(const Value& other);
  static bool equal(const Value& a, const Value& b);

  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Bytes, Array, Object>
      data_;
};

}  // namespace verdin::json
