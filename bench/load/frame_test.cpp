#include "frame.hpp"

#include <string>

#include <gtest/gtest.h>

namespace bench {
namespace {

using namespace std::string_literals;

TEST(AppendFrame, MasksAsTheExampleOfTheRfcDoes) {  // RFC 6455 §5.7
  std::string out;
  const std::string key = "\x37\xfa\x21\x3d";
  std::uint32_t mask;
  memcpy(&mask, key.data(), 4);
  append_frame(out, Opcode::kText, "Hello", mask);
  EXPECT_EQ(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s);
}

TEST(AppendFrame, WritesTheShortestLength) {
  std::string out;
  append_frame(out, Opcode::kBinary, std::string(125, 'a'), 0);
  EXPECT_EQ(out.substr(0, 2), "\x82\xfd"s);
  out.clear();
  append_frame(out, Opcode::kText, std::string(126, 'a'), 0);
  EXPECT_EQ(out.substr(0, 4), "\x81\xfe\x00\x7e"s);
  EXPECT_EQ(out.size(), 4U + 4 + 126);
  out.clear();
  append_frame(out, Opcode::kText, std::string(65536, 'a'), 0);
  EXPECT_EQ(out.substr(0, 10), "\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

TEST(AppendHeader, IsAServersWithoutAMask) {
  std::string out;
  append_header(out, Opcode::kText, 125);
  EXPECT_EQ(out, "\x81\x7d"s);
  out.clear();
  append_header(out, Opcode::kBinary, 65535);
  EXPECT_EQ(out, "\x82\x7e\xff\xff"s);
  out.clear();
  append_header(out, Opcode::kText, 1 << 20);
  EXPECT_EQ(out, "\x81\x7f\x00\x00\x00\x00\x00\x10\x00\x00"s);
}

TEST(AppendHeader, AndMaskedOctetsAreAFrame) {
  const std::string payload(70'000, 'p');
  std::string frame;
  append_frame(frame, Opcode::kText, payload, 0x04030201);
  std::string parts;
  append_header(parts, Opcode::kText, payload.size(), 0x04030201);
  for (const std::size_t size : {64U, 32'764U, 37'172U}) {
    std::string part(size, 'p');
    mask_octets(part.data(), part.size(), 0x04030201);
    parts += part;
  }
  EXPECT_EQ(parts, frame);
}

TEST(AppendFrame, MaskRunsThroughEveryOctet) {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string out;
    append_frame(out, Opcode::kText, std::string(size, 'x'), 0x04030201);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(out[6 + i], static_cast<char>('x' ^ static_cast<char>(1 + i % 4)));
    }
  }
}

TEST(TakeFrame, TakesOneAfterTheOther) {
  const std::string wire = "\x81\x02hi\x89\x00\x82\x01z"s;
  std::string_view input = wire;
  Frame frame;
  ASSERT_EQ(take_frame(input, frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.opcode, Opcode::kText);
  EXPECT_EQ(frame.payload, "hi");
  ASSERT_EQ(take_frame(input, frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.opcode, Opcode::kPing);
  EXPECT_TRUE(frame.payload.empty());
  ASSERT_EQ(take_frame(input, frame), FrameStatus::kFrame);
  EXPECT_EQ(frame.opcode, Opcode::kBinary);
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(take_frame(input, frame), FrameStatus::kIncomplete);
}

TEST(TakeFrame, WaitsForTheLastOctet) {
  for (const std::size_t size : {0, 1, 125, 126, 300, 65535, 65536, 70000}) {
    std::string wire = "\x81";
    if (size <= 125) {
      wire += static_cast<char>(size);
    } else if (size <= 65535) {
      wire += "\x7e"s + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff);
    } else {
      wire += "\x7f\x00\x00\x00\x00\x00\x01"s + static_cast<char>((size >> 8) & 0xff) +
              static_cast<char>(size & 0xff);
    }
    wire += std::string(size, 'q');
    Frame frame;
    for (std::size_t cut = 0; cut < wire.size(); cut += cut < 20 ? 1 : 4999) {
      std::string_view part(wire.data(), cut);
      ASSERT_EQ(take_frame(part, frame), FrameStatus::kIncomplete) << size << " cut at " << cut;
      ASSERT_EQ(part.size(), cut);
    }
    std::string_view input = wire;
    ASSERT_EQ(take_frame(input, frame), FrameStatus::kFrame) << size;
    EXPECT_EQ(frame.payload, std::string(size, 'q'));
  }
}

TEST(TakeFrame, RefusesWhatAServerMustNotSend) {
  const std::string bad[] = {
      "\x81\x80\x01\x02\x03\x04"s,                  // masked
      "\xc1\x00"s,                                  // reserved bit
      "\x83\x00"s,                                  // reserved opcode
      "\x8b\x00"s,                                  // reserved control opcode
      "\x09\x00"s,                                  // fragmented ping
      "\x89\x7e\x00\x7e"s,                          // long ping
      "\x81\x7e\x00\x7d"s,                          // length not in its shortest form
      "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s,  // same, 8 octets
      "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s,  // highest bit set
  };
  for (const std::string& wire : bad) {
    std::string_view input = wire;
    Frame frame;
    EXPECT_EQ(take_frame(input, frame), FrameStatus::kInvalid) << testing::PrintToString(wire);
  }
}

}  // namespace
}  // namespace bench
