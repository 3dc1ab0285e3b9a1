// Connects and disconnects in every way that there is, 100,000 times by default, and counts what is left.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <malloc.h>

#include <verdin/runtime/run.hpp>

#include "support/connection_storm.hpp"

using verdin::test::ConnectionStorm;

namespace {

double megabytes_in_use() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

int storm(int cycles) {
  verdin::Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
  verdin::test::Certificates certificates;
  certificates.sign("one", "DNS:one.test");
  ConnectionStorm storm(certificates);
  storm.run(1000, 50, 1);
  const auto before = storm.settle({}, std::chrono::seconds(2));
  const double memory = megabytes_in_use();
  const auto began = verdin::loop::Clock::now();
  storm.run(cycles, 50, 2);
  const auto after = storm.settle(before, std::chrono::seconds(60));
  const double seconds = std::chrono::duration<double>(verdin::loop::Clock::now() - began).count();
  std::printf("%d connections in %.1f s on %s\n", cycles, seconds,
              verdin::Hub::current().loop().backend().c_str());
  std::printf(
      "descriptors %d -> %d, greenlets %zu -> %zu, connections %zu, memory %.1f -> %.1f MB, failures %d\n",
      before.descriptors, after.descriptors, before.greenlets, after.greenlets, after.connections, memory,
      megabytes_in_use(), storm.failures());
  const bool well =
      ConnectionStorm::same(before, after) && storm.failures() == 0 && megabytes_in_use() < memory + 1.0;
  std::puts(well ? "nothing is left" : "SOMETHING IS LEFT");
  verdin::Hub::current().on_error(nullptr);
  return well ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const int cycles = argc > 1 ? std::atoi(argv[1]) : 100'000;
  return verdin::run([cycles] { return storm(cycles); });
}
