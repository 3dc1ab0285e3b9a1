// StreamTeller: a handler of a loop::Stream that writes down what it is told.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <verdin/loop/stream.hpp>
#include <verdin/runtime/event.hpp>

#include "support/socket_pairs.hpp"

namespace verdin::test {

struct StreamTeller final : loop::StreamHandler {
  void on_data(std::span<char> data) override {
    got.append(data.data(), data.size());
    // As promised: these may be written.
    std::fill_n(data.data() + data.size(), loop::kReadPadding, '#');
    news.set();
    if (then) then();
  }
  void on_eof() override {
    eof = true;
    news.set();
  }
  void on_error(std::error_code reason) override {
    error = reason;
    news.set();
  }
  void on_drained() override {
    drained = true;
    news.set();
  }
  template <typename Condition>
  bool wait_until(Condition condition) {
    while (!condition()) {
      news.clear();
      if (!news.wait_for(kLong)) return false;
    }
    return true;
  }
  bool wait_for(std::string_view text) {
    return wait_until([&] { return got == text; });
  }

  std::string got;
  bool eof = false;
  bool drained = false;
  std::optional<std::error_code> error;
  std::function<void()> then;
  Event news;
};

}  // namespace verdin::test
