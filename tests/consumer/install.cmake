# Installs the build tree BUILD into an empty PREFIX.
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}"
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE installed RELATIVE "${PREFIX}" "${PREFIX}/*")

# What only our own sources may include stays at home.
foreach(file IN LISTS installed)
  if(file MATCHES "kernels/cpu|/detail/|catch|test")
    message(FATAL_ERROR "installed ${file}, which is no part of the library's interface")
  endif()
endforeach()
# The package must not remember where it was built.
file(GLOB_RECURSE package_files "${PREFIX}/*.cmake" "${PREFIX}/*.pc")
foreach(file IN LISTS package_files)
  file(READ "${file}" text)
  string(FIND "${text}" "${BUILD}" position)
  if(NOT position EQUAL -1)
    message(FATAL_ERROR "${file} contains the path of the build tree, ${BUILD}")
  endif()
endforeach()
list(LENGTH installed count)
message("installed ${count} files into ${PREFIX}")
