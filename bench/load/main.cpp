// The load generator: see options.cpp for what it takes, docs/performance.md for how it measures.
#include <cstdio>
#include <exception>
#include <string>

#include <sys/resource.h>

#include "options.hpp"
#include "report.hpp"
#include "run.hpp"

namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options;
  int status = 0;
  if (!bench::parse_options(argc, argv, options, status)) return status;
  raise_descriptor_limit();
  try {
    const bench::Result result = bench::run(options);
    const std::string report =
        options.json ? bench::json_report(options, result) : bench::text_report(options, result);
    std::fputs(report.c_str(), stdout);
    return result.errors.total() == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 2;
  }
}
