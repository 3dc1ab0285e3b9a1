#include <verdin/http/exchange.hpp>

#include "http/connection.hpp"

namespace verdin::http {

Exchange::~Exchange() {
  if (connection_) connection_->abandon(*this);
}

void Exchange::respond(int status, std::span<const Header> headers, std::string_view body) {
  if (connection_) connection_->respond(*this, status, headers, body);
}

void Exchange::respond(int status, std::span<const Header> headers, const SharedBuffer& body) {
  if (connection_) connection_->respond(*this, status, headers, body);
}

void Exchange::respond_file(int status, std::span<const Header> headers, FileBody body) {
  if (connection_) connection_->respond(*this, status, headers, std::move(body));
}

void Exchange::on_abort(UniqueFunction<void()> aborted) {
  if (finished_) return;
  aborted_ = std::move(aborted);
  if (connection_) connection_->abort_if_half_closed();
}

loop::StreamPtr Exchange::take_stream(std::string& leftover) {
  return connection_ ? connection_->give_stream(*this, leftover) : nullptr;
}

}  // namespace verdin::http
