// The official client's files, as the official server serves them below its path: with the version as a
// strong ETag.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <verdin/base/shared_buffer.hpp>
#include <verdin/base/siphash.hpp>
#include <verdin/http/exchange.hpp>

namespace verdin::sio {

class ClientFiles {
 public:
  /// Nothing is read before it is asked for, and then once.
  explicit ClientFiles(std::string directory) : directory_(std::move(directory)) {}

  /// Answers if `name` (behind the server's path) is that of one of the files; false otherwise.
  bool serve(http::Exchange& exchange, std::string_view name);

 private:
  struct File {
    SharedBuffer content;
    std::string etag;
  };
  const File* find(std::string_view name);

  std::string directory_;
  StringMap<File> files_;
  bool missed_ = false;  // the log has been told
};

}  // namespace verdin::sio
