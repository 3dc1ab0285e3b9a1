#include "websocket/stream_state.hpp"

#include <new>
#include <stdexcept>
#include <utility>

#include <verdin/websocket/accept.hpp>

namespace verdin::websocket::impl {
namespace {

/// Counts who is within a call.
class Counted {
 public:
  explicit Counted(int& count) noexcept : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  int& count_;
};

/// What a message costs in the inbox: many empty ones are not free.
std::size_t cost(const Part& part) noexcept { return part.data.size() + sizeof(Part); }

}  // namespace

StreamState::StreamState(http::ExchangePtr exchange, OptionsPtr options, Ended ended)
    : exchange_(std::move(exchange)), options_(std::move(options)), ended_(std::move(ended)) {}

StreamState::~StreamState() {
  if (connection_) connection_->set_handler(nullptr);  // somebody may hold it for a moment more
}

bool StreamState::accept(const http::Origins& origins) {
  connection_ = websocket::accept(exchange_, origins, *options_, *this);
  if (!connection_) return false;
  subprotocol_ = agreed_subprotocol(request(), *options_);
  connection_->receive_parts(options_->receive_parts);
  return true;
}

void StreamState::begin_as_client(loop::StreamPtr stream, std::string_view early_input,
                                  const std::optional<protocol::websocket::DeflateParams>& deflate,
                                  std::string subprotocol) {
  connection_ =
      make_intrusive<Connection>(std::move(stream), *options_, *this, early_input, deflate, Role::client);
  subprotocol_ = std::move(subprotocol);
  connection_->receive_parts(options_->receive_parts);
}

const http::Request& StreamState::request() const {
  if (!exchange_) throw std::logic_error("a client's stream has no request");
  return exchange_->request();
}

// In the hub.

void StreamState::take(const MessagePart& part) {
  if (skipping_ && !part.first) return;
  skipping_ = false;
  inbox_.push_back({std::string(part.octets.data(), part.octets.size()), part.opcode == Opcode::binary,
                    part.last, part.remaining});
  inbox_octets_ += cost(inbox_.back());
  if (inbox_octets_ > options_->inbox_limit && !paused_) {
    if (nobody_will_receive()) return forget_inbox();
    paused_ = true;
    connection_->pause();
  }
  readable_.set();
}

void StreamState::on_close(const Close& close) {
  end_ = close;
  readable_.set();
  writable_.set();
  report_end();
}

void StreamState::cut(std::uint16_t code, std::string_view reason) {
  connection_->abort();
  if (!end_) on_close({code, std::string(reason), false});
}

void StreamState::report_end() {
  if (!end_ || !function_returned_ || !ended_) return;
  const IntrusivePtr<StreamState> keep(this);
  std::exchange(ended_, nullptr)(*this);
}

// On greenlets. Whoever may block holds the state: its Stream may go meanwhile, or the route let go of it.

void StreamState::resume() {
  if (std::exchange(paused_, false)) connection_->resume();
}

bool StreamState::nobody_will_receive() const noexcept { return waiting_for_end_ > 0 && !readers_.any(); }

/// Whole messages: what is still to come of the last is none by itself.
void StreamState::forget_inbox() {
  if (!inbox_.empty()) skipping_ = !inbox_.back().last;
  inbox_.clear();
  inbox_octets_ = 0;
  partial_.reset();
  resume();
}

std::optional<Part> StreamState::receive_part() {
  const IntrusivePtr<StreamState> keep(this);
  readers_.add_running();
  while (inbox_.empty()) {
    if (!is_open()) return std::nullopt;
    readable_.clear();
    readable_.wait();
  }
  std::optional<Part> part(std::move(inbox_.front()));
  inbox_.pop_front();
  inbox_octets_ -= cost(*part);
  if (paused_ && inbox_octets_ <= options_->inbox_limit / 2) {
    resume();
  }
  return part;
}

std::optional<Message> StreamState::receive() {
  const IntrusivePtr<StreamState> keep(this);
  // What has been put together survives a Timeout: the next call goes on from there.
  for (;;) {
    std::optional<Part> part = receive_part();
    if (!part) return std::nullopt;
    if (!partial_) partial_.emplace(Message{{}, part->binary});
    if (part->data.size() > options_->max_message_size - partial_->data.size()) {
      close(close_code::kMessageTooBig, "message too big");
      forget_inbox();
      return std::nullopt;
    }
    if (partial_->data.empty()) {
      partial_->data = std::move(part->data);
    } else {
      partial_->data += part->data;
    }
    if (part->last) return std::exchange(partial_, std::nullopt);
  }
}

void StreamState::wait_until_writable() { wait_until_unsent(options_->send_limit); }

void StreamState::wait_until_unsent(std::size_t most) {
  const IntrusivePtr<StreamState> keep(this);
  while (is_open() && connection_->unsent() > most) {
    const std::uint32_t before = connection_->taken();  // what is unsent others may add to
    writable_.clear();
    connection_->flush();  // what it leaves, on_drained() tells of
    if (connection_->unsent() <= most) return;
    if (!writable_.wait_for(connection_->backpressure_timeout()) && is_open() &&
        connection_->taken() == before) {
      return cut(close_code::kPolicyViolation, "slow reader");
    }
  }
}

bool StreamState::send(Opcode opcode, std::string_view message) {
  const IntrusivePtr<StreamState> keep(this);
  wait_until_writable();
  return connection_->send(opcode, message);
}

void StreamState::begin_message(bool binary, std::optional<std::uint64_t> length) {
  const IntrusivePtr<StreamState> keep(this);
  sink_.acquire();
  try {
    wait_until_writable();
    connection_->begin_message(binary ? Opcode::binary : Opcode::text, length);
  } catch (...) {
    sink_.release();
    throw;
  }
}

bool StreamState::send_part(std::string_view part) {
  const IntrusivePtr<StreamState> keep(this);
  wait_until_writable();
  return connection_->send_part(part);
}

bool StreamState::end_message() {
  const bool sent = connection_->end_message();
  sink_.release();
  return sent;
}

void StreamState::abandon_message() noexcept {
  if (is_open()) close_or_cut(close_code::kInternalError, "a message was given up");
  sink_.release();
}

void StreamState::close_or_cut(std::uint16_t code, std::string_view reason) noexcept {
  try {
    close(code, reason);
  } catch (const std::bad_alloc&) {
    cut(close_code::kAbnormal, "no memory");
  }
}

void StreamState::close(std::uint16_t code, std::string_view reason) {
  connection_->close(code, reason);
  readable_.set();
  writable_.set();
}

Close StreamState::wait_for_end() {
  const IntrusivePtr<StreamState> keep(this);
  const Counted waiting(waiting_for_end_);
  const Readers::Waiting not_reading(readers_);
  while (!end_) {
    if (paused_ && nobody_will_receive()) forget_inbox();  // perhaps the last reader has just ended
    readable_.clear();
    readable_.wait();
  }
  return *end_;
}

void StreamState::function_begins() { readers_.add_running(); }

void StreamState::function_returned() {
  function_returned_ = true;
  inbox_.clear();
  report_end();
}

}  // namespace verdin::websocket::impl
