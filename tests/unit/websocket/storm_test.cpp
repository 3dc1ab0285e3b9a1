// Connections of HTTP and WebSocket that end in every way: what is left behind, and whom it hurt.
#include <chrono>
#include <exception>
#include <string_view>

#include <gtest/gtest.h>

#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/run.hpp>

#include "support/http_storm.hpp"

namespace verdin::websocket {
namespace {

TEST(HttpStorm, LeavesNothingBehindAndHurtsNobody) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kConnections = 300;
#else
  constexpr int kConnections = 1500;
#endif
  HubOptions options;
  options.warm_workers = 0;  // they would be greenlets that are left
  verdin::run(options, [] {
    Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
    test::HttpStorm storm;
    storm.run(200, 20, 5, 1);  // what is made once is made, and greenlets are warm
    const auto before = storm.settle({}, std::chrono::seconds(1));
    EXPECT_EQ(before.connections, 0u);
    storm.run(kConnections, 20, 5, 2);
    const auto after = storm.settle(before, std::chrono::seconds(60));
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_EQ(after.greenlets, before.greenlets);
    EXPECT_EQ(after.connections, 0u);
    EXPECT_EQ(storm.failures(), 0) << storm.why();
    EXPECT_GT(storm.published(), 10);
    for (const int times : storm.ways()) EXPECT_GT(times, 5);
    Hub::current().on_error(nullptr);
  });
}

}  // namespace
}  // namespace verdin::websocket
