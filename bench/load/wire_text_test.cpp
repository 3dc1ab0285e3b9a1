#include "wire_text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace bench {
namespace {

std::string payload(std::size_t size, std::size_t client, std::uint64_t sequence) {
  std::string out;
  append_payload(out, size, client, sequence);
  return out;
}

TEST(WireText, PayloadHasItsSize) {
  for (const std::size_t size : {0, 1, 7, 8, 9, 20, 5000}) EXPECT_EQ(payload(size, 3, 12345).size(), size);
}

TEST(WireText, PayloadsDiffer) {
  EXPECT_NE(payload(20, 1, 1), payload(20, 1, 2));
  EXPECT_NE(payload(20, 1, 1), payload(20, 2, 1));
  EXPECT_EQ(payload(20, 0, 42), "aaaaaaaaaaaa00000042");
}

TEST(WireText, PacketsAreWhatSocketIoClientWrites) {
  std::string event;
  append_echo_event(event, 18446744073709551615U, "x");
  EXPECT_EQ(event, "4218446744073709551615[\"echo\",\"x\"]");
  std::string ack;
  append_ack(ack, 0, "");
  EXPECT_EQ(ack, "430[\"\"]");
  std::string cast;
  append_cast_event(cast, "hi");
  EXPECT_EQ(cast, "42[\"cast\",\"hi\"]");
  std::string room;
  append_room_event(room, "hi");
  EXPECT_EQ(room, "42[\"room\",\"hi\"]");
}

}  // namespace
}  // namespace bench
