# The install tree: headers, one static library a layer, a CMake package, a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/verdin)

install(DIRECTORY include/verdin DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
# The prefix is known at installation only. The client's files come along if they are there.
install(CODE "
  set(VERDIN_CLIENT_DIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/verdin/client\")
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/client_dir.hpp.in\"
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/${VERDIN_CLIENT_HEADER}\" @ONLY)")
install(DIRECTORY ${VERDIN_CLIENT_DIR}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/verdin/client OPTIONAL
  FILES_MATCHING PATTERN "socket.io*.js" PATTERN "socket.io*.js.map")
install(FILES scripts/gdb/verdin.py DESTINATION ${CMAKE_INSTALL_DATADIR}/verdin/gdb)
install(TARGETS ${VERDIN_LAYERS} EXPORT verdin-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT verdin-targets NAMESPACE verdin:: DESTINATION ${package_dir})

configure_package_config_file(cmake/verdin-config.cmake.in ${PROJECT_BINARY_DIR}/verdin-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/verdin-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/verdin-config.cmake ${PROJECT_BINARY_DIR}/verdin-config-version.cmake
  cmake/modules/FindBoostContext.cmake cmake/modules/FindLibev.cmake cmake/modules/FindLiburing.cmake cmake/modules/FindCares.cmake
  cmake/modules/FindBrotli.cmake
  DESTINATION ${package_dir})

# A linker reads archives once, from left to right: the topmost layer comes first. Nothing of this is private, because a
# static library hands what it needs on to whoever links it.
set(VERDIN_PC_LIBS "")
foreach(layer IN LISTS VERDIN_LAYERS)
  get_target_property(type ${layer} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(PREPEND VERDIN_PC_LIBS -l${layer})
  endif()
endforeach()
list(JOIN VERDIN_PC_LIBS " " VERDIN_PC_LIBS)
if(Liburing_FOUND)
  string(APPEND VERDIN_PC_LIBS " -luring")
endif()
if(Cares_FOUND)
  string(APPEND VERDIN_PC_LIBS " -lcares")
endif()
# Relative, since the prefix may be another at installation than it was at configuration.
file(RELATIVE_PATH VERDIN_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" VERDIN_PC_PREFIX ${VERDIN_PC_PREFIX})
configure_file(cmake/verdin.pc.in ${PROJECT_BINARY_DIR}/verdin.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/verdin.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
