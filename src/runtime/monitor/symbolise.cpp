#include "runtime/monitor/symbolise.hpp"

#include "runtime/monitor/symbols.hpp"

namespace verdin::impl {

void symbolise(std::vector<StackFrame>& frames) {
  for (StackFrame& frame : frames) {
    Symbol symbol = find_symbol(frame.address);
    frame.function = std::move(symbol.function);
    frame.module = std::move(symbol.module);
    frame.offset = symbol.offset;
  }
}

std::vector<StackFrame> symbolise(const std::vector<std::uintptr_t>& addresses) {
  std::vector<StackFrame> frames;
  frames.reserve(addresses.size());
  for (const std::uintptr_t address : addresses) frames.push_back({.address = address});
  symbolise(frames);
  return frames;
}

}  // namespace verdin::impl
