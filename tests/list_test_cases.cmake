# Run after a test executable is linked: writes LIST_FILE, from which ctest learns one test per TEST_CASE of PROGRAM.
# Catch2's own catch_discover_tests does the same, but breaks names that contain `;` or an unbalanced bracket.
execute_process(COMMAND "${PROGRAM}" --list-test-names-only OUTPUT_VARIABLE names ERROR_VARIABLE errors)
string(STRIP "${names}" names)
if(NOT names)
  message(FATAL_ERROR "${PROGRAM} lists no test case. ${errors}")
endif()

# What CMake's lists would trip over travels under other characters.
string(ASCII 1 semicolon)
string(ASCII 2 opening)
string(ASCII 3 closing)
string(REPLACE ";" "${semicolon}" names "${names}")
string(REPLACE "[" "${opening}" names "${names}")
string(REPLACE "]" "${closing}" names "${names}")
string(REPLACE "\n" ";" names "${names}")

set(script "")
foreach(line IN LISTS names)
  string(REPLACE "${semicolon}" ";" name "${line}")
  string(REPLACE "${opening}" "[" name "${name}")
  string(REPLACE "${closing}" "]" name "${name}")
  # Catch2 reads a comma and brackets in its argument as syntax.
  string(REGEX REPLACE "([],[\\])" "\\\\\\1" pattern "${name}")
  # NoTests: a name that Catch2 does not find again is a failure, not a silent pass.
  string(APPEND script
    "add_test([==[${FLOOR}/${name}]==] [==[${PROGRAM}]==] [==[${pattern}]==] --warn NoTests)\n"
    "set_tests_properties([==[${FLOOR}/${name}]==] PROPERTIES LABELS ${LABEL} TIMEOUT 600)\n")
endforeach()
file(WRITE "${LIST_FILE}" "${script}")
