// What walks a whole Value. None of it recurses: the trees are as deep as applications and peers make them.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/json/value.hpp>

#include "protocol/json/view_access.hpp"

namespace verdin::json {
namespace {

const Value& child_of(const Value& parent, std::size_t index) {
  if (const Value::Array* array = parent.as_array()) return (*array)[index];
  return (*parent.as_object())[index].value;
}

bool is_container(const Value& value) { return value.as_array() || value.as_object(); }

// nullptr if there is none.
Value* last_child(Value& parent) {
  if (Value::Array* array = parent.as_array()) return array->empty() ? nullptr : &array->back();
  if (Value::Object* object = parent.as_object()) return object->empty() ? nullptr : &object->back().value;
  return nullptr;
}

void drop_last(Value& parent) {
  if (Value::Array* array = parent.as_array()) {
    array->pop_back();
  } else {
    parent.as_object()->pop_back();
  }
}

Value take_last(Value& parent) {
  Value last;
  if (Value::Array* array = parent.as_array()) {
    last = std::move(array->back());
    array->pop_back();
  } else {
    Value::Object& object = *parent.as_object();
    last = std::move(object.back().value);
    object.pop_back();
  }
  return last;
}

void add_last(Value& parent, Value child) {
  if (Value::Array* array = parent.as_array()) {
    array->push_back(std::move(child));
  } else {
    parent.as_object()->push_back({std::string(), std::move(child)});
  }
}

}  // namespace

bool Value::has_nested_container() const noexcept {
  if (const Array* const array = as_array()) {
    return std::any_of(array->begin(), array->end(), [](const Value& child) { return child.size() > 0; });
  }
  const Object* const object = as_object();
  return object && std::any_of(object->begin(), object->end(),
                               [](const Member& member) { return member.value.size() > 0; });
}

Value::~Value() {
  if (has_nested_container()) destroy_nested();
}

// Depth first, from the last child to the first. Down to where peers may nest, the way back is kept on a
// stack of our own.
void Value::destroy_nested() noexcept {
  std::array<Value*, kDefaultMaxDepth> open;  // 4 KB, as it comes
  std::size_t depth = 0;
  open[0] = this;
  while (true) {
    Value* const last = last_child(*open[depth]);
    if (!last) {
      if (depth == 0) return;
      drop_last(*open[--depth]);
    } else if (last->size() == 0) {
      drop_last(*open[depth]);
    } else if (depth + 1 < open.size()) {
      open[++depth] = last;
    } else {
      last->destroy_deep();
    }
  }
}

// The same to any depth, also without an allocation, but several times as slow: on the way down, a parent is
// kept in the place that its last child has just left (so there is room).
void Value::destroy_deep() noexcept {
  Value current(std::move(*this));
  data_ = nullptr;
  Value parent;
  while (true) {
    if (current.size() > 0) {
      Value child = take_last(current);
      if (child.size() == 0) continue;
      add_last(current, std::move(parent));
      parent = std::move(current);
      current = std::move(child);
    } else if (is_container(parent)) {
      current = std::move(parent);
      parent = take_last(current);
    } else {
      return;
    }
  }
}

void Value::copy_from(const Value& other) {
  struct Task {
    const Value* from;
    Value* to;
  };
  std::vector<Task> tasks;
  const auto copy = [&](const Value& from, Value& to) {
    if (is_container(from)) {
      tasks.push_back({&from, &to});
    } else {
      to.data_ = from.data_;
    }
  };
  copy(other, *this);
  while (!tasks.empty()) {
    const Task task = tasks.back();
    tasks.pop_back();
    if (const Array* array = task.from->as_array()) {
      Array& to =
          task.to->data_.emplace<Array>(array->size());  // sized once: its elements stay where they are
      for (std::size_t i = 0; i < to.size(); ++i) copy((*array)[i], to[i]);
    } else {
      const Object& object = *task.from->as_object();
      Object& to_object = task.to->data_.emplace<Object>(object.size());
      for (std::size_t i = 0; i < object.size(); ++i) {
        to_object[i].key = object[i].key;
        copy(object[i].value, to_object[i].value);
      }
    }
  }
}

namespace {

bool equal_numbers(const Value& a, const Value& b) {
  if (const auto x = a.as_int64()) return b.as_int64() == x;
  if (const auto x = a.as_uint64()) return b.as_uint64() == x;
  return !b.as_int64() && !b.as_uint64() && a.as_double() == b.as_double();
}

// Containers: whether they agree in size and keys; their children are compared by the caller.
bool equal_outside(const Value& a, const Value& b) {
  if (a.as_double() && b.as_double()) return equal_numbers(a, b);
  if (a.kind() != b.kind() || a.size() != b.size()) return false;
  switch (a.kind()) {
    case Kind::boolean:
      return a.as_bool() == b.as_bool();
    case Kind::string:
      return *a.as_string() == *b.as_string();
    case Kind::binary:
      return *a.as_binary() == *b.as_binary();
    case Kind::object:
      for (std::size_t i = 0; i < a.size(); ++i) {
        if ((*a.as_object())[i].key != (*b.as_object())[i].key) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace

bool Value::equal(const Value& a, const Value& b) {
  std::vector<std::pair<const Value*, const Value*>> left{{&a, &b}};
  while (!left.empty()) {
    const auto [x, y] = left.back();
    left.pop_back();
    if (!equal_outside(*x, *y)) return false;
    for (std::size_t i = 0; i < x->size(); ++i) left.emplace_back(&child_of(*x, i), &child_of(*y, i));
  }
  return true;
}

namespace {

void write_scalar(Writer& writer, const Value& value) {
  switch (value.kind()) {
    case Kind::boolean:
      return writer.boolean(*value.as_bool());
    case Kind::int64:
      return writer.integer(*value.as_int64());
    case Kind::uint64:
      return writer.integer_unsigned(*value.as_uint64());
    case Kind::real:
      return writer.real(*value.as_double());
    case Kind::string:
      return writer.string(*value.as_string());
    case Kind::binary:
      return writer.binary(as_text(*value.as_binary()));
    default:
      return writer.null();
  }
}

void open(Writer& writer, const Value& container) {
  container.as_array() ? writer.begin_array() : writer.begin_object();
}

void close(Writer& writer, const Value& container) {
  container.as_array() ? writer.end_array() : writer.end_object();
}

}  // namespace

void Value::write(Writer& writer) const {
  if (!is_container(*this)) return write_scalar(writer, *this);
  struct Place {
    const Value* container;
    std::size_t next;
  };
  std::vector<Place> outer;  // untouched, so not allocated, where nothing is nested
  Place place{this, 0};
  open(writer, *this);
  while (true) {
    if (place.next == place.container->size()) {
      close(writer, *place.container);
      if (outer.empty()) return;
      place = outer.back();
      outer.pop_back();
      continue;
    }
    if (const Object* object = place.container->as_object()) writer.key((*object)[place.next].key);
    const Value& child = child_of(*place.container, place.next++);
    if (is_container(child)) {
      open(writer, child);
      outer.push_back(place);
      place = {&child, 0};
    } else {
      write_scalar(writer, child);
    }
  }
}

void Value::take_scalar(const detail::Tape& tape, std::size_t at) {
  switch (tape.tag(at)) {
    case 't':
      data_ = true;
      return;
    case 'f':
      data_ = false;
      return;
    case 'l':
      data_ = static_cast<std::int64_t>(tape.words[at + 1]);
      return;
    case 'u':
      data_ = tape.words[at + 1];
      return;
    case 'd':
      data_ = detail::ViewAccess::real(tape, at);
      return;
    case '"':
      data_.emplace<std::string>(tape.text(at));
      return;
    case 'b':
      data_ = to_bytes(tape.attachments[tape.high(at)].view());
      return;
    default:
      return;  // null, as it is
  }
}

Value& Value::add_child(std::string_view key) {
  if (Array* const array = as_array()) return array->emplace_back();
  Member& member = as_object()->emplace_back();
  member.key = key;
  return member.value;
}

// Each value is built where it stays. It does not move while it is open, as nothing is added to what it is
// in.
Value::Value(View view) : data_(nullptr) {
  if (!view) return;
  const detail::Tape& tape = detail::ViewAccess::tape(view);
  std::size_t at = detail::ViewAccess::at(view);
  const std::size_t end = tape.behind(at);
  Value* inner = nullptr;
  std::vector<Value*> outer;  // untouched, so not allocated, where nothing is nested
  while (at < end) {
    if (tape.tag(at) == ']' || tape.tag(at) == '}') {
      if (outer.empty()) return;
      inner = outer.back();
      outer.pop_back();
      ++at;
      continue;
    }
    const bool has_key = inner && inner->as_object();
    const std::string_view key = has_key ? tape.text(at++) : std::string_view();
    Value& place = inner ? inner->add_child(key) : *this;
    const char tag = tape.tag(at);
    if (tag != '[' && tag != '{') {
      place.take_scalar(tape, at);
      at = tape.behind(at);
      continue;
    }
    const std::size_t expected = tape.high(at++);
    if (tag == '[') {
      place.data_.emplace<Array>().reserve(expected);
    } else {
      place.data_.emplace<Object>().reserve(expected);
    }
    if (inner) outer.push_back(inner);
    inner = &place;
  }
}

}  // namespace verdin::json
