// MultipartParser: forms with files in every cut, and what is none.
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "support/http1_multipart_outcome.hpp"

namespace {

namespace http1 = verdin::protocol::http1;
using verdin::tests::read_multipart;

/// With "--B" as the boundary; the same however it is cut.
std::string parts_of(const std::string& octets, const http1::MultipartLimits& limits = {}) {
  const std::string whole = read_multipart(octets, "B", limits, [&] { return octets.size(); });
  EXPECT_EQ(whole, read_multipart(octets, "B", limits, [] { return 1; })) << octets;
  for (std::size_t first = 1; first < octets.size() && first < 300; ++first) {
    for (std::size_t second : {octets.size(), std::size_t{1}, std::size_t{3}}) {
      int count = 0;
      const auto next = [&] { return ++count == 1 ? first : count == 2 ? second : octets.size(); };
      EXPECT_EQ(whole, read_multipart(octets, "B", limits, next)) << first << ' ' << octets;
    }
  }
  return whole;
}

std::string part(const std::string& body, const std::string& parameters = "name=\"a\"",
                 const std::string& lines = "") {
  return "--B\r\nContent-Disposition: form-data; " + parameters + "\r\n" + lines + "\r\n" + body + "\r\n";
}
const std::string kEnd = "--B--\r\n";

TEST(Http1Multipart, Parts) {
  EXPECT_EQ(
      parts_of(part("hello") + part("x", "name=b; filename=\"f.txt\"", "Content-Type: image/png\r\n") + kEnd),
      ";a|-|text/plain:hello;b|f.txt|image/png:x;done");
  EXPECT_EQ(parts_of(kEnd), ";done");
  EXPECT_EQ(parts_of("\r\n" + kEnd), ";400") << "nothing comes before the first boundary";
  EXPECT_EQ(parts_of(part("") + part("") + kEnd), ";a|-|text/plain:;a|-|text/plain:;done");
  EXPECT_EQ(parts_of(part("x") + "--B--behind"), ";a|-|text/plain:x;done");
  EXPECT_EQ(parts_of(part("x")), ";a|-|text/plain:x;more");
}

TEST(Http1Multipart, WhatLooksLikeABoundary) {
  for (const std::string body :
       {"\r", "\n", "\r\n", "\r\r\n", "\r\n\r\n", "--B", "--", "-", "\r\n-", "\r\n--", "\r\n--A",
        "\r\r\n--A\r\n-", "a\r\n-\r\n--\r\n--x--B", "\r\n --B", "-\r\n", "--\r\n"}) {
    if (body == "--B") continue;  // that is one
    EXPECT_EQ(parts_of(part(body) + kEnd), ";a|-|text/plain:" + body + ";done") << body;
  }
  EXPECT_EQ(parts_of(part("--B--")), ";a|-|text/plain:;done") << "an empty part";
  EXPECT_EQ(parts_of(part("x\r\n--Bx")), ";a|-|text/plain:x;400");
}

// What a run ends at decides what a form costs: not at each CR, and not where only the beginning of a
// delimiter is.
TEST(Http1Multipart, RunsAreLong) {
  constexpr std::size_t kSize = 1 << 20, kPiece = 16 * 1024;
  const std::string boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
  const auto repeated = [](const std::string& text) {
    std::string all;
    while (all.size() < kSize) all += text;
    return all;
  };
  std::string random(kSize, 0);
  std::uint32_t seed = 7;
  for (char& c : random) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  const std::string delimiter = "\r\n--" + boundary;
  for (const std::string& body : {repeated("\r"), repeated("\r\n"), repeated("a line of text\r\n"), random,
                                  repeated("\r\n--"), repeated(delimiter.substr(0, delimiter.size() - 1)),
                                  repeated(boundary), repeated("\r\r\n--" + boundary.substr(1))}) {
    const std::string octets =
        delimiter.substr(2) + "\r\nContent-Disposition: form-data; name=a\r\n\r\n" + body + delimiter + "--";
    for (const std::size_t cut : {kPiece, kPiece - 1, std::size_t{1000}, std::size_t{41}}) {
      http1::MultipartParser parser(boundary);
      using Event = http1::MultipartParser::Event;
      std::string got;
      std::size_t runs = 0, fed = 0;
      auto event = Event::more;
      for (std::size_t at = 0; at < octets.size(); at += cut, ++fed) {
        std::string_view data = std::string_view(octets).substr(at, cut), piece;
        while ((event = parser.feed(data, piece)) == Event::data || event == Event::part) {
          if (event == Event::part) continue;
          got += piece;
          ++runs;
        }
      }
      EXPECT_EQ(event, Event::done);
      EXPECT_TRUE(got == body) << body.substr(0, 50) << ' ' << cut;
      EXPECT_LE(runs, 2 * fed + 2) << body.substr(0, 50) << ' ' << cut;
    }
  }
}

TEST(Http1Multipart, Names) {
  const auto name = [](const std::string& parameters) { return parts_of(part("", parameters) + kEnd); };
  EXPECT_EQ(name("NAME=\"a b\""), ";a b|-|text/plain:;done");
  EXPECT_EQ(name("name=\"a\\\"b\\\\c\"; filename=\"C:\\dir\\f\""), ";a\"b\\c|C:\\dir\\f|text/plain:;done");
  EXPECT_EQ(name("name=\"\"; filename=\"\""), ";||text/plain:;done");
  EXPECT_EQ(name("name=\"\xc3\xa4;\"; x=y;"), ";\xc3\xa4;|-|text/plain:;done");
  for (const char* bad : {"", "name", "name=", "name=\"a", "filename=\"a\"", "name=a; name=b", "name=a b",
                          "name=a; filename=b; filename=c", "name=\"a\"x", "name=a;;"}) {
    EXPECT_EQ(name(bad), ";400") << bad;
  }
}

TEST(Http1Multipart, HeadersOfParts) {
  const auto with = [](const std::string& lines) { return parts_of("--B\r\n" + lines + "\r\n\r\n--B--"); };
  const std::string disposition = "content-disposition: Form-Data; name=a\r\n";
  EXPECT_EQ(with("X: y\r\n" + disposition), ";a|-|text/plain:;done");
  EXPECT_EQ(with(disposition + "Content-Transfer-Encoding: binary\r\n"), ";a|-|text/plain:;done");
  for (const std::string& bad :
       {std::string("X: y\r\n"), std::string(), "X\r\n" + disposition, "X : y\r\n" + disposition,
        disposition + disposition, disposition + " folded\r\n", "X: y\n" + disposition,
        "X: \r\r\n" + disposition, disposition + "X: \x01\r\n",
        disposition + "Content-Transfer-Encoding: base64\r\n",
        std::string("Content-Disposition: attachment; name=a\r\n")}) {
    EXPECT_EQ(with(bad), ";400") << bad;
  }
}

TEST(Http1Multipart, Limits) {
  EXPECT_EQ(parts_of(part("") + part("") + kEnd, {.parts = 2}), ";a|-|text/plain:;a|-|text/plain:;done");
  EXPECT_EQ(parts_of(part("") + part("") + kEnd, {.parts = 1}), ";a|-|text/plain:;413");
  const std::string head = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
  EXPECT_EQ(parts_of(part("") + kEnd, {.head = head.size()}), ";a|-|text/plain:;done");
  EXPECT_EQ(parts_of(part("") + kEnd, {.head = head.size() - 1}), ";431");
}

TEST(Http1Multipart, Boundaries) {
  using http1::multipart_boundary;
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=B"), "B");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data ; charset=utf-8; Boundary=\"a b:c\""), "a b:c");
  for (const std::string bad :
       {"", "multipart/form-data", "multipart/mixed; boundary=B", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=\"a\x01\"",
        "multipart/form-data; boundary=\"a", "multipart/form-data boundary=B"}) {
    EXPECT_EQ(multipart_boundary(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'a')), std::nullopt);
}

}  // namespace
