// Multipart: the parts of a form with files, one after the other, as they come.
//
//   app.post("/photos", [](http::Request& q, http::Response& r) {
//     http::Multipart form(q);
//     while (form.next()) {
//       if (form.file_name()) save(form);
//       else if (form.name() == "year") year = form.read_as<int>();
//       else fields[form.name()] = form.read_all(1000);
//     }
//   }, {.stream_body = true, .body_limit = 1'000'000'000});
//
// Nothing is collected unless read_all() is asked for it; what of a part is not read is skipped. In a route
// with stream_body the peer waits while nobody reads; elsewhere the body is there already. On the handler's
// greenlet. Throws BodyError, which answers 400, 413, 415 or 431 if it leaves the handler; whoever asks again
// behind that gets it again.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <verdin/http/request.hpp>
#include <verdin/protocol/http1/multipart.hpp>

namespace verdin::http {

class Multipart {
 public:
  explicit Multipart(Request& request, const http1::MultipartLimits& limits = {});
  Multipart(const Multipart&) = delete;
  Multipart& operator=(const Multipart&) = delete;

  /// On to the next part. False behind the last one: the form has come whole.
  bool next();

  const std::string& name() const noexcept { return name_; }
  /// As the peer gave it: not a path to be trusted. None if the part is no file.
  const std::optional<std::string>& file_name() const noexcept { return file_name_; }
  const std::string& content_type() const noexcept { return content_type_; }

  /// The next octets of the part, as many as have come and fit; 0 at its end. Waits only for the first.
  std::size_t read(std::span<char> into);
  /// What is left of it. BodyError (413) beyond `limit` octets.
  std::string read_all(std::size_t limit);
  /// The same as a number, or as a bool: see Request::form_as(). None if it is not one, and for a file.
  template <typename T>
  std::optional<T> read_as() {
    return Request::read_as<T>(read_value());
  }

 private:
  std::optional<std::string> read_value();
  http1::MultipartParser::Event pump();
  [[noreturn]] void throw_failure() const;

  Request& request_;
  http1::MultipartParser parser_;
  std::string buffer_;
  std::string_view rest_;   // of what was read
  std::string_view piece_;  // of the part
  std::string name_;
  std::optional<std::string> file_name_;
  std::string content_type_;
  http1::MultipartParser::Event last_ = http1::MultipartParser::Event::data;
};

}  // namespace verdin::http
