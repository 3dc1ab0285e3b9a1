# One static library a layer, in the order of docs/architecture.md: a layer links only layers above it.
# `verdin::verdin` is all of them.
set(VERDIN_LAYERS "")

function(verdin_layer name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cpp)
  set(target verdin_${name})
  if(sources)
    add_library(${target} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:verdin_warnings> ${ARG_LINKS})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(verdin::${name} ALIAS ${target})
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  target_compile_features(${target} ${scope} cxx_std_20)
  foreach(layer IN LISTS ARG_USES)
    target_link_libraries(${target} ${scope} verdin_${layer})
  endforeach()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  set(VERDIN_LAYERS ${VERDIN_LAYERS} ${target} PARENT_SCOPE)
endfunction()

verdin_layer(base)
verdin_layer(fiber USES base LINKS BoostContext::BoostContext)
verdin_layer(loop USES base LINKS Libev::Libev)
verdin_layer(runtime USES fiber loop LINKS Threads::Threads)
verdin_layer(net USES runtime)
verdin_layer(protocol USES base LINKS simdjson::simdjson ZLIB::ZLIB)
verdin_layer(http USES net protocol)
verdin_layer(websocket USES http)
verdin_layer(engineio USES websocket)
verdin_layer(socketio USES engineio)

# Where a server looks for the client bundle when the application does not say.
set_source_files_properties(src/socketio/server.cpp PROPERTIES
  COMPILE_DEFINITIONS "VERDIN_CLIENT_DIR=\"${VERDIN_CLIENT_DIR}\"")

if(VERDIN_FCONTEXT)
  target_compile_definitions(verdin_fiber PUBLIC $<BUILD_INTERFACE:VERDIN_FCONTEXT>)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT VERDIN_SANITIZE)
  target_compile_definitions(verdin_fiber PUBLIC $<BUILD_INTERFACE:VERDIN_MUTEX_WATCH>)
endif()

add_library(verdin INTERFACE)
add_library(verdin::verdin ALIAS verdin)
target_link_libraries(verdin INTERFACE verdin_socketio)
list(APPEND VERDIN_LAYERS verdin)
