// Runs the programs of the differential test (see README.md) on Verdin: reads them from standard input, one
// after the other, and answers each with its trace. The twin of gevent_runner.py: a line of a trace is
// written in both or in neither.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <verdin/runtime/channel.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/future.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>

#include "differential/program.hpp"

namespace differential {
namespace {

using Arguments = std::vector<std::string>;
using Answer = std::optional<std::string>;

constexpr int kRounds = 6;  // how often main tells those that are stuck to end

struct Boom : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::chrono::milliseconds milliseconds(const std::string& text) {
  return std::chrono::milliseconds(std::stol(text));
}

/// Of the exception that is being handled.
std::string name_of_current() {
  try {
    throw;
  } catch (const verdin::GreenletExit&) {
    return "exit";
  } catch (const verdin::GreenletKilled&) {
    return "exit";
  } catch (const Boom& boom) {
    return std::string("boom ") + boom.what();
  } catch (const verdin::TimeoutExpired&) {
    return "timeout";
  } catch (const verdin::LoopExit&) {
    return "deadlock";
  } catch (const std::exception& e) {
    return e.what();
  }
}

std::string name_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (...) {
    return name_of_current();
  }
}

class Player {
 public:
  explicit Player(const Program& program) : program_(program) {
    for (const Declaration& object : program.objects) declare(object);
    add_greenlet_operations();
    add_event_operations();
    add_queue_operations();
    add_semaphore_operations();
    add_result_operations();
    add_channel_operations();
  }

  std::vector<std::string> play() {
    verdin::run([this] {
      verdin::Hub::current().on_error([](std::string_view, const std::exception_ptr&) {});
      try {
        start("0");
      } catch (...) {  // it is in the trace
      }
      settle();
      verdin::sleep(std::chrono::milliseconds(1));  // what was on its way, such as links
      describe();
    });
    return std::move(trace_);
  }

 private:
  using Handle = verdin::Greenlet<int>;
  using Queue = verdin::Queue<int>;

  void declare(const Declaration& object) {
    if (object.kind == "event") {
      events_.emplace_back();
    } else if (object.kind == "queue") {
      queues_.emplace_back(object.parameter ? static_cast<std::size_t>(object.parameter) : Queue::kUnbounded);
    } else if (object.kind == "semaphore") {
      semaphores_.push_back(std::make_unique<verdin::Semaphore>(static_cast<std::size_t>(object.parameter)));
    } else if (object.kind == "bounded") {
      semaphores_.push_back(
          std::make_unique<verdin::BoundedSemaphore>(static_cast<std::size_t>(object.parameter)));
    } else if (object.kind == "result") {
      results_.emplace_back();
    } else if (object.kind == "channel") {
      channels_.emplace_back();
    } else {
      throw std::runtime_error("there is no object called " + object.kind);
    }
  }

  void log(const std::string& who, const std::string& what) { trace_.push_back(who + " " + what); }

  int start(const std::string& who) {
    log(who, "start");
    try {
      run(who, program_.bodies.at(who));
    } catch (...) {
      log(who, "raises " + name_of_current());
      throw;
    }
    log(who, "end");
    return 100 + std::stoi(who);
  }

  void run(const std::string& who, const Block& block) {
    for (const Operation& operation : block) {
      if (operation.name == "timeout") {
        run_timeout(who, operation);
      } else if (operation.name == "try") {
        run_try(who, operation);
      } else {
        const Answer answer = operations_.at(operation.name)(operation.arguments);
        std::string line = operation.name;
        for (const std::string& argument : operation.arguments) line += " " + argument;
        log(who, answer ? line + " = " + *answer : line);
      }
    }
  }

  void run_timeout(const std::string& who, const Operation& operation) {
    const std::string& limit = operation.arguments.at(0);
    verdin::Timeout timeout(milliseconds(limit));
    try {
      run(who, operation.first);
      log(who, "in time " + limit);
    } catch (const verdin::TimeoutExpired& error) {
      if (!timeout.is(error)) throw;
      log(who, "timed out " + limit);
    }
  }

