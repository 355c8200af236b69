# Runs `PROGRAM FAULT SEEDS` and demands that it fails and says OUTPUT (a regular expression). With MARK, it must also name
# every line of the planted kernels that bears the comment `// MARK: FAULT`.
execute_process(COMMAND "${PROGRAM}" "${FAULT}" ${SEEDS}
  RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE complained)
string(APPEND said "${complained}")
if(status EQUAL 0)
  message(FATAL_ERROR "${FAULT} went unnoticed:\n${said}")
endif()
if(NOT said MATCHES "${OUTPUT}")
  message(FATAL_ERROR "${FAULT}: expected \"${OUTPUT}\", got (status ${status}):\n${said}")
endif()

if(MARK)
  # planted_barriers.cpp:25:  tile[t] = x[t];  // race: missing_barrier_before_read
  file(GLOB sources RELATIVE "${CMAKE_CURRENT_LIST_DIR}" "${CMAKE_CURRENT_LIST_DIR}/planted_*.cpp")
  execute_process(COMMAND grep --line-number "// ${MARK}: ${FAULT}$" ${sources}
    WORKING_DIRECTORY "${CMAKE_CURRENT_LIST_DIR}" OUTPUT_VARIABLE marked COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "planted_[a-z]+\\.cpp:[0-9]+" places "${marked}")
  foreach(place IN LISTS places)
    if(NOT said MATCHES "${place}[^0-9]")
      message(FATAL_ERROR "${FAULT}: expected ${place} to be named, got:\n${said}")
    endif()
  endforeach()
endif()
message(STATUS "${FAULT}: ${OUTPUT} ${places}")
