# The public headers: every *.h of the five floors, but for what lies in kernels/cpu, kernels/cuda, kernels/emulator and
# in folders named detail. Installed, they are <deblurgan/core/tensor.h>. In the build tree
# `include/deblurgan/<floor>` links to the floor, so that one and the same #include serves whoever embeds the sources.
set(floors kernels core layers data models)

set(public_headers "")
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/include/deblurgan")
foreach(floor IN LISTS floors)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${floor}/*.h")
  list(APPEND public_headers ${headers})
  file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${floor}" "${PROJECT_BINARY_DIR}/include/deblurgan/${floor}" SYMBOLIC)
endforeach()
list(FILTER public_headers EXCLUDE REGEX "/kernels/(cpu|cuda|emulator)/|/detail/")

target_sources(deblurgan PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${public_headers})
target_include_directories(deblurgan PUBLIC
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/deblurgan>)
