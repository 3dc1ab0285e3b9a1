// What idle greenlets keep: scripts/bench-runtime runs this once for each count.
//
//   verdin_memory COUNT    prints {"alive": ..., "octets": (resident, each), "resident_mib": ..., "mappings":
//                          ..., "error": "..."}
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

/// In octets. The kernel counts pages a thread in batches and tells the exact sum only here.
std::size_t resident() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  std::string word;
  std::size_t kib = 0;
  while (rollup >> word) {
    if (word == "Rss:" && rollup >> kib) break;
  }
  return kib * 1024;
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  std::size_t count = 0;
  while (std::getline(maps, line)) ++count;
  return count;
}

struct Report {
  std::size_t alive = 0;
  std::size_t grown = 0;
  std::size_t resident = 0;
  std::size_t mappings = 0;
  std::string error;
};

Report keep_alive(std::size_t count) {
  Report report;
  verdin::Event never;
  std::vector<verdin::Greenlet<>> all;
  all.reserve(count);
  const std::size_t before = resident();
  const std::size_t handles = count * sizeof(verdin::Greenlet<>);
  for (std::size_t i = 0; i < count; ++i) all.push_back(verdin::spawn([&never] { never.wait(); }));
  // They have all begun to wait when one that was spawned after them has ended.
  verdin::spawn([] {}).join();
  for (const auto& greenlet : all) report.alive += greenlet.ready() ? 0 : 1;
  for (const auto& greenlet : all) {
    if (!greenlet.ready() || greenlet.successful()) continue;
    try {
      std::rethrow_exception(greenlet.exception());
    } catch (const std::system_error& error) {
      if (report.error.empty()) report.error = error.what();
    }
  }
  // Where address space is what was short, those that failed give some back: the figures and the wait for the
  // others need memory, too.
  std::erase_if(all, [](const auto& greenlet) { return greenlet.ready(); });
  report.resident = resident();
  report.grown = report.resident - before - handles;
  report.mappings = mappings();
  never.set();
  verdin::join_all(all);
  return report;
}

}  // namespace

int main(int arguments, char** argument) {
  const std::size_t count = arguments > 1 ? std::strtoul(argument[1], nullptr, 10) : 20'000;
  Report report;
  verdin::run([&] {
    keep_alive(100);
    report = keep_alive(count);
  });
  const auto each = static_cast<double>(report.grown) / static_cast<double>(report.alive ? report.alive : 1);
  std::cout << "{\"alive\": " << report.alive << ", \"octets\": " << each
            << ", \"resident_mib\": " << report.resident / (1024 * 1024)
            << ", \"mappings\": " << report.mappings << ", \"error\": \"" << report.error << "\"}\n";
}
