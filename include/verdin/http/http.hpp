// The HTTP server layer in one include.
#pragma once

#include <verdin/http/app.hpp>
#include <verdin/http/endpoint.hpp>
#include <verdin/http/exchange.hpp>
#include <verdin/http/options.hpp>
#include <verdin/http/request.hpp>
#include <verdin/http/response.hpp>
#include <verdin/http/template.hpp>
