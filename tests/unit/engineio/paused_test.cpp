// What a session that wants nothing more does with what has come already: nothing is delivered, nothing is
// lost or reordered, and memory is bounded. Measured in messages, not in time.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <verdin/engineio/server.hpp>
#include <verdin/verdin.hpp>

#include "support/engineio_peer.hpp"
#include "support/wanted_loop.hpp"

using namespace std::chrono_literals;
using namespace verdin::test;
namespace eio = verdin::eio;
namespace http = verdin::http;

namespace {

const std::string kPath = "/engine.io/";

/// One session, whose handler remembers and does what the test wants.
struct Recorder final : eio::SessionHandler {
  void on_message(std::span<char> text) override {
    messages.emplace_back(text.data(), text.size());
    if (then) then();
    changed.set();
  }
  void on_binary(std::span<char> data) override { on_message(data); }
  void on_close(eio::CloseReason reason, std::string_view) override {
    ended = to_string(reason);
    changed.set();
  }
  template <typename Condition>
  void wait_until(Condition condition) {
    while (!condition()) {
      changed.clear();
      ASSERT_TRUE(changed.wait_for(10s));
    }
  }
  void wait_for_messages(std::size_t count) {
    wait_until([&] { return messages.size() >= count; });
  }
  void wait_for_end() {
    wait_until([&] { return !ended.empty(); });
  }

  verdin::IntrusivePtr<eio::Session> session;
  std::function<void()> then;
  std::vector<std::string> messages;
  std::string ended;
  verdin::Event changed;
};

template <typename Body>
void with_server(Body body, eio::Options options = {}) {
  verdin::run([&] {
    eio::Server server(std::move(options));
    Recorder recorder;
    server.on_session([&](eio::Session& session, const http::Request&) {
      recorder.session = verdin::IntrusivePtr(&session);
      session.set_handler(&recorder);
    });
    http::App app;
    app.mount(server);
    body(app, recorder);
    recorder.session->set_handler(nullptr);
  });
}

std::string number(std::size_t i) { return std::to_string(i); }

/// "4" + prefix + "0", "4" + prefix + "1", ... joined as a polling payload.
std::string payload_of(std::size_t count, const std::string& prefix = "") {
  std::string payload;
  for (std::size_t i = 0; i < count; ++i)
    payload += (i > 0 ? "\x1e"
                        "4"
                      : "4") +
               prefix + number(i);
  return payload;
}

std::string frames_of(std::size_t count) {
  std::string frames;
  for (std::size_t i = 0; i < count; ++i) frames += client_text("4" + number(i));
  return frames;
}

void expect_numbers(const std::vector<std::string>& messages, std::size_t count) {
  ASSERT_EQ(messages.size(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(messages[i], number(i));
}

/// So long that whatever the hub had to do is done.
void let_others_run() {
  for (int i = 0; i < 20; ++i) verdin::sleep(0s);
  verdin::sleep(1ms);
}

TEST(WantedLoop, is_the_one_it_runs_on) { verdin::test::expect_the_wanted_loop(); }

TEST(PausedSession, takes_of_a_post_what_it_wants_and_the_rest_later) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    eio::Session& session = *recorder.session;
    recorder.then = [&] {
      if (recorder.messages.size() % 10 == 0) session.pause();
    };
    auto post = verdin::spawn([&] { return peer.post(payload_of(1000)); });
    for (std::size_t taken = 10; taken <= 1000; taken += 10) {
      recorder.wait_for_messages(taken);
      let_others_run();
      ASSERT_EQ(recorder.messages.size(), taken);
      ASSERT_FALSE(post.ready()) << "answered before it was taken";
      session.resume();
      ASSERT_EQ(recorder.messages.size(), taken) << "no call on a session calls back";
    }
    EXPECT_EQ(body_of(post.get()), "ok");
    expect_numbers(recorder.messages, 1000);
    EXPECT_EQ(status_of(peer.post("4more")), 200);
  });
}

TEST(PausedSession, takes_of_a_websocket_read_what_it_wants_and_the_rest_later) {
  with_server([](http::App& app, Recorder& recorder) {
    WebSocketPeer peer(app, kPath);
    peer.receive();
    eio::Session& session = *recorder.session;
    recorder.then = [&] {
      if (recorder.messages.size() % 10 == 0) session.pause();
    };
    peer.send_raw(frames_of(1000));
    for (std::size_t taken = 10; taken <= 1000; taken += 10) {
      recorder.wait_for_messages(taken);
      let_others_run();
      ASSERT_EQ(recorder.messages.size(), taken);
      session.resume();
      ASSERT_EQ(recorder.messages.size(), taken) << "no call on a session calls back";
    }
    expect_numbers(recorder.messages, 1000);
    peer.send_raw(frames_of(7));
    recorder.wait_for_messages(1007);
  });
}

