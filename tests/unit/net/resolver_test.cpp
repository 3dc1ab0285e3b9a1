#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <verdin/net/resolver.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/timeout.hpp>

#include "support/forks.hpp"
#include "support/name_server.hpp"

using namespace std::chrono_literals;
using verdin::net::Address;
using verdin::net::Family;
using verdin::net::ResolveErrc;
using verdin::net::ResolveError;
using verdin::net::Resolver;
using verdin::net::ResolverBackend;
using verdin::net::ResolverOptions;
using verdin::test::NameAnswer;
using verdin::test::NameServer;

namespace {

std::atomic<int> slow_lookups_begun{0};
std::atomic<bool> slow_lookups_may_end{false};

}  // namespace

// The system's resolver, as this program has it: "slow.*" takes as long as the test wants, "fails.*" fails.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** result) {
  static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (host && std::strncmp(host, "slow.", 5) == 0) {
    ++slow_lookups_begun;
    while (!slow_lookups_may_end) std::this_thread::sleep_for(1ms);
    return real("192.0.2.77", service, hints, result);
  }
  if (host && std::strncmp(host, "fails.", 6) == 0) return EAI_AGAIN;
  if (host &&
      std::strncmp(host, "idn.", 4) == 0) {  // as it was written, and with the wish to have it translated
    const bool right = std::strcmp(host, "idn.b\xc3\xbc\x63her.test") == 0 && hints->ai_flags & AI_IDN;
    return right ? real("192.0.2.78", service, hints, result) : EAI_NONAME;
  }
  return real(host, service, hints, result);
}

namespace {

std::vector<std::string> texts(const std::vector<Address>& addresses) {
  std::vector<std::string> result;
  for (const Address& each : addresses) result.push_back(each.to_string());
  std::sort(result.begin(), result.end());
  return result;
}

std::optional<std::error_code> error_of(const std::function<void()>& call) {
  try {
    call();
    return std::nullopt;
  } catch (const ResolveError& error) {
    return error.code();
  }
}

void until(const std::function<bool()>& step) {
  while (!step()) verdin::sleep(1ms);
}

/// One that asks nobody but `server`.
ResolverOptions asking(const NameServer& server) {
  return {.backend = ResolverBackend::ares,
          .servers = {server.address()},
          .timeout = 20s,
          .tries = 1,
          .use_hosts_file = false,
          .search = false};
}

TEST(Resolve, literals_and_localhost_never_leave_the_loop) {
  using verdin::net::resolve;
  // Not even a hub is needed, since nothing is waited for.
  EXPECT_EQ(texts(resolve("192.0.2.1", 80)), std::vector<std::string>{"192.0.2.1:80"});
  EXPECT_EQ(texts(resolve("2001:db8::1", "443")), std::vector<std::string>{"[2001:db8::1]:443"});
  EXPECT_EQ(texts(resolve("[::1]", 80)), std::vector<std::string>{"[::1]:80"});
  EXPECT_EQ(texts(resolve("fe80::1%lo", 80)), std::vector<std::string>{"[fe80::1%lo]:80"});
  EXPECT_NE(resolve("fe80::1%lo", 80).front().scope_id(), 0U);
  EXPECT_EQ(error_of([] { resolve("192.0.2.1", 80, Family::ipv6); }), ResolveErrc::no_address);
  EXPECT_EQ(texts(resolve("localhost", 80, Family::ipv4)), std::vector<std::string>{"127.0.0.1:80"});
  EXPECT_EQ(texts(resolve("LocalHost.", 80, Family::ipv6)), std::vector<std::string>{"[::1]:80"});
  EXPECT_EQ(texts(resolve("app.localhost", 80, Family::ipv4)), std::vector<std::string>{"127.0.0.1:80"});
  for (const Address& each : resolve("localhost", 80)) EXPECT_TRUE(each.is_loopback());
  EXPECT_THROW(resolve("notlocalhost", 80), verdin::BlockingSwitchOutError);  // that one would leave it
}

TEST(Resolve, what_cannot_be_a_name_asks_nobody) {
  using verdin::net::resolve;
  for (const std::string& name :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a b"),
        std::string("a\0b", 3), std::string("a\nb"), std::string(255, 'a')})
    EXPECT_EQ(error_of([&] { resolve(name, 80); }), ResolveErrc::bad_name) << name;
  verdin::run([] {
    EXPECT_EQ(error_of([] { resolve("localhost", "no-such-service"); }), ResolveErrc::no_such_service);
    EXPECT_EQ(error_of([] { resolve("localhost", "65536"); }), ResolveErrc::no_such_service);
    EXPECT_EQ(error_of([] { resolve("localhost", ""); }), ResolveErrc::no_such_service);
  });
}

