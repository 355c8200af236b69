# Configures the consumer project SOURCE in BINARY; with STEPS "build and run", also builds it and runs its PROGRAM.
# SETTINGS: name=value|name=value, its cache variables.
string(REPLACE "|" ";" settings "${SETTINGS}")
list(TRANSFORM settings PREPEND "-D")

execute_process(
  COMMAND "${CMAKE_COMMAND}" --fresh -S "${SOURCE}" -B "${BINARY}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" ${settings}
  COMMAND_ERROR_IS_FATAL ANY)
if(STEPS STREQUAL "build and run")
  cmake_host_system_information(RESULT jobs QUERY NUMBER_OF_LOGICAL_CORES)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BINARY}" --parallel ${jobs} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${BINARY}/${PROGRAM}" WORKING_DIRECTORY "${BINARY}" COMMAND_ERROR_IS_FATAL ANY)
endif()
