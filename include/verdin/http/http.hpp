// The HTTP layer in one include: server and client.
#pragma once

#include <verdin/http/app.hpp>
#include <verdin/http/client.hpp>
#include <verdin/http/cors.hpp>
#include <verdin/http/endpoint.hpp>
#include <verdin/http/event_stream.hpp>
#include <verdin/http/exchange.hpp>
#include <verdin/http/multipart.hpp>
#include <verdin/http/options.hpp>
#include <verdin/http/origin.hpp>
#include <verdin/http/request.hpp>
#include <verdin/http/response.hpp>
#include <verdin/http/session.hpp>
#include <verdin/http/template.hpp>
