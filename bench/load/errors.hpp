// What went wrong, counted by kind. A run with a single error is not a measurement.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bench {

class Errors {
 public:
  /// `kind` is one of a few fixed names; the first detail of each kind is kept for the report.
  void add(std::string_view kind, std::string_view detail = {}) {
    auto [at, is_new] = kinds_.try_emplace(std::string(kind));
    ++at->second.count;
    if (is_new) at->second.first_detail = detail.substr(0, kMaxDetail);
    ++total_;
  }
  std::uint64_t total() const noexcept { return total_; }

  struct Kind {
    std::uint64_t count = 0;
    std::string first_detail;
  };
  const std::map<std::string, Kind>& kinds() const noexcept { return kinds_; }

 private:
  static constexpr std::size_t kMaxDetail = 200;
  std::map<std::string, Kind> kinds_;
  std::uint64_t total_ = 0;
};

}  // namespace bench
