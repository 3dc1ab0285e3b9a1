#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/net/process.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/linkable.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

using namespace std::chrono_literals;
using verdin::Process;
using verdin::ProcessOptions;
using verdin::Stdio;

namespace {

static_assert(verdin::Linkable<Process>);

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }
const ProcessOptions kPipes{.in = Stdio::pipe(), .out = Stdio::pipe(), .err = Stdio::pipe()};

/// Is there no such child any more, not even a zombie?
bool reaped(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == -1 && errno == ECHILD; }

int errno_of_start(std::vector<std::string> argv, const ProcessOptions& options = {}) {
  try {
    const Process process(std::move(argv), options);
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  }
}

TEST(Process, exit_codes_and_signals) {
  verdin::run([] {
    EXPECT_EQ(Process(shell("exit 0")).wait(), 0);
    EXPECT_EQ(Process(shell("exit 7")).wait(), 7);
    EXPECT_EQ(Process(shell("kill -TERM $$")).wait(), -SIGTERM);
  });
}

TEST(Process, the_hub_goes_on_while_one_is_waited_for) {
  verdin::run([] {
    Process process({"cat"}, {.in = Stdio::pipe(), .out = Stdio::null()});
    bool other_ran = false;
    auto other = verdin::spawn([&] {
      other_ran = true;
      process.in().close();  // what ends it
    });
    EXPECT_EQ(process.poll(), std::nullopt);
    EXPECT_EQ(process.wait(), 0);
    EXPECT_TRUE(other_ran);
    EXPECT_EQ(process.poll(), 0);
    EXPECT_TRUE(reaped(process.pid()));
    other.join();
  });
}

TEST(Process, communicate_moves_more_than_pipes_hold_in_all_directions) {
  verdin::run([] {
    const std::string input(3'000'000, 'x');
    Process process(shell("tee /dev/stderr"), kPipes);
    const auto result = process.communicate(input);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out.size(), input.size());
    EXPECT_TRUE(result.err == input);
  });
}

TEST(Process, communicate_survives_a_child_that_does_not_read) {
  verdin::run([] {
    Process process(shell("exec <&-; echo done; exit 3"), kPipes);
    const auto result = process.communicate(std::string(1'000'000, 'x'));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.out, "done\n");
  });
}

TEST(Process, communicate_that_ran_out_of_time_is_tried_again_and_loses_nothing) {
  verdin::run([] {
    Process process(shell("read a; echo \"first $a\"; kill -STOP $$; read b; echo \"second $b\""), kPipes);
    EXPECT_EQ(process.communicate_for(50ms, "one\ntwo\n"), std::nullopt);
    EXPECT_EQ(process.poll(), std::nullopt);
    process.send_signal(SIGCONT);
    std::optional<verdin::ProcessResult> result;
    while (!result) {
      result = process.communicate_for(10ms);
      process.send_signal(SIGCONT);  // it may have stopped itself only now
    }
    EXPECT_EQ(result->out, "first one\nsecond two\n");
    EXPECT_EQ(result->exit_code, 0);
  });
}

