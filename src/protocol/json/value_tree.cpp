// What walks a whole Value. None of it recurses: the trees are as deep as applications and peers make them.
#include <utility>
#include <vector>

#include <verdin/protocol/json/value.hpp>

#include "protocol/json/view_access.hpp"

namespace verdin::json {
namespace {

const Value& child_of(const Value& parent, std::size_t index) {
  if (const Value::Array* array = parent.as_array()) return (*array)[index];
  return (*parent.as_object())[index].value;
}

bool is_container(const Value& value) { return value.as_array() || value.as_object(); }

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
  const std::size_t count = size();
  for (std::size_t i = 0; i < count; ++i) {
    if (child_of(*this, i).size() > 0) return true;
  }
  return false;
}

// Depth first, from the last child to the first, without a stack and without an allocation: on the way down,
// a parent is kept in the place that its last child has just left (so there is room).
void Value::destroy_nested() noexcept {
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

namespace {

// Builds a tree while a walk over the tape goes along.
class TreeBuilder {
 public:
  void key(std::string_view text) { open_.back().as_object()->push_back({std::string(text), Value()}); }
  bool key_is_next() const { return key_is_next_; }
  void key_taken() { key_is_next_ = false; }

  void open(bool object, std::size_t expected) {
    if (object) {
      Value::Object members;
      members.reserve(expected);
      open_.emplace_back(std::move(members));
    } else {
      Value::Array elements;
      elements.reserve(expected);
      open_.emplace_back(std::move(elements));
    }
    key_is_next_ = object;
  }
  void close() {
    Value done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done));
  }
  void add(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
      return;
    }
    Value& parent = open_.back();
    key_is_next_ = parent.as_object() != nullptr;
    if (key_is_next_) {
      parent.as_object()->back().value = std::move(value);
    } else {
      parent.as_array()->push_back(std::move(value));
    }
  }
  Value take() { return std::move(result_); }

 private:
  std::vector<Value> open_;
  Value result_;
  bool key_is_next_ = false;
};

Value scalar_at(const detail::Tape& tape, std::size_t at) {
  switch (tape.tag(at)) {
    case 't':
      return Value(true);
    case 'f':
      return Value(false);
    case 'l':
      return Value(static_cast<std::int64_t>(tape.words[at + 1]));
    case 'u':
      return Value(tape.words[at + 1]);
    case 'd':
      return Value(detail::ViewAccess::real(tape, at));
    case '"':
      return Value(tape.text(at));
    case 'b':
      return Value(to_bytes(tape.attachments[tape.high(at)].view()));
    default:
      return Value();
  }
}

}  // namespace

Value::Value(View view) : data_(nullptr) {
  if (!view) return;
  const detail::Tape& tape = detail::ViewAccess::tape(view);
  std::size_t at = detail::ViewAccess::at(view);
  const std::size_t end = tape.behind(at);
  TreeBuilder builder;
  while (at < end) {
    const char tag = tape.tag(at);
    if (tag == '"' && builder.key_is_next()) {
      builder.key(tape.text(at++));
      builder.key_taken();
    } else if (tag == '[' || tag == '{') {
      builder.open(tag == '{', tape.high(at++));
    } else if (tag == ']' || tag == '}') {
      builder.close();
      ++at;
    } else {
      builder.add(scalar_at(tape, at));
      at = tape.behind(at);
    }
  }
  *this = builder.take();
}

}  // namespace verdin::json
