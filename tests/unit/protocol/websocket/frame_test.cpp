#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <verdin/protocol/websocket/frame.hpp>

#include "support/websocket_client_frames.hpp"

namespace verdin::protocol::websocket {
namespace {

using Status = HeaderResult::Status;

HeaderResult read(std::string_view octets, FrameHeader& header, Role role = Role::server) {
  return read_header(std::span(octets.data(), octets.size()), role, header);
}

std::string written(Opcode opcode, std::uint64_t size, bool fin = true) {
  char to[kMaxServerFrameHeader];
  return {to, write_header(to, opcode, size, fin)};
}

TEST(WebSocketFrame, WritesTheShortestLength) {
  EXPECT_EQ(written(Opcode::text, 0), std::string("\x81\x00", 2));
  EXPECT_EQ(written(Opcode::binary, 125), "\x82\x7D");
  EXPECT_EQ(written(Opcode::text, 126), std::string("\x81\x7E\x00\x7E", 4));
  EXPECT_EQ(written(Opcode::text, 65535), "\x81\x7E\xFF\xFF");
  EXPECT_EQ(written(Opcode::text, 65536), std::string("\x81\x7F\0\0\0\0\0\1\0\0", 10));
  EXPECT_EQ(written(Opcode::continuation, 1, false), std::string("\x00\x01", 2));
  for (std::uint64_t size : {0, 125, 126, 65535, 65536}) {
    EXPECT_EQ(written(Opcode::text, size).size(), header_size(size));
  }
}

TEST(WebSocketFrame, ReadsWhatItWrites) {
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{125}, std::uint64_t{126},
                             std::uint64_t{65535}, std::uint64_t{65536}, (std::uint64_t{1} << 63) - 1}) {
    for (Opcode opcode : {Opcode::continuation, Opcode::text, Opcode::binary}) {
      char to[kMaxFrameHeader];
      const MaskKey mask{{1, 2, 3, 4}};
      const std::size_t length = write_header(to, opcode, size, mask, false);
      FrameHeader header;
      for (std::size_t part = 0; part < length; ++part) {
        ASSERT_EQ(read({to, part}, header).status, Status::need_more);
      }
      const HeaderResult result = read({to, length}, header);
      ASSERT_EQ(result.status, Status::ok);
      EXPECT_EQ(result.size, length);
      EXPECT_EQ(header.payload_size, size);
      EXPECT_EQ(header.opcode, opcode);
      EXPECT_FALSE(header.fin);
      EXPECT_EQ(header.mask.octets[3], 4);
    }
  }
}

TEST(WebSocketFrame, RefusesReservedBitsAndOpcodesAtTheSecondOctet) {
  FrameHeader header;
  for (unsigned first = 0; first < 256; ++first) {
    const std::string octets{static_cast<char>(first), '\x80'};
    const unsigned opcode = first & 0x0F;
    const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    const bool good = (first & 0x70) == 0 && known && (opcode < 8 || (first & 0x80));
    EXPECT_EQ(read(octets, header).status, good ? Status::need_more : Status::bad) << first;
  }
}

TEST(WebSocketFrame, AServerWantsMasksAndAClientNone) {
  FrameHeader header;
  EXPECT_EQ(read("\x81\x01", header, Role::server).status, Status::bad);
  EXPECT_EQ(read("\x81\x81", header, Role::client).status, Status::bad);
  EXPECT_EQ(read("\x81\x01", header, Role::client).status, Status::ok);
}

TEST(WebSocketFrame, RefusesLongControlFrames) {
  FrameHeader header;
  EXPECT_EQ(read("\x89\xFD", header).status, Status::need_more);
  EXPECT_EQ(read("\x89\xFE", header).status, Status::bad);
  EXPECT_EQ(read("\x88\xFF", header).status, Status::bad);
}

TEST(WebSocketFrame, RefusesLengthsThatAreNotShortestOrHaveTheTopBit) {
  FrameHeader header;
  EXPECT_EQ(read(std::string("\x82\xFE\x00\x7D", 4), header).status, Status::bad);
  EXPECT_EQ(read(std::string("\x82\xFE\x00\x7E", 4), header).status, Status::need_more);
  EXPECT_EQ(read(std::string("\x82\xFF\0\0\0\0\0\0\xFF\xFF", 10), header).status, Status::bad);
  EXPECT_EQ(read(std::string("\x82\xFF\0\0\0\0\0\1\0\0", 10), header).status, Status::need_more);
  EXPECT_EQ(read(std::string("\x82\xFF\x80\0\0\0\0\0\0\0", 10), header).status, Status::bad);
}

