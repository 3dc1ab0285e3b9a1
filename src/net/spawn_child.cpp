#include "net/spawn_child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace verdin::impl {
namespace {

constexpr int kFirstOther = 3;

void check(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), "verdin: " + what);
}

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn"); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() { check(::posix_spawnattr_init(&attributes_), "posix_spawn"); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  posix_spawnattr_t* get() noexcept { return &attributes_; }

  void set(bool new_session) {
    sigset_t set;
    ::sigemptyset(&set);
    check(::posix_spawnattr_setsigmask(&attributes_, &set), "posix_spawn");
    ::sigaddset(&set, SIGPIPE);
    ::sigaddset(&set, SIGXFSZ);
    check(::posix_spawnattr_setsigdefault(&attributes_, &set), "posix_spawn");
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    check(::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags)), "posix_spawn");
  }

 private:
  posix_spawnattr_t attributes_;
};

/// A copy above the standard ones: else one could be overwritten before it is used.
Descriptor copy_above(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirstOther);
  if (copy < 0) check(errno, "a descriptor for a child");
  return Descriptor(copy);
}

/// Says what the child's descriptor `number` will be. Returns what must live until the child is started.
Descriptor prepare(const Stdio& wish, int number, FileActions& actions, Descriptor& our_end) {
  Descriptor source;
  switch (wish.kind()) {
    case Stdio::Kind::inherit:
      return source;
    case Stdio::Kind::null:
      check(::posix_spawn_file_actions_addopen(actions.get(), number, "/dev/null", O_RDWR, 0), "posix_spawn");
      return source;
    case Stdio::Kind::merge:
      if (number != STDERR_FILENO) throw std::invalid_argument("verdin: only the error output can be merged");
      check(::posix_spawn_file_actions_adddup2(actions.get(), STDOUT_FILENO, number), "posix_spawn");
      return source;
    case Stdio::Kind::descriptor:
      source = copy_above(wish.fd());
      break;
    case Stdio::Kind::pipe: {
      const bool input = number == STDIN_FILENO;
      Pipe pipe = make_pipe(!input, input);
      source = copy_above(input ? pipe.read.get() : pipe.write.get());
      our_end = copy_above(input ? pipe.write.get() : pipe.read.get());
      break;
    }
  }
  check(::posix_spawn_file_actions_adddup2(actions.get(), source.get(), number), "posix_spawn");
  return source;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

pid_t spawn_child(const std::vector<std::string>& argv, const ProcessOptions& options, ParentEnds& ends) {
  if (argv.empty()) throw std::invalid_argument("verdin: a process needs a program to run");
  FileActions actions;
  Attributes attributes;
  attributes.set(options.new_session);
  const std::array<Descriptor, 3> sources{prepare(options.in, STDIN_FILENO, actions, ends.in),
                                          prepare(options.out, STDOUT_FILENO, actions, ends.out),
                                          prepare(options.err, STDERR_FILENO, actions, ends.err)};
  if (!options.cwd.empty())
    check(::posix_spawn_file_actions_addchdir_np(actions.get(), options.cwd.c_str()), "posix_spawn");
  if (options.close_others)
    check(::posix_spawn_file_actions_addclosefrom_np(actions.get(), kFirstOther), "posix_spawn");
  const std::vector<char*> arguments = pointers(argv);
  std::vector<char*> environment;
  if (options.env) environment = pointers(*options.env);
  pid_t pid = -1;
  check(::posix_spawnp(&pid, argv[0].c_str(), actions.get(), attributes.get(), arguments.data(),
                       options.env ? environment.data() : environ),
        "cannot run '" + argv[0] + "'");
  return pid;
}

}  // namespace verdin::impl
