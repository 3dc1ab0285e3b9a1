# VERDIN_SANITIZE applies to every target, ours and the tests', so that one report covers all of a program.
if(VERDIN_SANITIZE)
  add_compile_options(-fsanitize=${VERDIN_SANITIZE} -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${VERDIN_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(VERDIN_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