TEST(Resolve, the_systems_resolver) {
  verdin::run([] {
    // A form of an address that only the system's resolver knows.
    EXPECT_EQ(texts(verdin::net::resolve("127.1", 80)), std::vector<std::string>{"127.0.0.1:80"});
    EXPECT_EQ(error_of([] { verdin::net::resolve("fails.test", 80); }), ResolveErrc::try_again);
    EXPECT_EQ(verdin::net::name_of(Address::loopback_ipv4(80)).host.empty(), false);
    try {
      verdin::net::resolve("fails.test", 80);
    } catch (const std::system_error& error) {
      EXPECT_STREQ(error.what(), "verdin: resolve fails.test: no name server knew for the time being");
    }
  });
}

TEST(Resolve, names_beyond_ascii_are_the_systems_to_translate) {
  verdin::run([] {
    EXPECT_EQ(texts(verdin::net::resolve("idn.b\xc3\xbc\x63her.test", 80)),
              std::vector<std::string>{"192.0.2.78:80"});
  });
}

#if !defined(__SANITIZE_THREAD__)  // which starts no threads in a forked child

TEST(Resolve, a_forked_child_has_threads_of_its_own) {
  verdin::run([] {
    const auto one = [] { return texts(verdin::net::resolve("idn.b\xc3\xbc\x63her.test", 80)).size() == 1; };
    EXPECT_TRUE(one());  // there is a thread, and it is not just starting
    EXPECT_EQ(verdin::test::in_child(one), 0);
    EXPECT_TRUE(one());
  });
}

#endif

TEST(Resolve, a_slow_resolver_delays_nobody_else) {
  slow_lookups_may_end = false;
  slow_lookups_begun = 0;
  verdin::run([] {
    auto waiter = verdin::spawn([] { return verdin::net::resolve("slow.test", 80); });
    until([] { return slow_lookups_begun == 1; });
    auto killed = verdin::spawn([] { verdin::net::resolve("slow.test", 80); });
    until([] { return slow_lookups_begun == 2; });
    killed.kill();  // at once, though its thread is not
    EXPECT_TRUE(killed.killed());
    EXPECT_FALSE(verdin::with_timeout(1ms, [] { verdin::net::resolve("slow.test", 80); }));
    EXPECT_FALSE(waiter.ready());

    // More than there are threads: those that have not begun are dropped when nobody waits for them.
    std::vector<verdin::Greenlet<>> many;
    for (int i = 0; i < 100; ++i)
      many.push_back(verdin::spawn([] { verdin::net::resolve("slow.test", 80); }));
    until([] { return slow_lookups_begun >= 8; });
    for (auto& each : many) each.kill();
    slow_lookups_may_end = true;
    EXPECT_EQ(texts(waiter.get()), std::vector<std::string>{"192.0.2.77:80"});
    verdin::net::resolve("127.1", 80);  // queues behind all that is left
    EXPECT_EQ(slow_lookups_begun, 8);
  });
}

TEST(Resolve, a_lookup_may_outlive_its_hub) {
  slow_lookups_may_end = false;
  const int before = slow_lookups_begun;
  verdin::run([before] {
    verdin::spawn_detached([] { verdin::net::resolve("slow.test", 80); });
    until([before] { return slow_lookups_begun > before; });
  });
  slow_lookups_may_end = true;
}

TEST(Resolver, the_cache_keeps_and_forgets) {
  slow_lookups_may_end = true;
  verdin::run([] {
    Resolver resolver({.cache_size = 2});
    const int before = slow_lookups_begun;
    EXPECT_EQ(texts(resolver.resolve("slow.a", 80)), std::vector<std::string>{"192.0.2.77:80"});
    EXPECT_EQ(texts(resolver.resolve("SLOW.a.", 81)), std::vector<std::string>{"192.0.2.77:81"});
    EXPECT_EQ(slow_lookups_begun, before + 1);
    resolver.resolve("slow.a", 80, Family::ipv4);
    EXPECT_EQ(slow_lookups_begun, before + 2);
    resolver.resolve("slow.b", 80);  // the first goes
    EXPECT_EQ(resolver.cached(), 2u);
    resolver.resolve("slow.a", 80);
    EXPECT_EQ(slow_lookups_begun, before + 4);
    resolver.clear_cache();
    EXPECT_EQ(resolver.cached(), 0u);
    EXPECT_EQ(error_of([&] { resolver.resolve("fails.x", 80); }), ResolveErrc::try_again);
    EXPECT_EQ(resolver.cached(), 0u);  // it may know next time

    Resolver brief({.cache_size = 2, .cache_ttl = 0s});
    brief.resolve("slow.a", 80);
    EXPECT_EQ(brief.cached(), 0u);
    std::thread([&] { EXPECT_THROW(resolver.resolve("slow.a", 80), verdin::WrongThread); }).join();
  });
}

