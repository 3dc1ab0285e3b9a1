// No stack for a request's handler: the request is answered, and reported, and the server goes on.
#include <cerrno>
#include <exception>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/http/app.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/timeout.hpp>

#include "system/failing_calls.h"

using namespace std::chrono_literals;

namespace verdin::test {
namespace {

TEST(HttpWithoutMemory, WithoutAStackARequestIsAnsweredWith503) {
  run([] {
    Event over;
    http::App app;
    std::vector<std::string> reported;
    app.on_error([&](const http::Request* request, const std::exception_ptr&) {
      reported.push_back(request ? request->error_id() : std::string());
    });
    app.get("/hold", [&](http::Request&, http::Response& response) {
      response.write("held");
      over.wait();
    });
    app.listen({"127.0.0.1", 0}).start();
    const net::Address address = net::Address::loopback_ipv4(app.port());
    const auto ask = [&](net::Socket& socket) {
      socket.send_all("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
      return socket.recv_until("\r\n\r\n", 8192, 60s);
    };
    std::vector<net::Socket> held;
    std::vector<net::Socket> refused;
    failing_begin_lasting(failing_large_map, 1, 1'000'000, ENOMEM);
    for (int i = 0; i < 1000 && refused.size() < 3; ++i) {
      net::Socket socket = net::Socket::connected(address, 60s);
      const std::string head = ask(socket);
      if (head.starts_with("HTTP/1.1 200 ")) {
        held.push_back(std::move(socket));
        continue;
      }
      EXPECT_EQ(head.substr(0, 13), "HTTP/1.1 503 ");
      const std::string text = socket.recv_until("\n", 8192, 60s);
      ASSERT_EQ(reported.size(), refused.size() + 1);
      EXPECT_FALSE(reported.back().empty());
      EXPECT_NE(text.find(reported.back()), std::string::npos) << text;
      refused.push_back(std::move(socket));
    }
    failing_end();
    ASSERT_EQ(refused.size(), 3U);
    EXPECT_TRUE(ask(refused[0]).starts_with("HTTP/1.1 200 ")) << "the same connection is served later";
    over.set();
    held.clear();
    refused.clear();
    const Timeout limit(60s);
    app.stop();
    app.join();
  });
}

}  // namespace
}  // namespace verdin::test