TEST(WebSocketFrame, MaskingIsTheSameForEverySizeAndPlace) {
  const MaskKey key{{0x12, 0xFF, 0x00, 0x9A}};
  for (std::size_t size = 0; size < 100; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      std::string plain(size, '\0');
      for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<char>(i * 37);
      std::string buffer = std::string(offset, '#') + plain + "################";
      apply_mask({buffer.data() + offset, size}, key);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(buffer[offset + i], static_cast<char>(plain[i] ^ static_cast<char>(key.octets[i % 4])));
      }
      ASSERT_EQ(buffer.substr(offset + size), "################");  // nothing behind is touched
    }
  }
}

TEST(WebSocketFrame, MaskingOfWhatIsLargeIsTheSameAtEveryPlace) {
  const MaskKey key{{0x12, 0x7F, 0x00, 0x1A}};
  for (const std::size_t size : {2047, 2048, 2049, 2111, 2175, 4096, 5001}) {
    for (std::size_t offset = 0; offset < 70; ++offset) {
      std::string plain(size, '\0');
      for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<char>((i * 37) & 0x7F);
      std::string masked = plain;
      for (std::size_t i = 0; i < size; ++i)
        masked[i] = static_cast<char>(masked[i] ^ static_cast<char>(key.octets[i % 4]));
      const std::string guard(70, '#');
      std::string buffer = std::string(offset, '#') + masked + guard;
      ASSERT_LT(apply_mask({buffer.data() + offset, size}, key), 0x80) << size << " at " << offset;
      ASSERT_TRUE(buffer == std::string(offset, '#') + plain + guard) << size << " at " << offset;
      std::string copy(offset + size + guard.size(), '#');
      ASSERT_LT(copy_masked(copy.data() + offset, masked, key), 0x80);
      ASSERT_TRUE(copy == std::string(offset, '#') + plain + guard) << size << " to " << offset;
      masked[offset * size / 70] ^= '\x80';
      ASSERT_GE(copy_masked(copy.data(), masked, key), 0x80) << size << ", " << offset;
    }
  }
}

TEST(WebSocketFrame, MaskingTellsWhetherAllIsAscii) {
  const MaskKey key{{0x80, 0x91, 0xA2, 0xF3}};
  for (std::size_t size = 1; size < 80; ++size) {
    for (std::size_t odd = 0; odd <= size; ++odd) {
      std::string text(size, 'a');
      if (odd < size) text[odd] = '\xC3';
      for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>(text[i] ^ static_cast<char>(key.octets[i % 4]));
      ASSERT_EQ(apply_mask(text, key) < 0x80, odd == size);
    }
  }
}

TEST(WebSocketFrame, RotatedMaskGoesOnWhereItStopped) {
  const MaskKey key{{1, 2, 3, 4}};
  std::string whole(23, 'x'), parts = whole;
  apply_mask(whole, key);
  for (std::size_t cut = 0; cut <= parts.size(); ++cut) {
    std::string pieces(23, 'x');
    apply_mask({pieces.data(), cut}, key);
    apply_mask({pieces.data() + cut, pieces.size() - cut}, rotate_mask(key, cut));
    EXPECT_EQ(pieces, whole);
  }
}

TEST(WebSocketFrame, AFrameForManyHoldsHeaderAndAllParts) {
  EXPECT_EQ(make_frame(Opcode::text, {}).view(), std::string("\x81\x00", 2));
  EXPECT_EQ(make_frame(Opcode::text, {"abc"}).view(),
            "\x81\x03"
            "abc");
  EXPECT_EQ(make_frame(Opcode::text, {"4", "abc"}).view(),
            "\x81\x04"
            "4abc");
  EXPECT_EQ(make_frame(Opcode::binary, {"a", "b", "c", std::string(200, 'd')}).view(),
            std::string("\x82\x7E\x00\xCB", 4) + "abc" + std::string(200, 'd'));
}

}  // namespace
}  // namespace verdin::protocol::websocket
