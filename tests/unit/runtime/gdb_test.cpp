// The gdb script shows the greenlets of this very process, to a gdb that attaches to it.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <verdin/runtime/event.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>

namespace {

[[gnu::noinline]] void waits_deep_inside(verdin::Event& event, int depth) {
  if (depth == 0) {
    event.wait();
  } else {
    waits_deep_inside(event, depth - 1);
  }
  asm volatile("");  // no tail call
}

std::string output_of(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  if (!pipe) return output;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), n);
  ::pclose(pipe);
  return output;
}

[[maybe_unused]] std::string gdb(const std::string& target, const std::string& commands) {
  return output_of("gdb -nx -batch -iex 'set debuginfod enabled off' -x " VERDIN_SOURCE_DIR
                   "/scripts/gdb/verdin.py " +
                   target + ' ' + commands);
}

TEST(Gdb, shows_suspended_greenlets_and_their_stacks_live_and_in_a_core) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__)
  GTEST_SKIP() << "a debugger and a sanitizer get in each other's way";
#else
  if (output_of("gdb --version").find("GNU gdb") == std::string::npos) GTEST_SKIP() << "there is no gdb";
  if (std::getenv("LD_PRELOAD"))
    GTEST_SKIP() << "under Valgrind or another tool that a debugger would see instead";
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const std::string core =
      (std::filesystem::temp_directory_path() / ("verdin-core-" + std::to_string(::getpid()))).string();
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string live;
  std::string dead;
  verdin::run({.blocking_limit = std::chrono::nanoseconds(0)}, [&] {
    verdin::Event event;
    auto one = verdin::spawn(waits_deep_inside, std::ref(event), 2);
    one.set_name("the one that waits");
    verdin::yield();
    live = gdb("-p " + std::to_string(::getpid()),
               "-ex 'verdin hubs' -ex 'verdin greenlets' -ex 'verdin bt all' -ex 'gcore " + core + "'");
    if (std::filesystem::exists(core)) dead = gdb(program + ' ' + core, "-ex 'verdin bt all'");
    event.set();
    one.join();
  });
  std::filesystem::remove(core);
  if (live.find("ptrace: Operation not permitted") != std::string::npos)
    GTEST_SKIP() << "ptrace is forbidden here: " << live;
  EXPECT_NE(live.find("hub 1, thread " + std::to_string(::getpid()) + ": 2 greenlets"), std::string::npos)
      << live;
  for (const std::string* const each : {&live, &dead}) {
    const std::string& output = *each;
    // gdb's own gcore leaves out a mebibyte in which it meets a guard page, and with it the stacks that are
    // there, or the objects of greenlets, whose mapping may be next to theirs; the kernel's core dumps do
    // not.
    if (&output == &dead &&
        live.find("Memory read failed for corefile section, 1048576") != std::string::npos)
      break;
    const auto at = output.find("'the one that waits' suspended");
    ASSERT_NE(at, std::string::npos) << output;
    EXPECT_NE(output.find("'main' running"), std::string::npos) << output;
    const auto wait = output.find("verdin::Event::wait", at);
    const auto first = output.find("waits_deep_inside", wait);
    const auto second = output.find("waits_deep_inside", first + 1);
    const auto third = output.find("waits_deep_inside", second + 1);
    EXPECT_NE(third, std::string::npos) << output;
    EXPECT_NE(output.find("GreenletBase", third), std::string::npos) << output;
  }
#endif
}

}  // namespace
