// find_symbol(): which function an address of this process lies in.
//
// Reads the full symbol table of the file (.symtab; the dynamic one where it was stripped), since dladdr()
// knows only what a program exports. Files are mapped once and stay mapped. Any thread; takes a lock and
// allocates, so not in a signal handler.
#pragma once

#include <cstdint>
#include <string>

namespace verdin::impl {

struct Symbol {
  std::string function;       // demangled; empty if it is not known
  std::string module;         // the file's path
  std::uintptr_t offset = 0;  // in the function, or in the module if that is not known
};

Symbol find_symbol(std::uintptr_t address);

}  // namespace verdin::impl
