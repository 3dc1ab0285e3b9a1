#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <verdin/net/console.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

using namespace std::chrono_literals;

namespace {

std::string socket_path() {
  return (std::filesystem::temp_directory_path() / ("verdin-console-" + std::to_string(::getpid()))).string();
}

/// An operator's end.
class Client {
 public:
  explicit Client(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  void send(std::string_view text) {
    EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Up to and with the last line of an answer; what came if the console hung up.
  std::string receive() {
    for (;;) {
      std::array<char, 4096> buffer;
      const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (n > 0) {
        text_.append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno != EAGAIN) {
        return std::exchange(text_, {});
      } else {
        verdin::sleep(1ms);
      }
      const auto last_line = text_.rfind('\n', text_.size() - 2);
      const auto at = last_line == text_.npos ? 0 : last_line + 1;
      if (!text_.empty() && text_.back() == '\n' &&
          (text_.compare(at, 3, "ok\n") == 0 || text_.compare(at, 7, "error: ") == 0))
        return std::exchange(text_, {});
    }
  }
  std::string ask(const std::string& command) {
    send(command + '\n');
    return receive();
  }
  bool hung_up() {
    char octet;
    ssize_t n = 0;
    while ((n = ::recv(socket_.get(), &octet, 1, 0)) > 0 || (n < 0 && errno == EAGAIN)) verdin::sleep(1ms);
    return n == 0 || errno == ECONNRESET;  // the latter if it had not read everything
  }

 private:
  verdin::Descriptor socket_;
  std::string text_;
};

TEST(Console, lists_inspects_and_kills) {
  verdin::run([] {
    const verdin::Console console(socket_path());
    verdin::Event event;
    auto victim = verdin::spawn([&event] { event.wait(); });
    victim.set_name("victim");
    verdin::yield();

    Client client(console.path());
    EXPECT_NE(client.ask("help").find("kill ID"), std::string::npos);
    EXPECT_NE(client.ask("hubs").find("1: thread "), std::string::npos);
    const std::string greenlets = client.ask("greenlets");
    const auto at = greenlets.find("] 'victim' suspended");
    ASSERT_NE(at, std::string::npos) << greenlets;
    const auto bracket = greenlets.rfind('[', at);
    const std::string id = greenlets.substr(bracket + 1, at - bracket - 1);
    const std::string stack = client.ask("stack " + id);
    EXPECT_EQ(stack.find("'victim' suspended\n"), 0u) << stack;
#if defined(__x86_64__)
    EXPECT_NE(stack.find("verdin::Event::wait"), std::string::npos) << stack;
#endif
    EXPECT_EQ(client.ask("kill 1." + id), "'victim' is being killed\nok\n");
    victim.join();
    EXPECT_TRUE(victim.killed());
    EXPECT_EQ(client.ask("kill " + id), "error: no such greenlet\n");
    EXPECT_NE(client.ask("stats").find("hubs 1\ngreenlets "), std::string::npos);
    client.send("quit\n");
    EXPECT_TRUE(client.hung_up());
  });
}

TEST(Console, refuses_what_it_does_not_know) {
  verdin::run([] {
    const verdin::Console console(socket_path());
    Client client(console.path());
    EXPECT_EQ(client.ask("format c:"), "error: no such command; try help\n");
    EXPECT_EQ(client.ask("stack"), "error: no such greenlet\n");
    EXPECT_EQ(client.ask("stack 1.x"), "error: no such greenlet\n");
    EXPECT_EQ(client.ask("kill 99.1"), "error: no such greenlet\n");
    EXPECT_EQ(client.ask("stack 99999999999999999999"), "error: no such greenlet\n");
  });
}

TEST(Console, commands_may_come_in_pieces_and_together) {
  verdin::run([] {
    const verdin::Console console(socket_path());
    Client client(console.path());
    client.send("sta");
    verdin::sleep(2ms);
    client.send("ck 0\r\n\nstack 0\n");
    std::string answers = client.receive();
    while (answers.size() < 48) answers += client.receive();
    EXPECT_EQ(answers, "error: no such greenlet\nerror: no such greenlet\n");
  });
}

TEST(Console, is_bounded) {
  verdin::run([] {
    const verdin::Console console(socket_path(), {.max_connections = 2});
    Client first(console.path());
    Client second(console.path());
    EXPECT_NE(first.ask("stats"), "");
    EXPECT_NE(second.ask("stats"), "");
    Client third(console.path());
    EXPECT_EQ(third.receive(), "error: too many connections\n");
    second.send(std::string(1000, 'x'));
    EXPECT_EQ(second.receive(), "error: the line is too long\n");
    EXPECT_TRUE(second.hung_up());
    Client fourth(console.path());
    EXPECT_NE(fourth.ask("stats").find("ok\n"), std::string::npos);
  });
}

TEST(Console, is_the_owners_alone_and_goes_with_the_object) {
  verdin::run([] {
    std::optional<verdin::Console> console(std::in_place, socket_path());
    struct stat status {};
    ASSERT_EQ(::stat(console->path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0600u);
    Client client(console->path());
    EXPECT_NE(client.ask("stats"), "");
    console.reset();
    EXPECT_TRUE(client.hung_up());
    EXPECT_FALSE(std::filesystem::exists(socket_path()));
  });
}

TEST(Console, takes_the_place_of_a_dead_one_only) {
  verdin::run([] {
    const verdin::Console console(socket_path());
    EXPECT_THROW(verdin::Console{socket_path()}, std::system_error);
    const std::string left = socket_path() + ".left";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, left.data(), left.size());
    {
      const verdin::Descriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    const verdin::Console heir(left);
    EXPECT_NE(Client(left).ask("stats"), "");
  });
}

}  // namespace
