// Everything of Verdin. Each header it names opens with its own contract.
#pragma once

#include <verdin/base/log.hpp>
#include <verdin/engineio/server.hpp>
#include <verdin/http/http.hpp>
#include <verdin/runtime/barrier.hpp>
#include <verdin/runtime/channel.hpp>
#include <verdin/runtime/condition.hpp>
#include <verdin/runtime/event.hpp>
#include <verdin/runtime/future.hpp>
#include <verdin/runtime/greenlet.hpp>
#include <verdin/runtime/join.hpp>
#include <verdin/runtime/mutex.hpp>
#include <verdin/runtime/offload.hpp>
#include <verdin/runtime/queue.hpp>
#include <verdin/runtime/rlock.hpp>
#include <verdin/runtime/run.hpp>
#include <verdin/runtime/semaphore.hpp>
#include <verdin/runtime/signal.hpp>
#include <verdin/runtime/sleep.hpp>
#include <verdin/runtime/spawn.hpp>
#include <verdin/runtime/timeout.hpp>
#include <verdin/socketio/socketio.hpp>
#include <verdin/websocket/stream.hpp>
