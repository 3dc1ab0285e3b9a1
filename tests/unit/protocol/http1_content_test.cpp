// ContentDecoder: gzip and deflate back again, in every cut and with any room, and never more than is asked
// for. ContentEncoder: each piece is there when it was flushed.
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <verdin/protocol/http1/content_coding.hpp>

namespace {

namespace http1 = verdin::protocol::http1;
using http1::ContentCoding;
using http1::ContentDecoder;
using State = ContentDecoder::State;

struct Content {
  std::string text;
  bool failed = false;
  bool complete = false;
  bool operator==(const Content& other) const {
    return failed == other.failed && (failed || (text == other.text && complete == other.complete));
  }
};

Content decode(std::string_view octets, ContentCoding coding, std::size_t piece, std::size_t room) {
  ContentDecoder decoder(coding);
  Content content;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    const std::string copy(octets.substr(at, piece));
    std::string_view data = copy;
    std::size_t made;
    do {
      const std::size_t before = content.text.size();
      content.failed = decoder.feed(data, content.text, room) == State::failed;
      made = content.text.size() - before;
      EXPECT_LE(made, room);
    } while (!content.failed && made == room);
    if (content.failed) return content;
    EXPECT_TRUE(data.empty());
  }
  content.complete = decoder.complete();
  return content;
}

Content decode(std::string_view octets, ContentCoding coding) {
  const Content whole = decode(octets, coding, octets.size() + 1, 1 << 20);
  for (std::size_t piece : {1, 2, 3, 7, 100}) {
    for (std::size_t room : {1, 5, 1000})
      EXPECT_EQ(whole, decode(octets, coding, piece, room)) << piece << ' ' << room;
  }
  return whole;
}

std::string words(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "word " + std::to_string(i * 7919 % 1009) + ' ';
  return text;
}

