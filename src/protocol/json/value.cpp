#include <limits>

#include <verdin/protocol/json/value.hpp>

namespace verdin::json {

Value::Value() noexcept : data_(nullptr) {}
Value::Value(std::nullptr_t) noexcept : data_(nullptr) {}
Value::Value(std::string value) noexcept : data_(std::move(value)) {}
Value::Value(std::string_view value) : data_(std::string(value)) {}
Value::Value(const char* value) : data_(std::string(value)) {}
Value::Value(Bytes value) noexcept : data_(std::move(value)) {}
Value::Value(Array value) noexcept : data_(std::move(value)) {}
Value::Value(Object value) noexcept : data_(std::move(value)) {}
Value::Value(Value&& other) noexcept : data_(std::move(other.data_)) {}

Value::Value(const Value& other) { copy_from(other); }

Value& Value::operator=(const Value& other) {
  if (this != &other) *this = Value(other);
  return *this;
}

Value& Value::operator=(Value&& other) noexcept {
  if (this == &other) return *this;
  const Value old(std::move(*this));  // `other` may lie within it; its destructor does not recurse
  data_ = std::move(other.data_);
  return *this;
}

Value::Value(detail::Scalar<bool> value) noexcept : data_(value.value) {}
Value::Value(detail::Scalar<std::int64_t> value) noexcept : data_(value.value) {}
Value::Value(detail::Scalar<double> value) noexcept : data_(value.value) {}
Value::Value(detail::Scalar<std::uint64_t> value) noexcept : data_(value.value) {
  constexpr auto kMostSigned = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.value <= kMostSigned) data_ = static_cast<std::int64_t>(value.value);
}

Value Value::array(std::initializer_list<Value> elements) { return Value(Array(elements)); }

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> members) {
  Object object;
  object.reserve(members.size());
  for (const auto& [key, value] : members) object.push_back({std::string(key), value});
  return Value(std::move(object));
}

Kind Value::kind() const noexcept {
  constexpr Kind kKinds[] = {Kind::null,   Kind::boolean, Kind::int64, Kind::uint64, Kind::real,
                             Kind::string, Kind::binary,  Kind::array, Kind::object};
  return kKinds[data_.index()];
}

std::optional<bool> Value::as_bool() const noexcept {
  if (const bool* value = std::get_if<bool>(&data_)) return *value;
  return std::nullopt;
}

std::optional<std::int64_t> Value::as_int64() const noexcept {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  if (const auto* value = std::get_if<double>(&data_)) return detail::exact_int64(*value);
  return std::nullopt;
}

std::optional<std::uint64_t> Value::as_uint64() const noexcept {
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return *value;
  if (const auto* value = std::get_if<double>(&data_)) return detail::exact_uint64(*value);
  if (const auto* value = std::get_if<std::int64_t>(&data_); value && *value >= 0) {
    return static_cast<std::uint64_t>(*value);
  }
  return std::nullopt;
}

std::optional<double> Value::as_double() const noexcept {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

const Value* Value::find(std::string_view key) const noexcept {
  const Object* object = as_object();
  if (!object) return nullptr;
  for (auto member = object->rbegin(); member != object->rend(); ++member) {
    if (member->key == key) return &member->value;
  }
  return nullptr;
}

Value* Value::find(std::string_view key) noexcept {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

const Value& Value::none() noexcept {
  static const Value value;
  return value;
}

const Value& Value::at(std::size_t index) const noexcept {
  const Array* array = as_array();
  return array && index < array->size() ? (*array)[index] : none();
}

const Value& Value::operator[](std::string_view key) const noexcept {
  const Value* found = find(key);
  return found ? *found : none();
}

Value& Value::set(std::string_view key, Value value) {
  if (!as_object()) *this = Value(Object());
  if (Value* member = find(key)) {
    *member = std::move(value);
  } else {
    as_object()->push_back({std::string(key), std::move(value)});
  }
  return *this;
}

Value& Value::push_back(Value value) {
  if (!as_array()) *this = Value(Array());
  as_array()->push_back(std::move(value));
  return *this;
}

std::string Value::to_text() const {
  std::string text;
  Writer writer(text);
  write(writer);
  return text;
}

}  // namespace verdin::json
