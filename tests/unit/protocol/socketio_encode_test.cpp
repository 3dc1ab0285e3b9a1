#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <verdin/protocol/json/document.hpp>
#include <verdin/protocol/socketio/decode.hpp>
#include <verdin/protocol/socketio/encode.hpp>

namespace app {

struct Thrower {};
void to_json(verdin::json::Writer& writer, const Thrower&) {
  writer.binary("half");
  throw std::runtime_error("no");
}

}  // namespace app

namespace verdin::protocol::sio {
namespace {

class SocketIoEncode : public testing::Test {
 protected:
  std::string out_ = "before|";
  std::vector<SharedBuffer> attachments_;
};

TEST_F(SocketIoEncode, Events) {
  encode_event(out_, "/", std::nullopt, "hello", attachments_);
  EXPECT_EQ(out_, "before|2[\"hello\"]");
  out_.clear();
  encode_event(out_, "/chat", 7, "m\"", attachments_, 1, "text", nullptr, std::vector<int>{1, 2},
               json::Value::array({true}));
  EXPECT_EQ(out_, R"(2/chat,7["m\"",1,"text",null,[1,2],[true]])");
  EXPECT_TRUE(attachments_.empty());
}

TEST_F(SocketIoEncode, Acks) {
  encode_ack(out_, "/", 0, attachments_);
  EXPECT_EQ(out_, "before|30[]");
  out_.clear();
  encode_ack(out_, "/chat", 18446744073709551615u, attachments_, "a", 2.5);
  EXPECT_EQ(out_, R"(3/chat,18446744073709551615["a",2.5])");
}

TEST_F(SocketIoEncode, BinaryChangesTheHeader) {
  attachments_.push_back(SharedBuffer::copy("of the packet before"));
  encode_event(out_, "/", std::nullopt, "file", attachments_, Bytes{1, 2}, "x", SharedBuffer::copy("abc"));
  EXPECT_EQ(out_, R"(before|52-["file",{"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1}])");
  ASSERT_EQ(attachments_.size(), 3u);
  EXPECT_EQ(attachments_[1].view(), "\x01\x02");
  EXPECT_EQ(attachments_[2].view(), "abc");
  out_.clear();
  encode_ack(out_, "/n", 3, attachments_, Bytes());
  EXPECT_EQ(out_, R"(61-/n,3[{"_placeholder":true,"num":0}])");
  out_.clear();
  attachments_.clear();
  encode_ack(out_, "/", 3, attachments_, std::vector<Bytes>(12));
  EXPECT_EQ(out_.substr(0, 6), "612-3[");
  EXPECT_EQ(attachments_.size(), 12u);
}

TEST_F(SocketIoEncode, WhatThrowsLeavesNothingBehind) {
  attachments_.push_back(SharedBuffer::copy("x"));
  EXPECT_THROW(encode_event(out_, "/", 5, "ev", attachments_, Bytes{1}, app::Thrower()), std::runtime_error);
  EXPECT_THROW(encode_ack(out_, "/", 5, attachments_, app::Thrower()), std::runtime_error);
  EXPECT_EQ(out_, "before|");
  EXPECT_EQ(attachments_.size(), 1u);
}

TEST_F(SocketIoEncode, ListsMadeAtRunTime) {
  const std::vector<json::Value> args{1, "two", Bytes{3}};
  encode_event_values(out_, "/", 9, "ev", attachments_, args);
  EXPECT_EQ(out_, R"(before|51-9["ev",1,"two",{"_placeholder":true,"num":0}])");
  out_.clear();
  encode_ack_values(out_, "/", 9, attachments_, {});
  EXPECT_EQ(out_, "39[]");
  json::Document document;
  ASSERT_EQ(document.parse(R"(["name",1,{"a":[]}])"), json::ParseError::none);
  out_.clear();
  encode_event_elements(out_, "/", std::nullopt, "other", attachments_, document.root(), 1);
  EXPECT_EQ(out_, R"(2["other",1,{"a":[]}])");
  out_.clear();
  encode_ack_elements(out_, "/", 1, attachments_, document.root(), 2);
  EXPECT_EQ(out_, R"(31[{"a":[]}])");
  out_.clear();
  encode_ack_elements(out_, "/", 1, attachments_, document.root(), 20);
  EXPECT_EQ(out_, "31[]");
}

TEST_F(SocketIoEncode, OtherPackets) {
  out_.clear();
  encode_connect(out_, "/", "wZX3oN0bSVIhsaknAAAI");
  EXPECT_EQ(out_, R"(0{"sid":"wZX3oN0bSVIhsaknAAAI"})");
  out_.clear();
  encode_connect(out_, "/n", "s", "p");
  EXPECT_EQ(out_, R"(0/n,{"sid":"s","pid":"p"})");
  out_.clear();
  encode_connect_request(out_, "/");
  EXPECT_EQ(out_, "0");
  out_.clear();
  encode_connect_request(out_, "/n", "{\"a\":1}");
  EXPECT_EQ(out_, "0/n,{\"a\":1}");
  out_.clear();
  encode_connect_error(out_, "/n", "Invalid namespace");
  EXPECT_EQ(out_, R"(4/n,{"message":"Invalid namespace"})");
  out_.clear();
  encode_connect_error(out_, "/", "no", "[1]");
  EXPECT_EQ(out_, R"(4{"message":"no","data":[1]})");
  out_.clear();
  encode_disconnect(out_, "/");
  EXPECT_EQ(out_, "1");
  out_.clear();
  encode_disconnect(out_, "/n");
  EXPECT_EQ(out_, "1/n,");
}

TEST_F(SocketIoEncode, WhatIsEncodedIsDecoded) {
  const std::vector<json::Value> args{
      json::Value::object({{"deep", json::Value::array({Bytes{1}, "é", -1.5})}}), Bytes{2, 3}, nullptr};
  std::string text;
  encode_event_values(text, "/room", 123456789012345678u, "name", attachments_, args);
  json::Document document;
  PacketHeader header;
  ASSERT_EQ(decode(text, false, Limits(), document, header), PacketError::none);
  EXPECT_EQ(header.nsp, "/room");
  EXPECT_EQ(header.id, 123456789012345678u);
  ASSERT_TRUE(document.attach(attachments_));
  const json::Value received(document.root());
  ASSERT_EQ(received.size(), args.size() + 1);
  EXPECT_EQ(received[0], json::Value("name"));
  for (std::size_t i = 0; i < args.size(); ++i) EXPECT_EQ(received[i + 1], args[i]);
}

}  // namespace
}  // namespace verdin::protocol::sio