  void run_try(const std::string& who, const Operation& operation) {
    if (operation.joined_by == "finally") {
      try {
        run(who, operation.first);
      } catch (...) {
        log(who, "finally");
        run(who, operation.second);
        throw;
      }
      log(who, "finally");
      run(who, operation.second);
      return;
    }
    try {
      run(who, operation.first);
    } catch (...) {
      const std::string error = name_of_current();
      const bool ordinary = error.starts_with("boom") || error == "deadlock";
      if (operation.joined_by == "catch" && !ordinary) throw;
      log(who, (operation.joined_by == "catch" ? "caught " : "swallowed ") + error);
      run(who, operation.second);
    }
  }

  // ---- operations

  Answer with_greenlet(const std::string& body, const std::function<Answer(Handle&)>& function) {
    const auto at = greenlets_.find(body);
    if (at == greenlets_.end()) return "none";
    Handle handle = at->second;
    return function(handle);
  }

  static std::string dead(bool is) { return is ? "dead" : "alive"; }

  void add_greenlet_operations() {
    operations_["sleep"] = [](const Arguments& a) -> Answer {
      verdin::sleep(milliseconds(a[0]));
      return {};
    };
    operations_["raise"] = [](const Arguments& a) -> Answer { throw Boom(a[0]); };
    operations_["spawn"] = [this](const Arguments& a) -> Answer {
      if (greenlets_.contains(a[0])) return "twice";
      greenlets_.emplace(a[0], verdin::spawn([this, body = a[0]] { return start(body); }));
      return {};
    };
    operations_["spawn_after"] = [this](const Arguments& a) -> Answer {
      if (greenlets_.contains(a[0])) return "twice";
      greenlets_.emplace(
          a[0], verdin::spawn_after(milliseconds(a[1]), [this, body = a[0]] { return start(body); }));
      return {};
    };
    add_kill_operations();
    add_join_operations();
    add_link_operations();
  }

