// What a run found, for a person or for a script.
#pragma once

#include <string>

#include "options.hpp"
#include "run.hpp"

namespace bench {

std::string text_report(const Options& options, const Result& result);
/// One JSON object on one line; times in microseconds, memory in octets.
std::string json_report(const Options& options, const Result& result);

}  // namespace bench