TEST(PausedSession, hears_of_the_peers_close_behind_what_came_before) {
  with_server([](http::App& app, Recorder& recorder) {
    WebSocketPeer peer(app, kPath);
    peer.receive();
    recorder.then = [&] { recorder.session->pause(); };
    peer.send_raw(frames_of(3) + client_text("1") + client_text("4never"));
    for (std::size_t taken = 1; taken <= 3; ++taken) {
      recorder.wait_for_messages(taken);
      let_others_run();
      EXPECT_EQ(recorder.ended, "");
      recorder.session->resume();
    }
    recorder.wait_for_end();
    EXPECT_EQ(recorder.ended, "transport close");
    expect_numbers(recorder.messages, 3);
  });
}

TEST(PausedSession, refuses_a_post_behind_one_that_is_not_taken) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    recorder.then = [&] { recorder.session->pause(); };
    auto post = verdin::spawn([&] { return peer.post(payload_of(100)); });
    recorder.wait_for_messages(1);
    EXPECT_EQ(status_of(peer.post("4x")), 400);
    EXPECT_EQ(recorder.ended, "transport error");
    EXPECT_EQ(status_of(post.get()), 200);
    recorder.session->resume();
    let_others_run();
    EXPECT_EQ(recorder.messages.size(), 1u) << "nothing is delivered behind the end";
  });
}

/// What the peer has sent ahead would keep the session alive: each poll waits for a ping, each pong answers
/// one. Nothing behind the first poll is read, and so the end is not seen.
TEST(PausedSession, ends_when_a_peer_that_has_sent_polls_ahead_is_gone) {
  eio::Options options;
  options.ping_interval = 50ms;
  options.ping_timeout = 60s;
  with_server(
      [](http::App& app, Recorder& recorder) {
        PollingPeer peer(app, kPath);
        const std::string turn = get_request(peer.target()) + post_request(peer.target(),
                                                                           "3\x1e"
                                                                           "4pong");
        std::string ahead;
        for (int i = 0; i < 100; ++i) ahead += turn;
        int fds[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        app.serve(verdin::Hub::current().loop().adopt(fds[0]));
        ASSERT_EQ(::write(fds[1], ahead.data(), ahead.size()), static_cast<ssize_t>(ahead.size()));
        ASSERT_EQ(::shutdown(fds[1], SHUT_WR), 0);
        recorder.wait_for_end();
        EXPECT_EQ(recorder.ended, "transport error");
        EXPECT_LE(recorder.messages.size(), 2u);
        ::close(fds[1]);
      },
      options);
}

TEST(PausedSession, ends_with_a_post_half_taken) {
  const auto check = [](auto end, const std::string& ended) {
    eio::Options options;
    options.cors.origins = {"https://friend.example"};
    const auto body = [&](http::App& app, Recorder& recorder) {
      PollingPeer peer(app, kPath);
      recorder.then = [&] { recorder.session->pause(); };
      const std::string request =
          post_request(peer.target(), payload_of(100), "Origin: https://friend.example\r\n");
      auto post = verdin::spawn([&] { return http_exchange(app, request); });
      recorder.wait_for_messages(1);
      end(*recorder.session);
      const std::string answer = post.get();
      EXPECT_EQ(body_of(answer), "ok");
      EXPECT_NE(answer.find("Access-Control-Allow-Origin: https://friend.example\r\n"), std::string::npos)
          << "a page of that origin may read it, as it may any other answer: " << answer;
      recorder.session->resume();
      let_others_run();
      EXPECT_EQ(recorder.messages.size(), 1u);
      EXPECT_EQ(recorder.ended, ended);
    };
    with_server(body, options);
  };
  check([](eio::Session& session) { session.close(); }, "");
  check([](eio::Session& session) { session.drop(); }, "");
  check([](eio::Session& session) { session.server().on_stop(); }, "forced close");
}

TEST(PausedSession, ends_from_within_a_post) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    recorder.then = [&] {
      if (recorder.messages.size() == 3) recorder.session->drop();
    };
    EXPECT_EQ(body_of(peer.post(payload_of(100))), "ok");
    expect_numbers(recorder.messages, 3);
  });
}

TEST(PausedSession, learns_that_the_peer_of_a_post_has_gone) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    recorder.then = [&] { recorder.session->pause(); };
    {
      RawClient client(app);
      client.send(post_request(peer.target(), payload_of(100)));
      recorder.wait_for_messages(1);
    }
    recorder.wait_for_end();
    EXPECT_EQ(recorder.ended, "transport error");
  });
}

TEST(PausedSession, finds_the_fault_in_a_post_when_it_comes_to_it) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    recorder.then = [&] {
      if (recorder.messages.size() == 1) recorder.session->pause();
    };
    auto post = verdin::spawn([&] {
      return peer.post(payload_of(3) +
                       "\x1e"
                       "nonsense");
    });
    recorder.wait_for_messages(1);
    EXPECT_EQ(recorder.ended, "");
    recorder.session->resume();
    EXPECT_EQ(status_of(post.get()), 400);
    EXPECT_EQ(recorder.ended, "parse error");
    expect_numbers(recorder.messages, 3);
  });
}

