// The Socket.IO server: everything an application needs.
#pragma once

#include <verdin/socketio/namespace.hpp>
#include <verdin/socketio/server.hpp>
#include <verdin/socketio/socket.hpp>
