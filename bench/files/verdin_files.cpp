// Reads of 4 KiB from a file in the page cache, 64 greenlets at once: prints reads per second. Beside
// gevent_files.py.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

#include <verdin/net/file.hpp>
#include <verdin/net/filesystem.hpp>
#include <verdin/runtime/run.hpp>

namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::size_t kBlocks = 4096;
constexpr int kGreenlets = 64;
constexpr int kReads = 5000;  // of each

void read_blocks(verdin::File& file, unsigned seed) {
  std::array<char, kBlock> block;
  for (int i = 0; i < kReads; ++i) {
    seed = seed * 1664525 + 1013904223;
    if (file.pread(block, seed % kBlocks * kBlock) != kBlock) std::exit(1);
  }
}

}  // namespace

int main() {
  return verdin::run([] {
    const std::string path = "/tmp/verdin-files-" + std::to_string(::getpid());
    verdin::write_file(path, std::string(kBlock * kBlocks, 'x'));
    auto file = verdin::File::open(path);
    verdin::fs::remove_file(path);
    const auto begun = std::chrono::steady_clock::now();
    std::vector<verdin::Greenlet<>> readers;
    for (int i = 0; i < kGreenlets; ++i)
      readers.push_back(verdin::spawn([&file, i] { read_blocks(file, static_cast<unsigned>(i)); }));
    for (auto& reader : readers) reader.get();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    std::printf("%.0f reads/s\n", kGreenlets * kReads / taken.count());
    return 0;
  });
}
