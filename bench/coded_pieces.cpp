// What an encoder keeps, and what it makes, when an answer goes out in pieces that are each flushed: events
// of some 100 octets, rows of an HTML table in pieces of 2 KB, and the same page in pieces of 32 KB. A row a
// setting: for each of the three what is left, what is kept at most, and the time.
//
//   build/release/bench/coded_pieces
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include <brotli/encode.h>
#include <zlib.h>

namespace {

using Pieces = std::vector<std::string>;

std::size_t kept = 0, most_kept = 0;

void* take(void*, std::size_t size) {
  constexpr std::size_t kSizeRoom = 16;
  char* const all = static_cast<char*>(std::malloc(size + kSizeRoom));
  if (!all) std::abort();
  *reinterpret_cast<std::size_t*>(all) = size;
  kept += size;
  if (kept > most_kept) most_kept = kept;
  return all + kSizeRoom;
}
void* take_array(void* none, uInt count, uInt size) { return take(none, std::size_t{count} * size); }
void give(void*, void* object) {
  if (!object) return;
  char* const all = static_cast<char*>(object) - 16;
  kept -= *reinterpret_cast<std::size_t*>(all);
  std::free(all);
}

std::string words(std::mt19937& dice, int count) {
  static constexpr std::array<const char*, 24> kWords{
      "lorem ", "ipsum ",  "dolor ",      "sit ",    "amet ",  "consectetur ", "adipiscing ", "elit ",
      "sed ",   "do ",     "eiusmod ",    "tempor ", "ut ",    "labore ",      "et ",         "dolore ",
      "magna ", "aliqua ", "incididunt ", "enim ",   "minim ", "veniam ",      "quis ",       "nostrud "};
  std::string text;
  while (count-- > 0) text += kWords[dice() % kWords.size()];
  return text;
}

Pieces events() {
  std::mt19937 dice(1);
  Pieces pieces;
  for (int i = 0; i < 2000; ++i) {
    pieces.push_back(
        "id: " + std::to_string(i) + "\ndata: {\"at\":" + std::to_string(1790000000 + dice() % 1000000) +
        ",\"user\":" + std::to_string(dice() % 50) + ",\"text\":\"" + words(dice, 6) + "\"}\n\n");
  }
  return pieces;
}

Pieces rows_of_html() {
  std::mt19937 dice(2);
  Pieces pieces;
  for (int i = 0; i < 200; ++i) {
    std::string& piece = pieces.emplace_back();
    for (int row = 0; row < 12; ++row) {
      piece += "<tr class=\"row-" + std::to_string(row % 2) + "\"><td><a href=\"/items/" +
               std::to_string(dice() % 100000) + "\">" + words(dice, 4) + "</a></td><td class=\"price\">" +
               std::to_string(dice() % 1000) + ".00 EUR</td><td>" + words(dice, 12) + "</td></tr>\n";
    }
  }
  return pieces;
}

Pieces in_pieces_of(std::size_t size, const Pieces& pieces) {
  std::string all;
  for (const std::string& piece : pieces) all += piece;
  Pieces cut;
  for (std::size_t at = 0; at < all.size(); at += size) cut.push_back(all.substr(at, size));
  return cut;
}

std::size_t deflated(const Pieces& pieces, int window, int memory) {
  z_stream stream{};
  stream.zalloc = take_array;
  stream.zfree = give;
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window + 16, memory, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    std::abort();
  std::array<char, 8192> room;
  const auto run = [&](const std::string& piece, int how) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      ::deflate(&stream, how);
    } while (stream.avail_out == 0);
  };
  for (const std::string& piece : pieces) run(piece, Z_SYNC_FLUSH);
  run({}, Z_FINISH);
  const std::size_t size = stream.total_out;
  ::deflateEnd(&stream);
  return size;
}

std::size_t brotlied(const Pieces& pieces, int quality, int window) {
  BrotliEncoderState* const state = ::BrotliEncoderCreateInstance(take, give, nullptr);
  if (!state) std::abort();
  ::BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, static_cast<std::uint32_t>(quality));
  ::BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, static_cast<std::uint32_t>(window));
  ::BrotliEncoderSetParameter(state, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT);
  std::size_t all = 0;
  const auto run = [&](const std::string& piece, BrotliEncoderOperation how) {
    const auto* in = reinterpret_cast<const std::uint8_t*>(piece.data());
    std::size_t left = piece.size(), size = 0;
    do {
      std::size_t no_room = 0;
      ::BrotliEncoderCompressStream(state, how, &left, &in, &no_room, nullptr, nullptr);
      size = 0;
      ::BrotliEncoderTakeOutput(state, &size);
      all += size;
    } while (left > 0 || size > 0);
  };
  for (const std::string& piece : pieces) run(piece, BROTLI_OPERATION_FLUSH);
  run({}, BROTLI_OPERATION_FINISH);
  ::BrotliEncoderDestroyInstance(state);
  return all;
}

template <typename Encode>
void show(const char* name, const std::vector<Pieces>& inputs, Encode encode) {
  std::printf("%-26s", name);
  for (const Pieces& pieces : inputs) {
    std::size_t size = 0;
    for (const std::string& piece : pieces) size += piece.size();
    kept = most_kept = 0;
    const std::clock_t begin = std::clock();
    const std::size_t coded = encode(pieces);
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    std::printf(" | %5.1f %% %5.0f KB %5.1f us/KB",
                100.0 * static_cast<double>(coded) / static_cast<double>(size),
                static_cast<double>(most_kept) / 1000, seconds * 1e6 / (static_cast<double>(size) / 1000));
  }
  std::printf("\n");
}

}  // namespace

int main() {
  const Pieces html = rows_of_html();
  const std::vector<Pieces> inputs{events(), html, in_pieces_of(32 * 1024, html)};
  for (const auto& [window, memory] :
       {std::pair{15, 8}, std::pair{14, 6}, std::pair{13, 6}, std::pair{13, 5}, std::pair{12, 5}}) {
    const std::string name = "gzip, window " + std::to_string(window) + ", memory " + std::to_string(memory);
    show(name.c_str(), inputs, [&, w = window, m = memory](const Pieces& p) { return deflated(p, w, m); });
  }
  for (const auto& [quality, window] :
       {std::pair{0, 14}, std::pair{1, 13}, std::pair{1, 14}, std::pair{2, 10}, std::pair{2, 14},
        std::pair{3, 14}, std::pair{4, 18}, std::pair{5, 16}}) {
    const std::string name = "brotli " + std::to_string(quality) + ", window " + std::to_string(window);
    show(name.c_str(), inputs, [&, q = quality, w = window](const Pieces& p) { return brotlied(p, q, w); });
  }
}
