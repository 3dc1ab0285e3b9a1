# VERDIN_SANITIZE applies to every target, ours and the tests', so that one report covers all of a program.
if(VERDIN_SANITIZE)
  add_compile_options(-fsanitize=${VERDIN_SANITIZE} -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${VERDIN_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(VERDIN_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# Programs around the library run a few times at most under the sanitizers: what optimising them costs is never won back.
# -Og halves what gcc needs for the checks of UndefinedBehaviorSanitizer; a quarter of the rest goes to two of them, which
# the library keeps: a null pointer that is followed in a test ends it anyway.
if(VERDIN_SANITIZE MATCHES "undefined")
  set(VERDIN_PROGRAM_OPTIONS -Og -fno-sanitize=null,alignment)
endif()
