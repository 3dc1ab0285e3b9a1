# Warnings of our own code; not exported to those who link against Verdin.
add_library(verdin_warnings INTERFACE)
target_compile_options(verdin_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion -Wno-sign-conversion
  -Werror=return-type)
option(VERDIN_WERROR "Treat warnings as errors" OFF)
if(VERDIN_WERROR)
  target_compile_options(verdin_warnings INTERFACE -Werror)
endif()