/// A peer that upgrades while its POST is not answered yet: no official client does.
TEST(PausedSession, takes_the_rest_of_a_post_before_what_comes_over_the_upgrade) {
  with_server([](http::App& app, Recorder& recorder) {
    PollingPeer peer(app, kPath);
    eio::Session& session = *recorder.session;
    recorder.then = [&] {
      if (recorder.messages.size() % 10 == 0) session.pause();
    };
    auto post = verdin::spawn([&] { return peer.post(payload_of(40)); });
    recorder.wait_for_messages(10);
    WebSocketPeer socket(app, kPath, "&sid=" + peer.sid());
    socket.send("2probe");
    EXPECT_EQ(socket.receive(), "3probe");
    std::string frames = client_text("5");
    for (std::size_t i = 40; i < 60; ++i) frames += client_text("4" + number(i));
    socket.send_raw(frames);
    while (session.transport() != eio::Transport::websocket) verdin::sleep(0s);
    session.send_text("over the new way");
    EXPECT_EQ(socket.receive(), "4over the new way");
    for (std::size_t taken = 10; taken <= 60; taken += 10) {
      recorder.wait_for_messages(taken);
      let_others_run();
      ASSERT_EQ(recorder.messages.size(), taken);
      EXPECT_EQ(post.ready(), taken > 40);
      session.resume();
    }
    EXPECT_EQ(body_of(post.get()), "ok");
    expect_numbers(recorder.messages, 60);
    socket.send("4last");
    recorder.wait_for_messages(61);
  });
}

TEST(PausedSession, takes_no_more_of_a_post_while_its_answers_are_not_fetched) {
  eio::Options options;
  options.send_limit = 10'000;
  options.drop_limit = 1'000'000;
  with_server(
      [](http::App& app, Recorder& recorder) {
        PollingPeer peer(app, kPath);
        const std::string answer(1'000, 'x');
        recorder.then = [&] { recorder.session->send_text(answer); };
        auto post = verdin::spawn([&] { return peer.post(payload_of(100)); });
        recorder.wait_for_messages(10);
        let_others_run();
        EXPECT_LE(recorder.messages.size(), 10u);
        EXPECT_FALSE(post.ready());
        while (recorder.messages.size() < 100) {
          const std::size_t before = recorder.messages.size();
          peer.poll();
          recorder.wait_for_messages(before + 1);
          EXPECT_LE(recorder.messages.size(), before + 10);
        }
        peer.poll();
        EXPECT_EQ(body_of(post.get()), "ok");
        expect_numbers(recorder.messages, 100);
      },
      std::move(options));
}

TEST(PausedSession, counts_what_a_queued_message_costs) {
  eio::Options options;
  options.send_limit = 100'000;
  options.drop_limit = 400'000;
  with_server(
      [](http::App& app, Recorder& recorder) {
        const PollingPeer peer(app, kPath);
        for (int i = 0; i < 100'000; ++i) recorder.session->send_text("");
        EXPECT_GT(recorder.session->unsent(), 400'000u);
        EXPECT_LT(recorder.session->unsent(), 401'000u);
        recorder.wait_for_end();
        EXPECT_EQ(recorder.ended, "transport error");
      },
      std::move(options));
}

eio::Options quick_heartbeat() {
  eio::Options options;
  options.ping_interval = 20ms;
  options.ping_timeout = 30ms;
  return options;
}

TEST(PausedSession, keeps_asking_a_peer_that_it_does_not_hear) {
  with_server(
      [](http::App& app, Recorder& recorder) {
        WebSocketPeer peer(app, kPath);
        peer.receive();
        recorder.session->pause();
        for (int i = 0; i < 4; ++i) EXPECT_EQ(peer.receive(), "2") << "the official client goes without";
        EXPECT_EQ(recorder.ended, "");
        recorder.session->resume();
        recorder.wait_for_end();
        EXPECT_EQ(recorder.ended, "ping timeout") << "now it would have been heard";
      },
      quick_heartbeat());
}

TEST(PausedSession, notices_that_the_peer_of_a_websocket_has_gone) {
  with_server(
      [](http::App& app, Recorder& recorder) {
        WebSocketPeer peer(app, kPath);
        peer.receive();
        recorder.session->pause();
        peer.send_raw(frames_of(1000));
        let_others_run();
        peer.raw().disconnect();
        recorder.wait_for_end();
        EXPECT_EQ(recorder.ended, "transport close");
      },
      quick_heartbeat());
}

TEST(PausedSession, notices_that_nobody_polls_any_more) {
  with_server(
      [](http::App& app, Recorder& recorder) {
        PollingPeer peer(app, kPath);
        recorder.session->pause();
        for (int i = 0; i < 4; ++i) EXPECT_EQ(body_of(peer.poll()), "2");
        EXPECT_EQ(recorder.ended, "");
        recorder.wait_for_end();
        EXPECT_EQ(recorder.ended, "ping timeout");
      },
      quick_heartbeat());
}

}  // namespace
