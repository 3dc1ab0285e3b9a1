// A connection as a client: what it sends is masked, what it gets is not.
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <verdin/protocol/websocket/deflater.hpp>
#include <verdin/protocol/websocket/frame_decoder.hpp>
#include <verdin/websocket/connection.hpp>
#include <verdin/websocket/shared_message.hpp>

#include "support/websocket_client_frames.hpp"
#include "support/websocket_fake_stream.hpp"

namespace verdin::websocket {
namespace {

using protocol::websocket::DecoderEvent;
using protocol::websocket::DeflateParams;
using protocol::websocket::Deflater;
using protocol::websocket::FrameDecoder;
using protocol::websocket::make_frame;
using test::FakeLoop;
using test::FakePeer;
using test::FakeStream;

class ClientRole : public testing::Test, public ConnectionHandler {
 protected:
  void begin(std::optional<DeflateParams> deflate = {}) {
    connection =
        make_intrusive<Connection>(FakeStream::make(loop, peer), options, *this, "", deflate, Role::client);
    if (deflate) server.enable_deflate(*deflate);
  }
  /// What a server reads of what was sent.
  std::vector<std::string> sent() {
    peer.end_turn();
    std::string octets = peer.take_received();
    const std::size_t size = octets.size();
    octets.append(protocol::websocket::kMessagePadding, '\0');
    std::span<char> input(octets.data(), size);
    std::vector<std::string> messages;
    for (;;) {
      const DecoderEvent event = server.next(input);
      if (event.kind == DecoderEvent::Kind::need_more) return messages;
      messages.push_back(std::to_string(static_cast<int>(event.kind)) +
                         std::string(event.payload.data(), event.payload.size()));
      if (event.kind == DecoderEvent::Kind::failed) return messages;
    }
  }
  static std::string kind(DecoderEvent::Kind kind, std::string_view payload) {
    return std::to_string(static_cast<int>(kind)) + std::string(payload);
  }

  void on_text(std::span<char> message) override { got.emplace_back(message.data(), message.size()); }
  void on_binary(std::span<char> message) override { got.emplace_back(message.data(), message.size()); }
  void on_close(const Close& close) override { end = close; }

  FakeLoop loop;
  FakePeer peer;
  Options options;
  FrameDecoder server{Role::server, 10'000'000};
  std::vector<std::string> got;
  std::optional<Close> end;
  IntrusivePtr<Connection> connection;
};

using Kind = DecoderEvent::Kind;

TEST_F(ClientRole, MasksAllThatItSends) {
  begin();
  const std::string large(70'000, 'y');
  connection->send_text("hello");
  connection->send_binary(large);
  connection->ping("p");
  {
    MessageWriter writer(*connection);
    writer.out() += "written";
    writer.finish(Opcode::text);
  }
  {
    MessageWriter writer(*connection);
    writer.out() += large;
    writer.finish(Opcode::binary);
  }
  SharedMessage shared(Opcode::text, "shared");
  connection->send(shared);
  connection->begin_message(Opcode::text);
  connection->send_part("pa");
  connection->send_text("behind");
  connection->send_part("rts");
  connection->end_message();
  EXPECT_EQ(sent(), (std::vector<std::string>{kind(Kind::text, "hello"), kind(Kind::binary, large),
                                              kind(Kind::ping, "p"), kind(Kind::text, "written"),
                                              kind(Kind::binary, large), kind(Kind::text, "shared"),
                                              kind(Kind::text, "parts"), kind(Kind::text, "behind")}));
  EXPECT_THROW(connection->send_frame(make_frame(Opcode::text, {"x"})), std::logic_error);
}

TEST_F(ClientRole, MasksDiffer) {
  begin();
  std::set<std::string> masks;
  for (int i = 0; i < 1000; ++i) {
    connection->send_text("");
    peer.end_turn();
    const std::string frame = peer.take_received();
    ASSERT_EQ(frame.size(), 6u);
    masks.insert(frame.substr(2));
  }
  EXPECT_GE(masks.size(), 998u);
}

#if !defined(__SANITIZE_THREAD__)
TEST_F(ClientRole, MasksOfAForkedChildAreItsOwn) {
  const auto next_mask = [this] {
    connection->send_text("");
    peer.end_turn();
    return peer.take_received().substr(2);
  };
  begin();
  next_mask();  // there are some in store now
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string masks;
    for (int i = 0; i < 4; ++i) masks += next_mask();
    ::_exit(::write(fds[1], masks.data(), masks.size()) == 16 ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  char its[16] = {};
  EXPECT_EQ(::read(fds[0], its, sizeof its), 16);
  for (const int fd : fds) ::close(fd);
  for (int i = 0; i < 4; ++i) EXPECT_NE(next_mask(), std::string(its + 4 * i, 4)) << i;
}
#endif

TEST_F(ClientRole, RefusesFramesThatAreMasked) {
  begin();
  peer.deliver(test::client_text("x"));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, 1002);
}

TEST_F(ClientRole, ReceivesAnswersPingsAndCloses) {
  begin();
  peer.deliver(std::string(make_frame(Opcode::text, {"hi"}).view()) +
               std::string(make_frame(Opcode::ping, {"?"}).view()) +
               std::string(make_frame(Opcode::close, {test::close_payload(1001, "bye")}).view()));
  EXPECT_EQ(got, (std::vector<std::string>{"hi"}));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, 1001);
  EXPECT_EQ(end->reason, "bye");
  EXPECT_TRUE(end->clean);
  EXPECT_TRUE(peer.retired);
  EXPECT_EQ(sent(),
            (std::vector<std::string>{kind(Kind::pong, "?"), kind(Kind::close, test::close_payload(1001))}));
}

TEST_F(ClientRole, CompressesAsItsSideAgreed) {
  for (const bool alone : {false, true}) {
    DeflateParams params;
    params.client_no_context_takeover = alone;
    params.server_no_context_takeover = !alone;
    params.client_max_window_bits = 10;
    options.deflate.emplace().threshold = 10;
    begin(params);
    const std::string text(5000, 'z');
    connection->send_text(text);
    connection->send_text(text);
    EXPECT_EQ(sent(), (std::vector<std::string>{kind(Kind::text, text), kind(Kind::text, text)}));
    Deflater ours(params, *options.deflate, Role::server);
    std::string compressed;
    ours.deflate(text, compressed);
    peer.deliver(protocol::websocket::make_compressed_frame(Opcode::text, compressed).view());
    EXPECT_EQ(got.back(), text);
    connection->abort();
    server.reset();
  }
}

TEST_F(ClientRole, DoesNotCompressWithAWindowThatZlibHasNot) {
  DeflateParams params;
  params.client_max_window_bits = 8;
  options.deflate.emplace().threshold = 1;
  begin(params);
  connection->send_text(std::string(100, 'a'));
  peer.end_turn();
  EXPECT_EQ(static_cast<unsigned char>(peer.take_received()[0]), 0x81);
}

}  // namespace
}  // namespace verdin::websocket
