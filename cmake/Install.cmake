# cmake --install: the library, its headers, the CMake package with its version, and a pkg-config file.
# The programs' own install rules are in apps/.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/deblurgan")

install(TARGETS deblurgan EXPORT deblurganTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/deblurgan")
install(EXPORT deblurganTargets NAMESPACE deblurgan:: DESTINATION "${package_dir}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/deblurganConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/deblurganConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may break the interface: 0.1.x serves requests for 0.1 only.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/deblurganConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/deblurganConfig.cmake" "${PROJECT_BINARY_DIR}/deblurganConfigVersion.cmake"
  DESTINATION "${package_dir}")

# The prefix is written relative to the .pc file, so that `cmake --install --prefix` and moved trees keep working.
file(RELATIVE_PATH pc_prefix_from_here "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" pc_prefix_from_here "${pc_prefix_from_here}")
set(pc_link_flags "-pthread")
if(DEBLURGAN_HAS_CUDA)
  list(GET CUDAToolkit_LIBRARY_DIR 0 cuda_library_dir)
  string(APPEND pc_link_flags " -L${cuda_library_dir} -lcudart_static -ldl -lrt")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/deblurgan.pc.in" "${PROJECT_BINARY_DIR}/deblurgan.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/deblurgan.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