bool has_ares() {
  bool has = true;
  verdin::run([&] {
    try {
      const Resolver resolver({.backend = ResolverBackend::ares});
    } catch (const ResolveError& error) {
      has = error.code() != ResolveErrc::unsupported;
    }
  });
  return has;
}

class Ares : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_ares()) GTEST_SKIP() << "this Verdin was built without c-ares";
  }
};

TEST_F(Ares, families_aliases_and_reverse) {
  NameServer server;
  server.say("both.test", {.records = {NameServer::a("192.0.2.1"), NameServer::aaaa("2001:db8::1")}});
  server.say("four.test", {.records = {NameServer::a("192.0.2.4"), NameServer::a("192.0.2.5")}});
  server.say("alias.test", {.records = {NameServer::cname("real.test"), NameServer::a("192.0.2.6")}});
  server.say("1.2.0.192.in-addr.arpa", {.records = {NameServer::ptr("host.test")}});
  verdin::run([&] {
    Resolver resolver(asking(server));
    EXPECT_EQ(texts(resolver.resolve("both.test", 80)),
              (std::vector<std::string>{"192.0.2.1:80", "[2001:db8::1]:80"}));
    EXPECT_EQ(texts(resolver.resolve("both.test", 80, Family::ipv6)),
              std::vector<std::string>{"[2001:db8::1]:80"});
    EXPECT_EQ(texts(resolver.resolve("Four.Test.", "8080", Family::ipv4)),
              (std::vector<std::string>{"192.0.2.4:8080", "192.0.2.5:8080"}));
    EXPECT_EQ(texts(resolver.resolve("alias.test", 80, Family::ipv4)),
              std::vector<std::string>{"192.0.2.6:80"});
    EXPECT_EQ(resolver.name_of(Address::parse("192.0.2.1:9")).host, "host.test");
    const int before = server.asked();
    EXPECT_EQ(texts(resolver.resolve("192.0.2.9", 1)), std::vector<std::string>{"192.0.2.9:1"});
    resolver.resolve("localhost", 1);
    EXPECT_EQ(server.asked(), before);
  });
}

TEST_F(Ares, names_beyond_ascii_in_their_ascii_form) {
  NameServer server;
  server.say("xn--bcher-kva.test", {.records = {NameServer::a("192.0.2.1")}});
  verdin::run([&] {
    Resolver resolver(asking(server));
    EXPECT_EQ(texts(resolver.resolve("xn--bcher-kva.test", 80, Family::ipv4)),
              std::vector<std::string>{"192.0.2.1:80"});
    EXPECT_TRUE(error_of([&] { resolver.resolve("b\xc3\xbc\x63her.test", 80); }));
  });
}

#if !defined(__SANITIZE_THREAD__)

TEST_F(Ares, a_forked_child_asks_for_itself) {
  NameServer server;
  server.say("here.test", {.records = {NameServer::a("192.0.2.1")}});
  server.say("silent.test", {.silent = true});
  verdin::run([&] {
    Resolver resolver(asking(server));
    const auto one = [&] { return resolver.resolve("here.test", 80, Family::ipv4).size() == 1; };
    EXPECT_TRUE(one());
    auto waiter = verdin::spawn([&] { resolver.resolve("silent.test", 80); });
    const int asked = server.asked();
    until([&] { return server.asked() > asked; });  // the parent's question is under way
    EXPECT_EQ(verdin::test::in_child(one), 0);
    EXPECT_TRUE(one());
    waiter.kill();
  });
}

/// In the child nobody asks again, nobody takes the answer, and its end disturbs nobody.
TEST_F(Ares, a_forked_child_leaves_its_parents_questions_alone) {
  NameServer server;
  server.say("late.test", {.silent = true});
  verdin::run([&] {
    auto options = asking(server);
    options.timeout = 40ms;
    options.tries = 10;
    auto resolver = std::make_unique<Resolver>(options);
    const int before = server.asked();
    auto waiter = verdin::spawn([&] { return resolver->resolve("late.test", 80, Family::ipv4).size(); });
    auto killed = verdin::spawn([&] { resolver->resolve("late.test", 80, Family::ipv4); });
    until([&] { return server.asked() == before + 2; });
    killed.kill();  // the question goes on
    const int asked = server.asked();
    EXPECT_EQ(verdin::test::in_child([&] {
                bool waits_in_vain = false;
                try {
                  verdin::Event().wait();
                } catch (const verdin::LoopExit&) {
                  waits_in_vain = true;
                }
                resolver.reset();
                return waits_in_vain;
              }),
              0);
    EXPECT_EQ(server.asked(), asked);
    server.say("late.test", {.records = {NameServer::a("192.0.2.1")}});
    EXPECT_EQ(waiter.get(), 1u);
  });
}

