#include <array>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/json/convert.hpp>
#include <verdin/protocol/socketio/decode.hpp>

namespace verdin::protocol::sio {
namespace {

class SocketIoDecode : public testing::Test {
 protected:
  PacketError decode(std::string text) {
    text_ = std::move(text);
    const std::size_t size = text_.size();
    text_.append(json::kPadding, ']');
    json::Document copying;
    PacketHeader header;
    const PacketError copied = sio::decode({text_.data(), size}, false, limits_, copying, header);
    const PacketError padded = sio::decode({text_.data(), size}, true, limits_, document_, header_);
    EXPECT_EQ(copied, padded);
    return padded;
  }
  std::string payload() const { return json::to_text(document_.root()); }

  Limits limits_;
  std::string text_;
  json::Document document_;
  PacketHeader header_;
};

#define EXPECT_DECODES(text) EXPECT_EQ(describe(decode(text)), describe(PacketError::none)) << text
#define EXPECT_REFUSED(text, error) EXPECT_EQ(describe(decode(text)), describe(PacketError::error)) << text

TEST_F(SocketIoDecode, Connect) {
  EXPECT_DECODES("0");
  EXPECT_EQ(header_.type, PacketType::connect);
  EXPECT_EQ(header_.nsp, "/");
  EXPECT_FALSE(document_.root());
  EXPECT_DECODES("0{\"token\":\"123\"}");
  EXPECT_EQ(payload(), R"({"token":"123"})");
  for (const char* text : {"0/custom", "0/custom,", "0/custom,{}"}) {
    EXPECT_DECODES(text);
    EXPECT_EQ(header_.nsp, "/custom");
  }
  EXPECT_DECODES("0/,{}");
  EXPECT_EQ(header_.nsp, "/");
  EXPECT_REFUSED("0[]", bad_payload);
  EXPECT_REFUSED("0null", bad_payload);
  EXPECT_REFUSED("0\"x\"", bad_payload);
  EXPECT_REFUSED("0,{}", bad_payload);
  EXPECT_REFUSED("0{", bad_json);
  EXPECT_REFUSED("0{} {}", bad_json);
  EXPECT_REFUSED("01{}", bad_id);
  EXPECT_REFUSED("0custom", bad_payload);
}

TEST_F(SocketIoDecode, Disconnect) {
  EXPECT_DECODES("1");
  EXPECT_EQ(header_.type, PacketType::disconnect);
  EXPECT_DECODES("1/custom,");
  EXPECT_EQ(header_.nsp, "/custom");
  EXPECT_REFUSED("1{}", bad_payload);
  EXPECT_REFUSED("1/custom,{}", bad_payload);
  EXPECT_REFUSED("17", bad_id);
}

TEST_F(SocketIoDecode, Event) {
  EXPECT_DECODES(R"(2["hello",1])");
  EXPECT_EQ(header_.type, PacketType::event);
  EXPECT_TRUE(header_.is_event());
  EXPECT_FALSE(header_.id);
  EXPECT_EQ(payload(), R"(["hello",1])");
  EXPECT_DECODES(R"(2/admin,456["project:delete",123])");
  EXPECT_EQ(header_.nsp, "/admin");
  EXPECT_EQ(header_.id, 456u);
  EXPECT_DECODES(R"(213["echo"])");
  EXPECT_EQ(header_.id, 13u);
  EXPECT_DECODES("2[\"error\"]");
  EXPECT_DECODES("2[\"__proto__\",{\"__proto__\":{\"constructor\":1}}]");
  EXPECT_EQ(payload(), "[\"__proto__\",{\"__proto__\":{\"constructor\":1}}]");
  EXPECT_DECODES("2[\"\"]");
  EXPECT_DECODES("2[ \"a\" , 1 ]  ");
}

TEST_F(SocketIoDecode, EventNames) {
  for (const char* bad : {"2[{\"toString\":\"x\"}]", "2[null]", "2[]", "2[[\"x\"]]", "2[true]"})
    EXPECT_REFUSED(bad, bad_payload);
  for (const char* reserved :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}) {
    EXPECT_TRUE(is_reserved_event(reserved));
    EXPECT_REFUSED("2[\"" + std::string(reserved) + "\"]", reserved_event);
    EXPECT_REFUSED("25[\"" + std::string(reserved) + "\",1]", reserved_event);
    EXPECT_REFUSED("51-[\"" + std::string(reserved) + "\",{\"_placeholder\":true,\"num\":0}]",
                   reserved_event);
    EXPECT_DECODES("2[\"" + std::string(reserved) + "x\"]");
  }
  EXPECT_REFUSED(R"(2["conn\u0065ct"])", reserved_event);
  for (const char* fine : {"", "Connect", "connection", "error", "message", "disconnected", "listener"}) {
    EXPECT_FALSE(is_reserved_event(fine));
  }
  std::array<char, 32> scratch;
  const auto name = [&](std::string text) {
    EXPECT_DECODES(text);
    return std::string(event_name(document_.root(), scratch));
  };
  EXPECT_EQ(name("2[\"a b\"]"), "a b");
  EXPECT_EQ(name("2[1,2]"), "1");
  EXPECT_EQ(name("2[-5]"), "-5");
  EXPECT_EQ(name("2[1.5]"), "1.5");
  EXPECT_EQ(name("2[1e3]"), "1000");
  EXPECT_EQ(name("2[18446744073709551615]"), "18446744073709551615");
  EXPECT_EQ(name("2[-1.5e-300]"), "-1.5e-300");
  EXPECT_EQ(name("2[1e400]"), "Infinity");
  EXPECT_EQ(name("2[-1e400]"), "-Infinity");
}

TEST_F(SocketIoDecode, EventPayloads) {
  for (const char* text : {"2", "2/custom", "2/custom,", "2{}", "2\"x\"", "2abc[\"x\"]", "2 [\"x\"]",
                           "2-1[\"x\"]", "2+1[\"x\"]", "21.5[\"x\"]", "21e3[\"x\"]", "25", "2/custom,5"}) {
    EXPECT_REFUSED(text, bad_payload);
  }
  for (const char* text : {"2[", "2[\"x\"", "2[\"x\"]]", "2[\"x\",]", "2[\"x\"]x", "2[\"x]",
                           "2[\"x\",undefined]", "2[\"x\",NaN]", "2[\"\xFF\"]", "2[\"x\",'y']"}) {
    EXPECT_REFUSED(text, bad_json);
  }
}

TEST_F(SocketIoDecode, Acks) {
  EXPECT_DECODES("312[]");
  EXPECT_EQ(header_.type, PacketType::ack);
  EXPECT_TRUE(header_.is_ack());
  EXPECT_EQ(header_.id, 12u);
  EXPECT_DECODES("3/admin,0[1,\"a\"]");
  EXPECT_EQ(header_.id, 0u);
  EXPECT_REFUSED("3[]", bad_id);
  EXPECT_REFUSED("3/admin,[]", bad_id);
  EXPECT_REFUSED("312", bad_payload);
  EXPECT_REFUSED("312{}", bad_payload);
  EXPECT_REFUSED("312null", bad_payload);
  EXPECT_DECODES("61-9[{\"_placeholder\":true,\"num\":0}]");
  EXPECT_EQ(header_.type, PacketType::binary_ack);
  EXPECT_EQ(header_.id, 9u);
}

TEST_F(SocketIoDecode, IdsAreExactUpTo64Bits) {
  const auto id = [&](std::string digits) {
    EXPECT_DECODES("2" + digits + "[\"x\"]");
    return header_.id;
  };
  EXPECT_EQ(id("0"), 0u);
  EXPECT_EQ(id("9007199254740993"), 9007199254740993u);
  EXPECT_EQ(id("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(id("007"), 7u);
  EXPECT_REFUSED("218446744073709551616[\"x\"]", bad_id);
  EXPECT_REFUSED("218446744073709551620[\"x\"]", bad_id);
  EXPECT_REFUSED("299999999999999999999[\"x\"]", bad_id);
  EXPECT_REFUSED("2" + std::string(400, '9') + "[\"x\"]", bad_id);
  EXPECT_REFUSED("3" + std::string(400, '9') + "[]", bad_id);
}

TEST_F(SocketIoDecode, ConnectErrors) {
  EXPECT_DECODES(R"(4{"message":"no"})");
  EXPECT_DECODES(R"(4/x,{"message":"no"})");
  EXPECT_DECODES(R"(4"no")");
  EXPECT_REFUSED("4", bad_payload);
  EXPECT_REFUSED("4[]", bad_payload);
  EXPECT_REFUSED("45{}", bad_id);
}

TEST_F(SocketIoDecode, UnknownTypes) {
  EXPECT_REFUSED("", empty);
  for (int c = 0; c < 256; ++c) {
    if (c >= '0' && c <= '6') continue;
    EXPECT_REFUSED(std::string(1, static_cast<char>(c)) + "[\"x\"]", unknown_type);
  }
}

TEST_F(SocketIoDecode, Namespaces) {
  limits_.max_namespace = 256;
  const std::string longest = "/" + std::string(255, 'n');
  EXPECT_DECODES("0" + longest);
  EXPECT_EQ(header_.nsp, longest);
  EXPECT_DECODES("2" + longest + ",1[\"x\"]");
  EXPECT_EQ(header_.nsp, longest);
  EXPECT_REFUSED("0" + longest + "n", namespace_too_long);
  EXPECT_REFUSED("0" + longest + "n,", namespace_too_long);
  EXPECT_REFUSED("0/" + std::string(65536, 'n') + ",{}", namespace_too_long);
  EXPECT_DECODES("0/__proto__,");
  EXPECT_EQ(header_.nsp, "/__proto__");
  EXPECT_DECODES("0/a?token=1,{}");
  EXPECT_EQ(header_.nsp, "/a?token=1");
}

std::string binary_event(int placeholders) {
  std::string text = "[\"m\"";
  for (int i = 0; i < placeholders; ++i) text += ",{\"_placeholder\":true,\"num\":" + std::to_string(i) + "}";
  return text + "]";
}

TEST_F(SocketIoDecode, AttachmentCounts) {
  EXPECT_DECODES("51-" + binary_event(1));
  EXPECT_EQ(header_.type, PacketType::binary_event);
  EXPECT_EQ(header_.attachments, 1u);
  EXPECT_DECODES("51-/admin,7" + binary_event(1));
  EXPECT_EQ(header_.nsp, "/admin");
  EXPECT_EQ(header_.id, 7u);
  EXPECT_DECODES("510-" + binary_event(10));
  EXPECT_EQ(header_.attachments, 10u);
  EXPECT_REFUSED("511-" + binary_event(11), too_many_attachments);
  EXPECT_REFUSED("4599999999999999999999-[]", bad_id);
  EXPECT_REFUSED("599999999999999999999-[\"m\"]", too_many_attachments);
  EXPECT_REFUSED("5" + std::string(100'000, '9') + "-[\"m\"]", too_many_attachments);
  EXPECT_REFUSED("51000000000-[\"m\"]", too_many_attachments);
  for (const char* text : {"5", "5-[\"m\"]", "50-[\"m\"]", "51", "51[\"m\"]", "5[\"m\"]", "5-1-[\"m\"]",
                           "51.0-[\"m\"]", "5 1-[\"m\"]", "5+1-[\"m\"]", "501-[\"m\"]", "5x-[\"m\"]",
                           "51x-[\"m\"]", "60-1[]", "5/a,1-[\"m\"]"}) {
    EXPECT_REFUSED(text, bad_attachment_count);
  }
  limits_.max_attachments = 2;
  EXPECT_DECODES("52-" + binary_event(2));
  EXPECT_REFUSED("53-" + binary_event(3), too_many_attachments);
  limits_.max_attachments = 100'000;
  EXPECT_DECODES("51024-" + binary_event(1024));
  EXPECT_REFUSED("51025-" + binary_event(1025), too_many_attachments);
}

TEST_F(SocketIoDecode, PlaceholdersFitTheCount) {
  for (const char* num : {"-1", "1", "0.5", "\"0\"", "\"splice\"", "{}", "null", "1e99"}) {
    EXPECT_REFUSED(std::string("51-[\"m\",{\"_placeholder\":true,\"num\":") + num + "}]", bad_placeholders);
  }
  EXPECT_REFUSED("51-[\"m\",{\"_placeholder\":true}]", bad_placeholders);
  EXPECT_REFUSED("51-[\"m\"]", bad_placeholders);
  EXPECT_REFUSED("52-" + binary_event(1), bad_placeholders);
  EXPECT_REFUSED("51-" + binary_event(2), bad_placeholders);
  std::string fan_out = "51-[\"m\"";
  for (int i = 0; i < 200; ++i) fan_out += ",{\"_placeholder\":true,\"num\":0}";
  EXPECT_REFUSED(fan_out + "]", bad_placeholders);
  EXPECT_DECODES("2[\"m\",{\"_placeholder\":true,\"num\":5}]");  // a plain packet has plain objects
  EXPECT_EQ(document_.root()[1]["num"].as_int64(), 5);
}

TEST_F(SocketIoDecode, DepthIsLimited) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_DECODES("2[\"m\"," + nested(512) + "]");
  EXPECT_REFUSED("2[\"m\"," + nested(513) + "]", bad_json);
  EXPECT_REFUSED("2[\"m\"," + nested(400'000) + "]", bad_json);
  EXPECT_REFUSED("2[\"m\"," + std::string(900'000, '['), bad_json);
  std::string auth;
  for (int i = 0; i < 5000; ++i) auth += "{\"a\":";
  EXPECT_REFUSED("0" + auth + "1" + std::string(5000, '}'), bad_json);
}

TEST_F(SocketIoDecode, ARefusedPacketLeavesNoOldDocument) {
  EXPECT_DECODES("2[\"old\"]");
  EXPECT_REFUSED("9", unknown_type);
  EXPECT_FALSE(document_.root());
  EXPECT_DECODES("2[\"old\"]");
  EXPECT_DECODES("1");
  EXPECT_FALSE(document_.root());
}

}  // namespace
}  // namespace verdin::protocol::sio
