#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <verdin/net/file.hpp>
#include <verdin/net/filesystem.hpp>
#include <verdin/net/pipe.hpp>
#include <verdin/net/poll.hpp>
#include <verdin/net/socket.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/forks.hpp"
#include "support/slow_file_system.hpp"

using namespace std::chrono_literals;
using verdin::Descriptor;
using verdin::File;
using verdin::FileKind;
using verdin::OpenMode;
using verdin::Seek;
namespace fs = verdin::fs;

namespace {

/// A folder that goes with all that is in it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/verdin-file-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

int errno_of(const std::function<void()>& call) {
  try {
    call();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

int flags_of(int fd) { return ::fcntl(fd, F_GETFL); }

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Runs `step` until it is true, letting others run. The test's own limit ends one that never is.
void until(const std::function<bool()>& step) {
  while (!step()) verdin::sleep(1ms);
}

/// A pipe whose ends block, as those that a shell gives.
struct BlockingPipe {
  BlockingPipe() : pipe(verdin::make_pipe(false, false)) {}
  void put(const std::string& text) const {
    ASSERT_EQ(::write(pipe.write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  verdin::Pipe pipe;
};

TEST(File, open_modes) {
  const Folder folder;
  const std::string name = folder / "a";
  verdin::run([&] {
    EXPECT_EQ(errno_of([&] { File::open(name); }), ENOENT);
    EXPECT_EQ(errno_of([&] { File::open(name, OpenMode::update); }), ENOENT);
    {
      auto file = File::open(name, OpenMode::create);
      file.write("first");
      EXPECT_EQ(file.seek(0), 0u);
      EXPECT_EQ(file.read_all(), "first");
    }
    EXPECT_EQ(errno_of([&] { File::open(name, OpenMode::create); }), EEXIST);
    File::open(name, OpenMode::append).write(", second");
    EXPECT_EQ(verdin::read_file(name), "first, second");
    File::open(name, OpenMode::update).write("FIRST");
    EXPECT_EQ(verdin::read_file(name), "FIRST, second");
    File::open(name, OpenMode::write, 0600).write("new");
    EXPECT_EQ(verdin::read_file(name), "new");
    auto file = File::open(name);
    EXPECT_EQ(errno_of([&] { file.write("x"); }), EBADF);
    EXPECT_NE(::fcntl(file.fd(), F_GETFD) & FD_CLOEXEC, 0);
  });
}

TEST(File, position_status_and_size) {
  const Folder folder;
  verdin::run([&] {
    auto file = File::open(folder / "a", OpenMode::create, 0640);
    file.write("0123456789");
    EXPECT_EQ(file.tell(), 10u);
    EXPECT_EQ(file.seek(-3, Seek::end), 7u);
    EXPECT_EQ(file.read(100), "789");
    EXPECT_EQ(file.read(100), "");
    EXPECT_EQ(file.seek(2), 2u);
    EXPECT_EQ(file.seek(2, Seek::current), 4u);
    EXPECT_EQ(file.read(2), "45");
    EXPECT_EQ(errno_of([&] { file.seek(-1); }), EINVAL);
    EXPECT_EQ(errno_of([&] { file.seek(-7, Seek::current); }), EINVAL);
    EXPECT_EQ(file.tell(), 6u);

    std::array<char, 4> part{};
    EXPECT_EQ(file.pread(part, 3), 4u);
    EXPECT_EQ(std::string(part.data(), 4), "3456");
    EXPECT_EQ(file.pread(part, 10), 0u);
    file.pwrite("ab", 12);
    EXPECT_EQ(file.tell(), 6u);
    EXPECT_EQ(file.status().size, 14u);
    file.truncate(5);
    const auto status = file.status();
    EXPECT_EQ(status.size, 5u);
    EXPECT_TRUE(status.is_regular());
    EXPECT_EQ(status.permissions & 0700, 0600u);
    EXPECT_LT(std::chrono::system_clock::now() - status.modified, 1h);
    file.sync();
    file.sync_data();
    file.close();
    EXPECT_FALSE(file.is_open());
    file.close();
    EXPECT_EQ(errno_of([&] { file.read(1); }), EBADF);
    EXPECT_EQ(errno_of([&] { file.status(); }), EBADF);
  });
}

TEST(File, lines) {
  const Folder folder;
  verdin::run([&] {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + '\n';
    verdin::write_file(folder / "a", text + "\nlast");
    auto file = File::open(folder / "a");
    int count = 0;
    std::string last;
    for (const std::string& line : file.lines()) {
      if (count < 20'000) {
        EXPECT_EQ(line, "line " + std::to_string(count));
      }
      ++count;
      last = line;
    }
    EXPECT_EQ(count, 20'002);
    EXPECT_EQ(last, "last");
    EXPECT_EQ(file.read_line(), std::nullopt);

    file.seek(0);
    EXPECT_EQ(file.read_line(), "line 0");
    EXPECT_EQ(file.tell(), 7u);  // not where the kernel is
    EXPECT_EQ(file.read(6), "line 1");
    file.seek(8, Seek::current);
    EXPECT_EQ(file.read_line(), "line 3");
    EXPECT_THROW(file.read_line(3), std::length_error);
    EXPECT_EQ(file.read_line(), "line 4");  // nothing was lost
    EXPECT_THROW(verdin::read_file(folder / "a", 100), std::length_error);
  });
}

TEST(File, a_write_behind_what_was_read_ahead_goes_where_the_reader_is) {
  const Folder folder;
  verdin::run([&] {
    verdin::write_file(folder / "a", "one\ntwo\nthree\n");
    auto file = File::open(folder / "a", OpenMode::update);
    EXPECT_EQ(file.read_line(), "one");
    file.write("TWO\n");
    EXPECT_EQ(file.read_line(), "three");
    EXPECT_EQ(verdin::read_file(folder / "a"), "one\nTWO\nthree\n");
  });
}

TEST(File, large_and_concurrent) {
  const Folder folder;
  verdin::run([&] {
    std::string data(3'000'000, '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 / 3);
    verdin::write_file(folder / "a", data);
    EXPECT_TRUE(verdin::read_file(folder / "a") == data);
    auto file = File::open(folder / "a", OpenMode::update);
    std::vector<verdin::Greenlet<bool>> readers;
    for (std::size_t i = 0; i < 64; ++i) {
      readers.push_back(verdin::spawn([&, i] {
        std::array<char, 4096> part;
        const std::size_t n = file.pread(part, i * 40'000);
        return data.compare(i * 40'000, n, part.data(), n) == 0 && n > 0;
      }));
    }
    for (auto& reader : readers) EXPECT_TRUE(reader.get());

    auto copy = File::open(folder / "b", OpenMode::create);
    std::vector<verdin::Greenlet<>> writers;
    for (std::size_t i = 0; i < 30; ++i)
      writers.push_back(verdin::spawn(
          [&, i] { copy.pwrite(std::string_view(data).substr(i * 100'000, 100'000), i * 100'000); }));
    for (auto& writer : writers) writer.get();
    EXPECT_TRUE(verdin::read_file(folder / "b") == data);

    copy.seek(0);  // and those at the position come one after the other
    writers.clear();
    for (char letter = 'a'; letter < 'k'; ++letter)
      writers.push_back(verdin::spawn([&, letter] { copy.write(std::string(1000, letter)); }));
    for (auto& writer : writers) writer.get();
    copy.seek(0);
    for (char letter = 'a'; letter < 'k'; ++letter) EXPECT_EQ(copy.read(1000), std::string(1000, letter));
  });
}

TEST(File, a_busy_reader_lets_others_run) {
  const Folder folder;
  verdin::run([&] {
    verdin::write_file(folder / "a", "x");
    auto file = File::open(folder / "a");
    bool stop = false;
    auto other = verdin::spawn([&] { stop = true; });
    std::array<char, 1> one;
    while (!stop) file.pread(one, 0);
    other.join();
  });
}

TEST(File, a_read_that_is_given_up_gives_nothing_up) {
  const Folder folder;
  verdin::run([&] {
    std::string data(3'000'000, '\0');
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 251);
    verdin::write_file(folder / "a", data);
    auto file = File::open(folder / "a");
    EXPECT_EQ(file.read(10), data.substr(0, 10));
    auto reader = verdin::spawn([&] { file.read(2'900'000); });
    verdin::yield();
    ASSERT_FALSE(reader.ready());
    reader.kill();
    EXPECT_EQ(file.tell(), 10u);
    EXPECT_EQ(file.read(100), data.substr(10, 100));
  });
}

TEST(File, offsets_that_no_file_has_are_refused) {
  const Folder folder;
  verdin::run([&] {
    verdin::write_file(folder / "a", "0123456789");
    auto file = File::open(folder / "a", OpenMode::update);
    const auto refused = [](const auto& call) {
      try {
        call();
        return false;
      } catch (const std::system_error& error) {
        return error.code() == std::errc::value_too_large;
      }
    };
    std::array<char, 4> part{};
    for (const std::uint64_t offset : {~std::uint64_t{0}, std::uint64_t{1} << 63}) {
      EXPECT_TRUE(refused([&] { file.pread(part, offset); })) << offset;
      EXPECT_TRUE(refused([&] { file.pwrite("abc", offset); })) << offset;
      EXPECT_TRUE(refused([&] { file.truncate(offset); })) << offset;
      EXPECT_TRUE(refused([&] { fs::truncate(folder / "a", offset); })) << offset;
    }
    EXPECT_EQ(verdin::read_file(folder / "a"), "0123456789");
  });
}

TEST(FileStream, a_pipe_that_blocks_is_waited_for_and_left_as_it_is) {
  verdin::run([] {
    const BlockingPipe both;
    const int flags = flags_of(both.pipe.read.get());
    auto in = File::borrow(both.pipe.read.get());
    std::string got;
    auto reader = verdin::spawn([&] { got = *in.read_line(); });
    verdin::sleep(1ms);
    EXPECT_FALSE(reader.ready());
    EXPECT_EQ(flags_of(both.pipe.read.get()), flags);
    both.put("half ");
    verdin::sleep(1ms);
    both.put("a line\nmore");
    reader.join();
    EXPECT_EQ(got, "half a line");
    EXPECT_EQ(in.read(100), "more");
    EXPECT_EQ(flags_of(both.pipe.read.get()), flags);
    EXPECT_EQ(flags & O_NONBLOCK, 0);
  });
}

#if !defined(__SANITIZE_THREAD__)

TEST(FileStream, those_that_are_not_in_a_forked_child_cost_it_nothing) {
  verdin::run([] {
    const BlockingPipe blocking;
    const BlockingPipe other;
    ASSERT_EQ(::fcntl(other.pipe.read.get(), F_SETFL, O_NONBLOCK), 0);
    auto file = File::borrow(blocking.pipe.read.get());
    verdin::PipeReader reader(Descriptor(::dup(other.pipe.read.get())));
    auto of_file = verdin::spawn([&] { return file.read(1); });
    auto of_reader = verdin::spawn([&] {
      char octet = 0;
      return reader.read({&octet, 1});
    });
    verdin::yield();  // both wait
    EXPECT_EQ(verdin::test::in_child([&] {
                blocking.put("x");
                other.put("y");
                try {
                  verdin::Event().wait();
                } catch (const verdin::LoopExit&) {  // nobody is called any more
                  return true;
                }
                return false;
              }),
              0);
    EXPECT_EQ(of_file.get(), "x");
    EXPECT_EQ(of_reader.get(), 1u);
  });
}

/// Nothing is ever ready: the child is told at once that nothing can happen.
TEST(FileStream, a_forked_child_waits_for_nothing_that_only_the_parent_waits_for) {
  verdin::run([] {
    const BlockingPipe blocking;
    const BlockingPipe other;
    ASSERT_EQ(::fcntl(other.pipe.read.get(), F_SETFL, O_NONBLOCK), 0);
    auto file = File::borrow(blocking.pipe.read.get());
    verdin::PipeReader reader(Descriptor(::dup(other.pipe.read.get())));
    auto [one_end, other_end] = verdin::net::Socket::pair();
    std::vector<verdin::Greenlet<>> parents;
    parents.push_back(verdin::spawn([&] { file.read(1); }));
    parents.push_back(verdin::spawn([&] {
      char octet = 0;
      reader.read({&octet, 1});
    }));
    parents.push_back(verdin::spawn([&] {
      char octet = 0;
      one_end.recv({&octet, 1});
    }));
    parents.push_back(
        verdin::spawn([&] { verdin::net::wait_fd(other.pipe.read.get(), verdin::loop::Interest::read); }));
    verdin::yield();  // all wait
    EXPECT_EQ(verdin::test::in_child([&] {
                try {
                  verdin::Event().wait();
                  return false;
                } catch (const verdin::LoopExit&) {
                }
                other_end.send_all("x");
                char octet = 0;
                return one_end.recv({&octet, 1}) == 1;  // nobody else does
              }),
              0);
    verdin::kill_all(parents);
  });
}

#endif

/// A terminal, which is read by a thread when it is ready.
struct Terminal {
  Terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::grantpt(master.get());
    ::unlockpt(master.get());
    slave = Descriptor(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings{};
    ::tcgetattr(slave.get(), &settings);
    ::cfmakeraw(&settings);
    ::tcsetattr(slave.get(), TCSANOW, &settings);
  }
  void type(const std::string& text) const {
    ASSERT_EQ(::write(master.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Has a thread taken all, or does it soon? The hub does not hear of it meanwhile.
  bool is_empty() const {
    int size = 1;
    for (int i = 0; i < 500 && size > 0; ++i) ::ioctl(slave.get(), FIONREAD, &size);
    return size == 0;
  }
  Descriptor master;
  Descriptor slave;
};

/// Its reader is killed about when a thread has read for it: before the hub is told of that, and afterwards.
TEST(FileStream, what_a_thread_has_read_for_one_who_is_gone_is_the_next_ones) {
  verdin::run([&] {
    const Terminal terminal;
    auto file = File::borrow(terminal.slave.get());
    for (int round = 0; round < 60; ++round) {
      std::string taken;  // if it was quicker than its end
      auto gone = verdin::spawn([&] { taken = file.read(100); });
      verdin::yield();
      terminal.type("first");
      while (!terminal.is_empty()) verdin::yield();
      if (round % 3 == 0) {
        ::usleep(1000);  // for the thread to say so
        verdin::Hub::current().post([&] { gone.kill_async(); });
      } else {
        gone.kill_async();
      }
      std::string got;
      auto next = verdin::spawn([&] { got = file.read(100); });
      gone.join();
      if (!taken.empty()) next.kill();
      const bool in_time = verdin::with_timeout(10s, [&] { next.join(); });
      EXPECT_EQ(taken + got, "first") << "in round " << round;
      next.kill();
      if (!in_time) return;
    }
  });
}

TEST(FileStream, more_than_a_pipe_holds) {
  verdin::run([] {
    verdin::Pipe pipe = verdin::make_pipe(false, false);
    auto in = File::adopt(std::move(pipe.read));
    const std::string data(1'000'000, 'x');
    auto writer = verdin::spawn([&] {
      auto out = File::adopt(std::move(pipe.write));
      out.write(data);
      EXPECT_EQ(flags_of(out.fd()) & O_NONBLOCK, 0);
    });
    EXPECT_TRUE(in.read_all() == data);
    writer.join();
  });
}

TEST(FileStream, a_reader_that_has_gone_is_an_error_and_no_signal) {
  verdin::run([] {
    verdin::Pipe pipe = verdin::make_pipe(false, false);
    pipe.read.reset();
    auto out = File::adopt(std::move(pipe.write));
    EXPECT_EQ(errno_of([&] { out.write("x"); }), EPIPE);
  });
}

TEST(FileStream, sockets_and_devices) {
  verdin::run([] {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    auto a = File::adopt(Descriptor(ends[0]));
    auto b = File::adopt(Descriptor(ends[1]));
    auto reader = verdin::spawn([&] { return b.read(100); });
    verdin::sleep(1ms);
    a.write("hello");
    EXPECT_EQ(reader.get(), "hello");
    a.close();
    EXPECT_EQ(b.read(100), "");
    EXPECT_EQ(errno_of([&] { b.write("x"); }), EPIPE);

    auto null = File::open("/dev/null", OpenMode::update);
    null.write("nothing");
    EXPECT_EQ(null.read_all(), "");
    EXPECT_EQ(File::open("/dev/zero").read(3), std::string(3, '\0'));
  });
}

TEST(FileStream, a_terminal) {
  verdin::run([] {
    Descriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0);
    std::array<char, 64> name;
    ASSERT_EQ(::ptsname_r(master.get(), name.data(), name.size()), 0);
    auto terminal = File::open(name.data(), OpenMode::update);
    auto line = verdin::spawn([&] { return terminal.read_line(); });
    verdin::sleep(1ms);
    EXPECT_FALSE(line.ready());
    ASSERT_EQ(::write(master.get(), "typed\n", 6), 6);
    EXPECT_EQ(line.get(), "typed");
    EXPECT_EQ(flags_of(terminal.fd()) & O_NONBLOCK, 0);
    terminal.write("shown");
    std::string shown;
    auto screen = File::adopt(std::move(master));
    while (shown.find("shown") == shown.npos) shown += screen.read(100);
  });
}

TEST(FileStream, close_wakes_who_waits_with_an_error) {
  verdin::run([] {
    const BlockingPipe both;
    auto in = File::borrow(both.pipe.read.get());
    auto reader = verdin::spawn([&] { return errno_of([&] { in.read(1); }); });
    verdin::sleep(1ms);
    in.close();
    EXPECT_EQ(reader.get(), EBADF);
    EXPECT_GE(::fcntl(both.pipe.read.get(), F_GETFD), 0);  // a borrowed one stays open
  });
}

TEST(FileStream, kill_and_timeout_lose_nothing) {
  verdin::run([] {
    const BlockingPipe both;
    auto in = File::borrow(both.pipe.read.get());
    auto reader = verdin::spawn([&] { in.read_line(); });
    verdin::sleep(1ms);
    both.put("ha");
    verdin::sleep(1ms);
    reader.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { in.read_line(); }));
    both.put("lf\n");
    EXPECT_EQ(in.read_line(), "half");
  });
}

// A FIFO that is read as a disk would be: the stand-in for one that takes its time.
TEST(SlowFile, others_go_on_and_a_kill_does_not_wait) {
  const Folder folder;
  ASSERT_EQ(::mkfifo((folder / "slow").c_str(), 0600), 0);
  verdin::run([&] {
    Descriptor writer(::open((folder / "slow").c_str(), O_RDWR | O_CLOEXEC));
    auto slow =
        File::adopt(Descriptor(::open((folder / "slow").c_str(), O_RDONLY | O_CLOEXEC)), FileKind::storage);
    auto reader = verdin::spawn([&] {
      std::array<char, 16> part;  // on the greenlet's stack: gone when the kernel would write there
      return slow.read(part);
    });
    for (int turns = 0; turns < 100; ++turns) verdin::sleep(10us);
    EXPECT_FALSE(reader.ready());
    reader.kill();
    EXPECT_TRUE(reader.killed());
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { slow.read(10); }));
    ASSERT_EQ(::write(writer.get(), "0123456789", 10), 10);  // for those that were given up
    ASSERT_EQ(::write(writer.get(), "0123456789012345678901234567890123456789", 40), 40);
    EXPECT_FALSE(slow.read(1).empty());
  });
}

TEST(SlowFile, opening_one_that_waits_for_its_other_end) {
  const Folder folder;
  const std::string name = folder / "slow";
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
  verdin::run([&] {
    auto given_up = verdin::spawn([&] { File::open(name); });
    auto reader = verdin::spawn([&] { return File::open(name).read_all(); });
    for (int turns = 0; turns < 100; ++turns) verdin::sleep(10us);
    EXPECT_FALSE(reader.ready());
    given_up.kill();
    auto writer = File::open(name, OpenMode::write);
    writer.write("at last");
    writer.close();
    EXPECT_EQ(reader.get(), "at last");
  });
}

TEST(SlowFile, a_file_system_that_does_not_answer) {
  verdin::test::SlowFileSystem slow;
  if (!slow.usable()) GTEST_SKIP() << "no FUSE here, or not the superuser";
  verdin::run([&] {
    auto file = File::open(slow.path());
    slow.hold(FUSE_READ);
    std::array<char, 26> part{};
    auto reader = verdin::spawn([&] { return file.pread(part, 52); });
    auto killed = verdin::spawn([&] {
      std::array<char, 100> other;
      file.pread(other, 4096);
    });
    until([&] { return slow.held_count() == 1; });
    for (int turns = 0; turns < 100; ++turns) verdin::sleep(10us);
    EXPECT_FALSE(reader.ready());
    killed.kill();
    slow.release();
    EXPECT_EQ(reader.get(), 26u);
    EXPECT_EQ(std::string(part.data(), 26), "abcdefghijklmnopqrstuvwxyz");

    slow.hold(FUSE_OPEN);
    auto opener = verdin::spawn([&] { return File::open(slow.path()).read(3); });
    until([&] { return slow.held_count() == 2; });
    EXPECT_FALSE(opener.ready());
    slow.release();
    EXPECT_EQ(opener.get(), "abc");

    slow.hold(FUSE_GETATTR);
    auto asker = verdin::spawn([&] { return file.status().size; });
    until([&] { return slow.held_count() == 3; });
    EXPECT_FALSE(asker.ready());
    slow.release();
    EXPECT_EQ(asker.get(), slow.kSize);

    slow.hold(FUSE_FLUSH);
    auto closer = verdin::spawn([&] { file.close(); });
    until([&] { return slow.held_count() == 4; });
    EXPECT_FALSE(closer.ready());
    slow.release();
    closer.join();
    { const auto dropped = File::open(slow.path()); }
    slow.hold(FUSE_LOOKUP);
    auto lister = verdin::spawn([&] { return fs::exists(slow.path()); });
    until([&] { return slow.held_count() == 5; });
    EXPECT_FALSE(lister.ready());
    slow.release();
    EXPECT_TRUE(lister.get());
  });
}

TEST(File, names) {
  const Folder folder;
  verdin::run([&] {
    fs::make_directory(folder / "d");
    EXPECT_EQ(errno_of([&] { fs::make_directory(folder / "d"); }), EEXIST);
    fs::make_directories(folder / "d/e/f");
    fs::make_directories(folder / "d/e/f/");
    verdin::write_file(folder / "d/b", "x");
    EXPECT_EQ(errno_of([&] { fs::make_directories(folder / "d/b"); }), ENOTDIR);
    EXPECT_NE(errno_of([&] { fs::make_directories(folder / "d/b/c"); }), 0);
    fs::make_symlink("b", folder / "d/a");
    const auto entries = fs::list_directory(folder / "d");
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].name, "a");
    EXPECT_EQ(entries[0].type, verdin::FileType::symlink);
    EXPECT_EQ(entries[1].type, verdin::FileType::regular);
    EXPECT_EQ(entries[2].type, verdin::FileType::directory);
    EXPECT_EQ(errno_of([&] { fs::list_directory(folder / "none"); }), ENOENT);

    EXPECT_EQ(fs::read_symlink(folder / "d/a"), "b");
    EXPECT_EQ(fs::link_status(folder / "d/a").type, verdin::FileType::symlink);
    EXPECT_TRUE(fs::status(folder / "d/a").is_regular());
    EXPECT_EQ(fs::real_path(folder / "d/a"), folder / "d/b");
    fs::make_link(folder / "d/b", folder / "d/c");
    EXPECT_EQ(fs::status(folder / "d/c").links, 2u);
    fs::set_permissions(folder / "d/c", 0400);
    EXPECT_EQ(fs::status(folder / "d/b").permissions, 0400u);
    fs::truncate(folder / "d/c", 10);
    EXPECT_EQ(fs::find(folder / "d/b")->size, 10u);

    fs::rename(folder / "d/c", folder / "d/z");
    EXPECT_FALSE(fs::exists(folder / "d/c"));
    EXPECT_TRUE(fs::exists(folder / "d/z"));
    fs::remove_file(folder / "d/z");
    EXPECT_EQ(errno_of([&] { fs::remove_file(folder / "d/z"); }), ENOENT);
    EXPECT_FALSE(fs::remove_file_if_there(folder / "d/z"));
    EXPECT_TRUE(fs::remove_file_if_there(folder / "d/a"));
    EXPECT_EQ(errno_of([&] { fs::remove_directory(folder / "d"); }), ENOTEMPTY);
    fs::remove_directory(folder / "d/e/f");
  });
}

TEST(File, no_descriptor_is_left) {
  const Folder folder;
  verdin::run([&] {
    verdin::write_file(folder / "a", "x");
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 300; ++i) {
      auto opener = verdin::spawn([&] {
        auto file = File::open(folder / "a");
        file.read(1);
      });
      if (i % 2 == 0) verdin::yield();
      if (i % 3 != 0) opener.kill();
      opener.join();
    }
    until([&] { return open_descriptors() <= before; });
  });
}

TEST(File, is_for_greenlets) {
  const Folder folder;
  verdin::run([&] {
    verdin::write_file(folder / "a", "x");
    bool refused = false;
    verdin::Hub::current().post([&] {
      try {
        File::open(folder / "a");
      } catch (const verdin::BlockingSwitchOutError&) {
        refused = true;
      }
    });
    until([&] { return refused; });
  });
  EXPECT_THROW(File::open(folder / "a"), verdin::BlockingSwitchOutError);
}

}  // namespace