#endif

TEST_F(Ares, errors) {
  NameServer server;
  server.say("empty.test", {});
  server.say("broken.test", {.code = 2});
  server.say("garbage.test", {.garbage = true});
  server.say("silent.test", {.silent = true});
  verdin::run([&] {
    Resolver resolver(asking(server));
    EXPECT_EQ(error_of([&] { resolver.resolve("nobody.test", 80); }), ResolveErrc::no_such_name);
    EXPECT_EQ(error_of([&] { resolver.resolve("empty.test", 80); }), ResolveErrc::no_address);
    EXPECT_NE(error_of([&] { resolver.resolve("broken.test", 80); }), std::nullopt);
    EXPECT_EQ(error_of([&] { resolver.resolve("garbage.test", 80); }), ResolveErrc::bad_answer);
    EXPECT_EQ(error_of([&] { resolver.name_of(Address::parse("192.0.2.1:9")); }), ResolveErrc::no_such_name);
    auto hasty = asking(server);
    hasty.timeout = 1ms;
    Resolver impatient(hasty);
    EXPECT_EQ(error_of([&] { impatient.resolve("silent.test", 80); }), ResolveErrc::timed_out);
  });
}

TEST_F(Ares, a_truncated_answer_is_asked_for_over_tcp) {
  NameServer server;
  NameAnswer big{.only_over_tcp = true};
  for (int i = 0; i < 200; ++i)
    big.records.push_back(NameServer::a(("192.0.2." + std::to_string(i)).c_str()));
  server.say("big.test", big);
  verdin::run([&] {
    Resolver resolver(asking(server));
    EXPECT_EQ(resolver.resolve("big.test", 80, Family::ipv4).size(), 64u);  // and no more than that
    EXPECT_EQ(server.asked_over_tcp(), 1);
  });
}

TEST_F(Ares, a_server_that_never_answers_holds_nobody_up) {
  NameServer server;
  server.say("silent.test", {.silent = true});
  server.say("a.test", {.records = {NameServer::a("192.0.2.1")}});
  verdin::run([&] {
    // Datagrams may be lost, and are when so many come on a busy machine.
    auto options = asking(server);
    options.timeout = 5s;
    options.tries = 4;
    Resolver resolver(options);
    std::vector<verdin::Greenlet<>> many;
    for (int i = 0; i < 50; ++i) many.push_back(verdin::spawn([&] { resolver.resolve("silent.test", 80); }));
    until([&] { return server.asked() >= 50; });
    EXPECT_EQ(resolver.resolve("a.test", 80, Family::ipv4).size(), 1u);
    for (auto& each : many) each.kill();
    EXPECT_FALSE(verdin::with_timeout(1ms, [&] { resolver.resolve("silent.test", 80); }));
    // An answer that comes now is for nobody.
    server.say("silent.test", {.records = {NameServer::a("192.0.2.2")}});
    EXPECT_EQ(resolver.resolve("silent.test", 80, Family::ipv4).size(), 1u);
  });  // the resolver goes with questions that nobody answered
}

TEST_F(Ares, the_cache_follows_the_answers) {
  NameServer server;
  server.say("a.test", {.records = {NameServer::a("192.0.2.1")}});
  server.say("brief.test", {.records = {NameServer::a("192.0.2.1", 0)}});
  verdin::run([&] {
    auto options = asking(server);
    options.cache_size = 100;
    Resolver resolver(options);
    for (int i = 0; i < 5; ++i) resolver.resolve("a.test", 80, Family::ipv4);
    EXPECT_EQ(server.asked(), 1);
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(error_of([&] { resolver.resolve("nobody.test", 80, Family::ipv4); }),
                ResolveErrc::no_such_name);
    EXPECT_EQ(server.asked(), 2);
    for (int i = 0; i < 3; ++i) resolver.resolve("brief.test", 80, Family::ipv4);
    EXPECT_EQ(server.asked(), 5);
    EXPECT_EQ(resolver.cached(), 2u);
  });
}

}  // namespace
