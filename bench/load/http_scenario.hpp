// Requests: every connection sends so many GETs in one write as the options say, waits for all answers, and
// starts again. All answers are to be of the octets of the first one.
#pragma once

#include <memory>

#include "options.hpp"
#include "scenario.hpp"

namespace bench {

std::unique_ptr<Scenario> make_http(const Options& options);

}  // namespace bench
