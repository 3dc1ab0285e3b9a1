#include "runtime/monitor/symbols.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <cxxabi.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <verdin/base/fork_safe_mutex.hpp>

namespace verdin::impl {
namespace {

/// A file in memory; empty if it cannot be had. Never unmapped: the tables point into it.
std::span<const char> map_file(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  struct stat status {};
  void* memory = MAP_FAILED;
  if (::fstat(fd, &status) == 0 && status.st_size > 0)
    memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) return {};
  return {static_cast<const char*>(memory), static_cast<std::size_t>(status.st_size)};
}

/// The functions of one file, by address.
class SymbolTable {
 public:
  explicit SymbolTable(const char* path) : file_(map_file(path)) {
    ElfW(Ehdr) header;
    if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_shentsize != sizeof(ElfW(Shdr)))
      return;
    if (!load(header, SHT_SYMTAB)) load(header, SHT_DYNSYM);
    std::sort(functions_.begin(), functions_.end(),
              [](const Function& a, const Function& b) { return a.start < b.start; });
  }

  /// Null if no function covers it.
  const char* find(std::uintptr_t address, std::uintptr_t& offset) const {
    auto after = std::upper_bound(functions_.begin(), functions_.end(), address,
                                  [](std::uintptr_t at, const Function& f) { return at < f.start; });
    if (after == functions_.begin()) return nullptr;
    const Function& function = *--after;
    if (address - function.start >= function.size) return nullptr;
    offset = address - function.start;
    return function.name;
  }

 private:
  struct Function {
    std::uintptr_t start;
    std::uintptr_t size;
    const char* name;
  };

  template <typename T>
  bool read(std::size_t at, T& value) const {
    if (at > file_.size() || file_.size() - at < sizeof value) return false;
    std::memcpy(&value, file_.data() + at, sizeof value);
    return true;
  }
  bool section(const ElfW(Ehdr) & header, std::size_t index, ElfW(Shdr) & out) const {
    return index < header.e_shnum && read(header.e_shoff + index * sizeof out, out);
  }
  const char* name_at(const ElfW(Shdr) & names, std::size_t at) const {
    if (at >= names.sh_size || names.sh_offset > file_.size() ||
        file_.size() - names.sh_offset < names.sh_size)
      return nullptr;
    const char* const text = file_.data() + names.sh_offset + at;
    return std::memchr(text, '\0', names.sh_size - at) ? text : nullptr;
  }

  bool load(const ElfW(Ehdr) & header, unsigned type) {
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
      ElfW(Shdr) symbols;
      ElfW(Shdr) names;
      if (!section(header, i, symbols) || symbols.sh_type != type) continue;
      if (!section(header, symbols.sh_link, names)) continue;
      for (std::size_t at = 0; at + sizeof(ElfW(Sym)) <= symbols.sh_size; at += sizeof(ElfW(Sym))) {
        ElfW(Sym) symbol;
        if (!read(symbols.sh_offset + at, symbol)) break;
        if ((symbol.st_info & 0xf) != STT_FUNC || symbol.st_shndx == SHN_UNDEF || symbol.st_size == 0)
          continue;
        if (const char* name = name_at(names, symbol.st_name))
          functions_.push_back({symbol.st_value, symbol.st_size, name});
      }
    }
    return !functions_.empty();
  }

  std::span<const char> file_;
  std::vector<Function> functions_;
};

struct Module {
  std::uintptr_t address;  // looked for
  std::uintptr_t base = 0;
  std::string path{};
  bool found = false;
};

int visit_module(dl_phdr_info* info, std::size_t, void* data) {
  auto& module = *static_cast<Module*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || module.address < start || module.address - start >= segment.p_memsz)
      continue;
    module.base = info->dlpi_addr;
    module.path = info->dlpi_name;
    module.found = true;
    return 1;
  }
  return 0;
}

std::string program_path() {
  std::string path(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return path;
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return text ? text.get() : name;
}

}  // namespace

Symbol find_symbol(std::uintptr_t address) {
  Module module{address};
  ::dl_iterate_phdr(&visit_module, &module);
  Symbol symbol;
  symbol.offset = address;
  if (!module.found) return symbol;
  // The program itself has no name there.
  const bool program = module.path.empty();
  symbol.module = program ? program_path() : module.path;
  symbol.offset = address - module.base;

  // Never destroyed: a report may come while the process ends.
  static constinit ForkSafeMutex mutex;
  static auto& tables = *new std::map<std::string, SymbolTable>;
  const std::scoped_lock lock(mutex);
  auto at = tables.find(symbol.module);
  if (at == tables.end())
    at = tables.try_emplace(symbol.module, program ? "/proc/self/exe" : module.path.c_str()).first;
  if (const char* name = at->second.find(symbol.offset, symbol.offset)) symbol.function = demangled(name);
  return symbol;
}

}  // namespace verdin::impl