  void add_kill_operations() {
    operations_["kill_for"] = [this](const Arguments& a) {
      return with_greenlet(
          a[0], [&](Handle& handle) -> Answer { return dead(handle.kill_for(milliseconds(a[1]))); });
    };
    operations_["kill_all"] = [this](const Arguments& a) -> Answer {
      const std::vector<Handle> handles = handles_of(a.begin() + 1, a.end());
      if (handles.empty()) return "none";
      verdin::KillOptions options;
      if (a[0] != "0") options.limit = milliseconds(a[0]);
      verdin::kill_all(handles, options);
      return {};
    };
    operations_["kill"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [](Handle& handle) -> Answer {
        handle.kill();
        return {};
      });
    };
    operations_["kill_async"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [](Handle& handle) -> Answer {
        handle.kill_async();
        return {};
      });
    };
    operations_["boom_async"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [&](Handle& handle) -> Answer {
        handle.kill_async(std::make_exception_ptr(Boom(a[1])));
        return {};
      });
    };
  }

  void add_link_operations() {
    operations_["link"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [&](Handle& handle) -> Answer {
        handle.on_done_spawn([this, body = a[0], tag = a[1]] {
          log("link", body + " " + tag);
          verdin::yield();
          log("link", body + " " + tag + " again");
        });
        return {};
      });
    };
    operations_["rawlink"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [&](Handle& handle) -> Answer {
        handle.on_done([this, body = a[0], tag = a[1]] { log("rawlink", body + " " + tag); });
        return {};
      });
    };
  }

  void add_join_operations() {
    operations_["join"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [](Handle& handle) -> Answer {
        handle.join();
        return {};
      });
    };
    operations_["join_for"] = [this](const Arguments& a) {
      return with_greenlet(
          a[0], [&](Handle& handle) -> Answer { return dead(handle.join_for(milliseconds(a[1]))); });
    };
    operations_["get"] = [this](const Arguments& a) {
      return with_greenlet(a[0], [](Handle& handle) -> Answer {
        try {
          return std::to_string(handle.get());
        } catch (const verdin::GreenletKilled&) {
          return "exit";
        }
      });
    };
    operations_["join_all"] = [this](const Arguments& a) { return join_all(a); };
  }

  std::vector<Handle> handles_of(Arguments::const_iterator body, Arguments::const_iterator end) {
    std::vector<Handle> handles;
    for (; body != end; ++body) {
      if (const auto at = greenlets_.find(*body); at != greenlets_.end()) handles.push_back(at->second);
    }
    return handles;
  }

  Answer join_all(const Arguments& a) {
    const std::vector<Handle> handles = handles_of(a.begin() + 3, a.end());
    if (handles.empty()) return "none";
    verdin::JoinOptions options;
    if (a[0] != "0") options.count = std::stoul(a[0]);
    if (a[1] != "0") options.limit = milliseconds(a[1]);
    options.raise_error = a[2] == "raise";
    std::string ended;
    for (const Handle& handle : verdin::join_all(handles, options))
      ended += (ended.empty() ? "" : " ") + body_of(handle);
    return ended.empty() ? "nobody" : ended;
  }

  std::string body_of(const Handle& handle) {
    for (const auto& [body, other] : greenlets_) {
      if (&other.base() == &handle.base()) return body;
    }
    return "?";
  }

  void add_event_operations() {
    operations_["set"] = [this](const Arguments& a) -> Answer {
      at(events_, a).set();
      return {};
    };
    operations_["clear"] = [this](const Arguments& a) -> Answer {
      at(events_, a).clear();
      return {};
    };
    operations_["wait"] = [this](const Arguments& a) -> Answer {
      at(events_, a).wait();
      return {};
    };
    operations_["wait_for"] = [this](const Arguments& a) -> Answer {
      return at(events_, a).wait_for(milliseconds(a[1])) ? "set" : "unset";
    };
  }

  void add_queue_operations() {
    operations_["put"] = [this](const Arguments& a) -> Answer {
      const int item = ++items_;
      at(queues_, a).put(item);
      return std::to_string(item);
    };
    operations_["put_for"] = [this](const Arguments& a) -> Answer {
      const int item = ++items_;
      return at(queues_, a).put_for(item, milliseconds(a[1])) ? std::to_string(item) : "full";
    };
    operations_["try_put"] = [this](const Arguments& a) -> Answer {
      const int item = ++items_;
      return at(queues_, a).try_put(item) ? std::to_string(item) : "full";
    };
    operations_["take"] = [this](const Arguments& a) -> Answer {
      return std::to_string(at(queues_, a).get());
    };
    operations_["take_for"] = [this](const Arguments& a) -> Answer {
      const auto item = at(queues_, a).get_for(milliseconds(a[1]));
      return item ? std::to_string(*item) : "empty";
    };
    operations_["try_take"] = [this](const Arguments& a) -> Answer {
      const auto item = at(queues_, a).try_get();
      return item ? std::to_string(*item) : "empty";
    };
  }

  void add_semaphore_operations() {
    operations_["acquire"] = [this](const Arguments& a) -> Answer {
      at(semaphores_, a)->acquire();
      return {};
    };
    operations_["acquire_for"] = [this](const Arguments& a) -> Answer {
      return at(semaphores_, a)->acquire_for(milliseconds(a[1])) ? "taken" : "late";
    };
    operations_["try_acquire"] = [this](const Arguments& a) -> Answer {
      return at(semaphores_, a)->try_acquire() ? "taken" : "none";
    };
    operations_["release"] = [this](const Arguments& a) -> Answer {
      try {
        return std::to_string(at(semaphores_, a)->release());
      } catch (const verdin::LockMisuse&) {
        return "too often";
      }
    };
  }

  void add_result_operations() {
    operations_["fulfil"] = [this](const Arguments& a) -> Answer {
      if (!at(results_, a).try_set_value(std::stoi(a[1]))) return "twice";
      return {};
    };
    operations_["fail"] = [this](const Arguments& a) -> Answer {
      if (!at(results_, a).try_set_exception(std::make_exception_ptr(Boom(a[1])))) return "twice";
      return {};
    };
    operations_["result"] = [this](const Arguments& a) -> Answer {
      return std::to_string(at(results_, a).future().get());
    };
    operations_["result_for"] = [this](const Arguments& a) -> Answer {
      auto future = at(results_, a).future();
      const int* const value = future.get_for(milliseconds(a[1]));
      return value ? std::to_string(*value) : "late";
    };
    operations_["await"] = [this](const Arguments& a) -> Answer {
      at(results_, a).future().wait();
      return {};
    };
  }

  void add_channel_operations() {
    operations_["send"] = [this](const Arguments& a) -> Answer {
      const int item = ++items_;
      at(channels_, a).put(item);
      return std::to_string(item);
    };
    operations_["send_for"] = [this](const Arguments& a) -> Answer {
      const int item = ++items_;
      return at(channels_, a).put_for(item, milliseconds(a[1])) ? std::to_string(item) : "late";
    };
    operations_["receive"] = [this](const Arguments& a) -> Answer {
      return std::to_string(at(channels_, a).get());
    };
    operations_["receive_for"] = [this](const Arguments& a) -> Answer {
      const auto item = at(channels_, a).get_for(milliseconds(a[1]));
      return item ? std::to_string(*item) : "late";
    };
  }

  template <typename T>
  static T& at(std::list<T>& objects, const Arguments& arguments) {
    return *std::next(objects.begin(), std::stoi(arguments.at(0)));
  }

  // ---- the whole

  /// Ends what is left, and says in which order it went.
  void settle() {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Handle> left;
      std::string names;
      for (const auto& [body, handle] : greenlets_) {
        if (handle.ready()) continue;
        left.push_back(handle);
        names += " " + body;
      }
      if (left.empty()) return;
      log("main", "left" + names);
      try {
        verdin::join_all(left);
        log("main", "joined");
      } catch (const verdin::LoopExit&) {
        log("main", "deadlock");
        for (Handle& handle : left) handle.kill_async();
      }
    }
    log("main", "gives up");
  }

  void describe() {
    for (auto& [body, handle] : greenlets_) {
      std::string result = "None";
      if (handle.killed()) {
        result = "exit";
      } else if (handle.exception()) {
        result = name_of(handle.exception());
      } else if (handle.ready()) {
        result = std::to_string(handle.get());
      }
      log("final " + body, (handle.ready() ? "ready " : "alive ") + result);
    }
    std::string events = "events";
    for (const verdin::Event& event : events_) events += event.is_set() ? " 1" : " 0";
    log("final", events);
    std::string queues = "queues";
    for (const Queue& queue : queues_) queues += " " + std::to_string(queue.size());
    log("final", queues);
    std::string semaphores = "semaphores";
    for (const auto& semaphore : semaphores_) semaphores += " " + std::to_string(semaphore->count());
    log("final", semaphores);
  }

  const Program& program_;
  std::map<std::string, std::function<Answer(const Arguments&)>> operations_;
  std::vector<std::string> trace_;
  int items_ = 0;
  std::list<verdin::Event> events_;
  std::list<Queue> queues_;
  std::list<std::unique_ptr<verdin::Semaphore>> semaphores_;
  std::list<verdin::Promise<int>> results_;
  std::list<verdin::Channel<int>> channels_;
  std::map<std::string, Handle> greenlets_;
};

}  // namespace
}  // namespace differential

int main() {
  differential::Parser parser(std::cin);
  for (;;) {
    differential::Program program;
    if (!parser.next(program)) return 0;
    for (const std::string& line : differential::Player(program).play()) std::cout << line << '\n';
    std::cout << "done" << std::endl;
  }
}