TEST(Process, a_greenlet_killed_in_communicate_leaves_the_process_as_it_was) {
  // It ends only when it is told to, so that the greenlet is there to be killed.
  const std::string gate = testing::TempDir() + "communicate_gate." + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const int fd = ::open(gate.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  verdin::run([&] {
    Process process(shell("echo begun; cat; read line <" + gate), kPipes);
    auto reader = verdin::spawn([&] { process.communicate("kept\n"); });
    while (process.in().open()) verdin::sleep(1ms);  // everything was sent
    reader.kill();
    EXPECT_TRUE(reader.killed());
    EXPECT_EQ(::write(fd, "go\n", 3), 3);
    EXPECT_EQ(process.communicate().out, "begun\nkept\n");
  });
  ::close(fd);
  std::filesystem::remove(gate);
}

TEST(Process, wait_with_a_limit) {
  verdin::run([] {
    Process process({"cat"}, {.in = Stdio::pipe(), .out = Stdio::null()});
    EXPECT_EQ(process.wait_for(5ms), std::nullopt);
    process.kill();
    EXPECT_EQ(process.wait_for(60s), -SIGKILL);
    process.kill();  // of one that has ended: nothing
    process.send_signal(SIGUSR1);
  });
}

TEST(Process, an_outer_timeout_passes_through_wait) {
  verdin::run([] {
    Process process({"cat"}, {.in = Stdio::pipe(), .out = Stdio::null()});
    EXPECT_FALSE(verdin::with_timeout(5ms, [&] { process.wait(); }));
    process.in().close();
    EXPECT_EQ(process.wait(), 0);
  });
}

TEST(Process, what_cannot_be_run_says_why) {
  verdin::run([] {
    EXPECT_EQ(errno_of_start({"/no/such/program"}), ENOENT);
    EXPECT_EQ(errno_of_start({"no-such-program-in-path"}), ENOENT);
    EXPECT_EQ(errno_of_start({"/etc/passwd"}), EACCES);
    EXPECT_EQ(errno_of_start({"cat"}, {.cwd = "/no/such/folder"}), ENOENT);
    EXPECT_THROW(Process({}), std::invalid_argument);
  });
}

TEST(Process, environment_and_folder) {
  verdin::run([] {
    EXPECT_EQ(verdin::check_output(shell("echo $WHO; pwd"),
                                   {.env = std::vector<std::string>{"WHO=verdin"}, .cwd = "/"}),
              "verdin\n/\n");
  });
}

TEST(Process, errors_merged_into_the_output) {
  verdin::run([] {
    EXPECT_EQ(verdin::check_output(shell("echo a; echo b >&2; echo c"), {.err = Stdio::merge()}),
              "a\nb\nc\n");
  });
}

TEST(Process, a_descriptor_of_the_caller_stays_as_it_is) {
  verdin::run([] {
    verdin::Pipe pipe = verdin::make_pipe(true, false);
    const int flags = ::fcntl(pipe.write.get(), F_GETFL);
    Process process(shell("echo through"), {.out = Stdio::descriptor(pipe.write.get())});
    EXPECT_EQ(process.wait(), 0);
    EXPECT_EQ(::fcntl(pipe.write.get(), F_GETFL), flags);
    pipe.write.reset();
    EXPECT_EQ(verdin::PipeReader(std::move(pipe.read)).read_all(), "through\n");
  });
}

TEST(Process, standard_descriptors_may_change_places) {
  verdin::run([] {
    // The child's 2 is what is made of our 1, and the other way round.
    Process process(shell("exit 0"),
                    {.out = Stdio::descriptor(STDERR_FILENO), .err = Stdio::descriptor(STDOUT_FILENO)});
    EXPECT_EQ(process.wait(), 0);
  });
}

TEST(Process, no_descriptor_leaks_into_the_child) {
  verdin::run([] {
    const int forgotten = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    ASSERT_GE(forgotten, 3);
    const std::string others = verdin::check_output(shell("ls /proc/$$/fd"));
    EXPECT_EQ(others, "0\n1\n2\n");
    ::close(forgotten);
  });
}

TEST(Process, no_descriptor_leaks_here) {
  const auto open_descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  verdin::run([&] {
    verdin::run_process({"true"});
    const auto before = open_descriptors();
    for (int i = 0; i < 5; ++i) verdin::run_process({"true"});
    errno_of_start({"/no/such/program"}, kPipes);
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST(Process, signals_are_as_by_default_in_the_child) {
  verdin::run([] {
    sigset_t usr1;
    sigset_t before;
    ::sigemptyset(&usr1);
    ::sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
    const std::string status = verdin::check_output({"grep", "SigBlk", "/proc/self/status"});
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    EXPECT_EQ(status, "SigBlk:\t0000000000000000\n");
  });
}

TEST(Process, can_be_waited_for_as_other_things_can) {
  verdin::run([] {
    Process process(shell("exit 4"));
    struct Told : verdin::impl::Link {
      Told() : Link([](verdin::impl::Link& link) noexcept { static_cast<Told&>(link).told = true; }) {}
      bool told = false;
    } link;
    process.add_link(link);
    while (!link.told) verdin::sleep(1ms);
    EXPECT_TRUE(process.ready());
    EXPECT_EQ(process.poll(), 4);
  });
}

TEST(Process, one_that_is_dropped_is_reaped) {
  verdin::run([] {
    std::optional<Process> process(std::in_place, std::vector<std::string>{"cat"},
                                   ProcessOptions{.in = Stdio::pipe(), .out = Stdio::null()});
    const pid_t pid = process->pid();
    process.reset();  // closes its input, which ends it
    while (!reaped(pid)) verdin::sleep(1ms);
  });
}

TEST(Process, one_that_outlives_its_hub_is_reaped) {
  pid_t pid = 0;
  verdin::Pipe pipe = verdin::make_pipe(false, false);
  verdin::run([&] {
    Process process({"cat"}, {.in = Stdio::descriptor(pipe.read.get()), .out = Stdio::null()});
    pid = process.pid();
  });
  EXPECT_FALSE(reaped(pid));
  pipe.write.reset();
  pipe.read.reset();
  while (!reaped(pid)) std::this_thread::sleep_for(1ms);
}

TEST(Process, works_without_pidfds) {
  verdin::run([] {
    EXPECT_EQ(Process(shell("exit 5"), {.use_pidfd = false}).wait(), 5);
    ProcessOptions options = kPipes;
    options.use_pidfd = false;
    EXPECT_EQ(verdin::run_process({"cat"}, options, "text").out, "text");
    Process process({"cat"}, options);
    EXPECT_EQ(process.wait_for(5ms), std::nullopt);
    process.kill();
    EXPECT_EQ(process.wait(), -SIGKILL);
    EXPECT_TRUE(reaped(process.pid()));
  });
}

TEST(Process, works_in_hubs_of_several_threads) {
  std::vector<std::thread> threads;
  std::vector<int> codes(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&codes, i] {
      verdin::run([&codes, i] { codes[i] = Process(shell("exit " + std::to_string(i + 10))).wait(); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(codes, (std::vector<int>{10, 11, 12, 13}));
}

TEST(RunProcess, kills_the_program_when_the_greenlet_is_killed) {
  verdin::run([] {
    verdin::Pipe pipe = verdin::make_pipe(true, false);
    auto runner = verdin::spawn([&] {
      verdin::run_process(shell("echo $$; exec cat"),
                          {.in = Stdio::pipe(), .out = Stdio::descriptor(pipe.write.get())});
    });
    std::array<char, 32> text{};
    verdin::PipeReader reader(std::move(pipe.read));
    const std::size_t n = reader.read(text);
    const pid_t pid = std::stoi(std::string(text.data(), n));
    runner.kill();
    while (!reaped(pid)) verdin::sleep(1ms);
  });
}

TEST(RunProcess, refuses_more_output_than_allowed) {
  verdin::run(
      [] { EXPECT_THROW(verdin::run_process(shell("yes"), {.max_output = 100'000}), std::length_error); });
}

TEST(RunProcess, check_output_throws_what_the_program_said) {
  verdin::run([] {
    try {
      verdin::check_output(shell("echo out; echo err >&2; exit 9"));
      FAIL();
    } catch (const verdin::ProcessError& error) {
      EXPECT_EQ(error.result.exit_code, 9);
      EXPECT_EQ(error.result.out, "out\n");
      EXPECT_EQ(error.result.err, "err\n");
    }
  });
}

}  // namespace
