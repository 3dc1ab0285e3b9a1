// StaticFiles: the handler behind App::static_files(). Internal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <verdin/http/app.hpp>

namespace verdin::http {

class StaticFiles {
 public:
  /// `prefix` without a "/" at its end. `server` has the route.
  StaticFiles(Server& server, std::string_view prefix, std::string directory, StaticOptions options);
  void operator()(Request& request, Response& response) const;

 private:
  Server& server_;
  std::ptrdiff_t prefix_segments_;
  std::string directory_;
  StaticOptions options_;
};

}  // namespace verdin::http
