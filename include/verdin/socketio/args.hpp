// Args: the arguments of an event or an acknowledgement, as they came.
#pragma once

#include <vector>

#include <verdin/protocol/json/value.hpp>

namespace verdin::sio {

/// A handler whose parameter this is gets everything; emit(name, args) sends them as separate arguments.
struct Args : std::vector<json::Value> {
  using std::vector<json::Value>::vector;
};

}  // namespace verdin::sio
