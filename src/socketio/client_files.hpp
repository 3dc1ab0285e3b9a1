// The official client's files, as the official server serves them below its path: with the version as entity
// tag, with the CORS headers of the engine's answers, and compressed for whom accepts that.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/base/siphash.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/protocol/http1/content_coding.hpp>

namespace verdin::sio {

class ClientFiles {
 public:
  /// A file is read when it is first asked for, and compressed when that is first asked for; both are kept.
  /// `origins` must outlive this.
  ClientFiles(std::string directory, const http::Origins& origins)
      : directory_(std::move(directory)), origins_(origins) {}

  /// Tells the log if the files are not there.
  void check();

  /// Answers if `name` (behind the server's path) is that of one of the files; false otherwise.
  bool serve(http::Exchange& exchange, std::string_view name);

 private:
  struct File {
    std::array<SharedBuffer, protocol::http1::kContentCodings>
        content;  // by ContentCoding; empty until it is asked for
    std::string etag;
    std::string weak_etag;
  };
  File* find(std::string_view name);
  void answer(http::Exchange& exchange, std::string_view name, File& file);
  void answer_missing(http::Exchange& exchange, std::string_view name);
  void tell_log(std::string_view name);

  std::string directory_;
  const http::Origins& origins_;
  StringMap<File> files_;
  bool told_ = false;  // the log, once
};

}  // namespace verdin::sio
