#include <algorithm>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <verdin/http/origin.hpp>
#include <verdin/runtime/errors.hpp>
#include <verdin/runtime/hub.hpp>
#include <verdin/runtime/local.hpp>
#include <verdin/websocket/accept.hpp>
#include <verdin/websocket/stream.hpp>

#include "websocket/check_options.hpp"
#include "websocket/stream_state.hpp"

namespace verdin::websocket {
namespace {

using impl::StreamState;
using StatePtr = IntrusivePtr<StreamState>;

class RouteEndpoint final : public http::Endpoint, public std::enable_shared_from_this<RouteEndpoint> {
 public:
  RouteEndpoint(StreamHandler handler, RouteOptions options)
      : handler_(std::move(handler)),
        options_(std::make_shared<const RouteOptions>(std::move(options))),
        origins_(options_->origins) {
    impl::check_options(*options_, protocol::websocket::Role::server);
  }

  /// What is left are connections whose functions have returned and whose peers have not answered the close:
  /// those retire, unless a Stream that was kept still holds them.
  ~RouteEndpoint() override {
    for (const StatePtr& state : states_) state->forget_ended();
  }

  void on_request(http::ExchangePtr exchange) override {
    Hub& hub = Hub::current();
    http::Exchange::Reporter report = exchange->reporter();
    const auto forget = [this](StreamState& state) { remove(state); };
    auto state = make_intrusive<StreamState>(std::move(exchange), options_, forget);
    if (!state->accept(origins_)) return;
    state->index = states_.size();
    states_.push_back(state);
    // Behind middlewares this is their greenlet, which is given back: the handler sees what they have set.
    const auto* const locals = hub.in_hub() ? nullptr : verdin::impl::current_locals();
    hub.start_now(
        [service = Service{shared_from_this(), std::move(state), std::move(report)},
         context = locals ? locals->context() : nullptr]() mutable {
          if (context) verdin::impl::make_current_locals().set_context(std::move(context));
          service.run();
        },
        "websocket");
  }

  void on_stop() override {
    // A copy: closing may end a greenlet, and with it a state.
    for (const StatePtr& state : std::vector<StatePtr>(states_)) {
      state->close(close_code::kGoingAway, "the server is stopping");
    }
  }

  std::size_t active() const override { return states_.size(); }

  /// Nothing waits for the peers' answers any longer; what has not returned is removed as it does.
  void on_end() override {
    over_ = true;
    for (const StatePtr& state : std::vector<StatePtr>(states_)) {
      state->close_or_cut(close_code::kGoingAway, {});
      if (state->has_returned()) remove(*state);
    }
  }

 private:
  /// What a greenlet does with a WebSocket. The handshake is done: where there is no stack for the greenlet,
  /// nobody else will say so to the peer.
  struct Service {
    Service(std::shared_ptr<RouteEndpoint> its, StatePtr served, http::Exchange::Reporter reporter) noexcept
        : endpoint(std::move(its)), state(std::move(served)), report(std::move(reporter)) {}
    Service(Service&&) = default;
    Service& operator=(Service&&) = delete;
    ~Service() {
      if (state) endpoint->give_up(state, report);
    }
    void run() {
      const StatePtr served = std::move(state);
      endpoint->serve(served, report);
    }
    std::shared_ptr<RouteEndpoint> endpoint;
    StatePtr state;
    http::Exchange::Reporter report;
  };

  /// What there was no stack for, or no memory.
  void give_up(const StatePtr& state, http::Exchange::Reporter& report) noexcept {
    end(state, close_code::kInternalError);
    try {
      const std::exception_ptr reason = std::current_exception();
      if (reason && report) report(reason);  // else it is still thrown to who reports it
    } catch (...) {                          // a hook that throws has had its chance
    }
  }

  void serve(const StatePtr& state, http::Exchange::Reporter& report) {
    try {
      state->function_begins();
      Stream stream(state);
      handler_(stream);
    } catch (const TimeoutExpired&) {  // of a limit that the handler has set to itself
      fail(state, report);
      return;
    } catch (const Interrupt&) {
      // Killed, perhaps because the hub ends: nobody will be there for the peer's answer.
      state->close_or_cut(close_code::kGoingAway, {});
      remove(*state);
      throw;
    } catch (...) {
      fail(state, report);
      return;
    }
    end(state, close_code::kNormal);
  }

  /// While what the handler threw is being handled.
  void fail(const StatePtr& state, http::Exchange::Reporter& report) {
    end(state, close_code::kInternalError);
    if (report) report(std::current_exception());
  }

  void end(const StatePtr& state, std::uint16_t code) {
    state->close_or_cut(code, {});
    state->function_returned();
    if (over_) remove(*state);
  }

  void remove(StreamState& state) {
    const std::size_t index = state.index;
    if (index >= states_.size() || states_[index].get() != &state) return;
    const StatePtr gone = std::exchange(states_[index], std::move(states_.back()));
    states_.pop_back();
    if (index < states_.size()) states_[index]->index = index;
  }

  StreamHandler handler_;
  // The states' too: through the endpoint they would hold themselves.
  std::shared_ptr<const RouteOptions> options_;
  http::Origins origins_;
  std::vector<StatePtr> states_;
  bool over_ = false;
};

}  // namespace

void route(http::App& app, std::string_view pattern, StreamHandler handler, RouteOptions options) {
  app.route(pattern, std::make_shared<RouteEndpoint>(std::move(handler), std::move(options)));
}

}  // namespace verdin::websocket
