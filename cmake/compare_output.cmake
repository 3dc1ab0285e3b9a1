# cmake -DPROGRAM=... -DEXPECTED=... -P compare_output.cmake: fails unless PROGRAM succeeds and prints what is in EXPECTED.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed ERROR_VARIABLE complained RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "it ended with ${status}\n${complained}")
endif()
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "it printed\n${printed}\nand not\n${expected}")
endif()