TEST(Http1Content, ComesBackAsItWas) {
  for (const std::string& text : {std::string(), std::string("a"), words(1000), std::string(50'000, '\0')}) {
    for (ContentCoding coding :
         {ContentCoding::gzip, ContentCoding::deflate, ContentCoding::brotli, ContentCoding::identity}) {
      const Content content = decode(http1::encode_content(text, coding), coding);
      EXPECT_EQ(content.text, text);
      EXPECT_TRUE(content.complete && !content.failed);
    }
  }
}

TEST(Http1Content, WhatIsFlushedIsThere) {
  using http1::ContentEncoder;
  for (ContentCoding coding : {ContentCoding::gzip, ContentCoding::deflate}) {
    ContentEncoder encoder(coding);
    ContentDecoder decoder(coding);
    std::string all, octets;
    for (const std::string& piece : {std::string("a"), words(10), std::string(), words(100'000), words(3)}) {
      std::string coded, text;
      encoder.feed(piece, coded, false);
      encoder.feed("b", coded, true);
      std::string_view data = coded;
      decoder.feed(data, text, 10'000'000);
      EXPECT_TRUE(text == piece + "b") << to_string(coding) << ' ' << piece.size();
      EXPECT_LT(coded.size(), piece.size() / 2 + 50);
      EXPECT_FALSE(decoder.complete());
      all += text;
      octets += coded;
    }
    ContentEncoder moved(std::move(encoder));
    moved.finish(octets);
    const Content content = decode(octets, coding, octets.size(), 10'000'000);
    EXPECT_TRUE(content.complete && content.text == all);
    std::string nothing;
    ContentEncoder(coding).finish(nothing);
    EXPECT_TRUE(decode(nothing, coding) == (Content{"", false, true}));
  }
  EXPECT_THROW(ContentEncoder(ContentCoding::brotli), std::invalid_argument);
  EXPECT_THROW(ContentEncoder(ContentCoding::identity), std::invalid_argument);
}

TEST(Http1Content, DeflateMayLackItsFrame) {
  const std::string framed = http1::encode_content(words(100), ContentCoding::deflate);
  const std::string bare = framed.substr(2, framed.size() - 6);
  EXPECT_EQ(decode(bare, ContentCoding::deflate).text, words(100));
  EXPECT_TRUE(decode(bare, ContentCoding::deflate).complete);
}

TEST(Http1Content, GzipMayHaveSeveralMembers) {
  const std::string two =
      http1::encode_content("one ", ContentCoding::gzip) + http1::encode_content("two", ContentCoding::gzip);
  EXPECT_EQ(decode(two, ContentCoding::gzip).text, "one two");
  EXPECT_TRUE(decode(two + "x", ContentCoding::gzip).failed ||
              !decode(two + "x", ContentCoding::gzip).complete);
  EXPECT_TRUE(decode(two + "xxxxxxxxxxx", ContentCoding::gzip).failed);
}

TEST(Http1Content, WhatIsCutOrBrokenIsNotTakenForWhole) {
  for (ContentCoding coding : {ContentCoding::gzip, ContentCoding::deflate, ContentCoding::brotli}) {
    const std::string good = http1::encode_content(words(100), coding);
    for (std::size_t size = 1; size < good.size(); size += 11) {
      const Content cut = decode(std::string_view(good).substr(0, size), coding, 5, 100);
      EXPECT_TRUE(cut.failed || !cut.complete) << size;
    }
    std::string bad = good;
    bad[good.size() / 2] = static_cast<char>(bad[good.size() / 2] ^ 0x55);
    const Content broken = decode(bad, coding);
    // Brotli has no checksum: what is changed may be another text, but never this one.
    EXPECT_TRUE(broken.failed || !broken.complete || broken.text != words(100));
    EXPECT_TRUE(coding == ContentCoding::brotli || broken.failed || !broken.complete);
  }
  const std::string brotli = http1::encode_content(words(100), ContentCoding::brotli);
  EXPECT_TRUE(decode(brotli + "x", ContentCoding::brotli).failed);
  EXPECT_TRUE(decode(brotli + "x", ContentCoding::brotli, 1, 100).failed);
  EXPECT_TRUE(decode("\xff\xff\xff\xff", ContentCoding::brotli).failed);
  EXPECT_TRUE(decode("", ContentCoding::brotli).complete);
  EXPECT_TRUE(
      decode(http1::encode_content("a", ContentCoding::deflate) + "x", ContentCoding::deflate).failed);
  EXPECT_TRUE(decode("this is no gzip", ContentCoding::gzip).failed);
  EXPECT_TRUE(decode("", ContentCoding::gzip).complete);  // an answer without a body
}

TEST(Http1Content, ABombGoesOffOnlyAsFarAsIsAsked) {
  for (ContentCoding coding : {ContentCoding::gzip, ContentCoding::brotli}) {
    const std::string bomb = http1::encode_content(std::string(100 << 20, 'x'), coding);
    EXPECT_LT(bomb.size(), 200'000u);
    ContentDecoder decoder(coding);
    std::string_view data = bomb;
    std::string text;
    for (std::size_t size = 1000; size <= 3000; size += 1000) {
      EXPECT_EQ(decoder.feed(data, text, 1000), State::more);
      EXPECT_EQ(text.size(), size);
    }
    EXPECT_EQ(text, std::string(3000, 'x'));
    EXPECT_FALSE(decoder.complete());
  }
}

TEST(Http1Content, TheOneThatIsLikedBest) {
  const auto chosen = [](std::string_view accepted) { return to_string(http1::choose_coding(accepted)); };
  EXPECT_EQ(chosen(""), "identity");
  EXPECT_EQ(chosen("deflate"), "deflate");
  EXPECT_EQ(chosen("gzip, deflate"), "gzip");
  EXPECT_EQ(chosen("gzip, deflate, br"), "br");
  EXPECT_EQ(chosen("gzip, deflate, br, zstd"), "br");
  EXPECT_EQ(chosen("*"), "br");
  EXPECT_EQ(chosen("*, br;q=0"), "gzip");
  EXPECT_EQ(chosen("gzip;q=0.9, BR;q=0.8"), "gzip");
  EXPECT_EQ(chosen("gzip;q=0.8, br;q=0.80"), "br");
  EXPECT_EQ(chosen("gzip;q=0, br;q=0"), "identity");
  EXPECT_EQ(chosen("gzip;q=0.5, identity"), "identity");
  EXPECT_EQ(chosen("gzip, identity"), "gzip");
  EXPECT_EQ(chosen("gzip;q=0.5, identity;q=0.5"), "gzip");
  EXPECT_EQ(chosen("gzip;q=0.5, *;q=0"), "gzip");
  EXPECT_EQ(chosen("br;q=2"), "identity");
}

TEST(Http1Content, TheOneForPieces) {
  EXPECT_EQ(http1::choose_stream_coding("br, deflate, gzip"), ContentCoding::gzip);
  EXPECT_EQ(http1::choose_stream_coding("br, deflate, gzip;q=0.9"), ContentCoding::deflate);
  EXPECT_EQ(http1::choose_stream_coding("br, gzip;q=0.9"), ContentCoding::gzip);
  EXPECT_EQ(http1::choose_stream_coding("br"), ContentCoding::identity);
  EXPECT_EQ(http1::choose_stream_coding("*"), ContentCoding::gzip);
  EXPECT_EQ(http1::choose_stream_coding("identity, gzip;q=0.9"), ContentCoding::identity);
  EXPECT_EQ(http1::choose_stream_coding(""), ContentCoding::identity);
}

TEST(Http1Content, Names) {
  EXPECT_EQ(http1::parse_coding(" GZip "), ContentCoding::gzip);
  EXPECT_EQ(http1::parse_coding("x-gzip"), ContentCoding::gzip);
  EXPECT_EQ(http1::parse_coding("deflate"), ContentCoding::deflate);
  EXPECT_EQ(http1::parse_coding("br"), ContentCoding::brotli);
  EXPECT_EQ(http1::parse_coding(""), ContentCoding::identity);
  EXPECT_EQ(http1::parse_coding("zstd"), std::nullopt);
  EXPECT_EQ(http1::parse_coding("gzip, gzip"), std::nullopt);
}

}  // namespace
