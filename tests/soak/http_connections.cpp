// The same over HTTP and WebSocket: connections that end in every way, 100,000 times by default, beside
// listeners who must hear all that is published; and what is left.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <malloc.h>

#include <verdin/runtime/run.hpp>

#include "support/http_storm.hpp"

using verdin::test::HttpStorm;

namespace {

double megabytes_in_use() {
  const auto info = ::mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

int storm(int connections, int at_once) {
  verdin::Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
  HttpStorm storm;
  storm.run(std::min(connections, 2 * at_once + 1000), at_once, 20, 1);  // what is made once is made
  const auto before = storm.settle({}, std::chrono::seconds(2));
  const double memory = megabytes_in_use();
  const auto began = verdin::loop::Clock::now();
  storm.run(connections, at_once, 20, 2);
  const auto after = storm.settle(before, std::chrono::seconds(60));
  const double seconds = std::chrono::duration<double>(verdin::loop::Clock::now() - began).count();
  const double memory_now = megabytes_in_use();
  std::printf(
      "%d connections of HTTP and WebSocket, %d at once, in %.1f s on %s; %d messages to each of 20 "
      "listeners\n",
      connections, at_once, seconds, verdin::Hub::current().loop().backend().c_str(), storm.published());
  std::printf(
      "descriptors %d -> %d, greenlets %zu -> %zu, connections %zu, memory %.1f -> %.1f MB, failures %d %s\n",
      before.descriptors, after.descriptors, before.greenlets, after.greenlets, after.connections, memory,
      memory_now, storm.failures(), storm.why().c_str());
  // What is kept for the next ones (buffers, pools) is up to a megabyte, of 5,000 connections as of 90,000.
  const bool well = before == after && storm.failures() == 0 && memory_now < memory + 2.0;
  std::puts(well ? "nothing is left, and nothing was lost" : "SOMETHING IS LEFT, OR WAS LOST");
  verdin::Hub::current().on_error(nullptr);
  return well ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const int connections = argc > 1 ? std::atoi(argv[1]) : 100'000;
  const int at_once = argc > 2 ? std::atoi(argv[2]) : 1'000;
  verdin::HubOptions options;
  options.warm_workers = 0;  // they would be greenlets that are left
  return verdin::run(options, [=] { return storm(connections, at_once); });
}
