# What the library needs from other projects. None of it shows in a public header, so all of it is PRIVATE: header-only
# libraries end with our own build, and an installed deblurgan asks its users only for what the linker needs.

# dg_require(<package> <debian package> [find_package arguments...]): finds it, or says what to install.
macro(dg_require package debian_package)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "deblurgan needs ${package}, which was not found. "
                        "On Debian or Ubuntu: apt-get install ${debian_package}")
  endif()
endmacro()

dg_require(Eigen3 libeigen3-dev 3.4 NO_MODULE)
dg_require(nlohmann_json nlohmann-json3-dev 3.9)
dg_require(ZLIB zlib1g-dev)
dg_require(Threads libc6-dev)

# stb has no CMake package; its headers are included as <stb/stb_image.h>.
find_path(DEBLURGAN_STB_INCLUDE_DIR stb/stb_image.h)
mark_as_advanced(DEBLURGAN_STB_INCLUDE_DIR)
if(NOT DEBLURGAN_STB_INCLUDE_DIR)
  message(FATAL_ERROR "deblurgan needs stb_image.h, which was not found. On Debian or Ubuntu: "
                      "apt-get install libstb-dev")
endif()

function(dg_link_library_dependencies target)
  target_link_libraries(${target} PRIVATE
    $<BUILD_INTERFACE:Eigen3::Eigen>
    $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
    ZLIB::ZLIB
    Threads::Threads)
  target_include_directories(${target} SYSTEM PRIVATE ${DEBLURGAN_STB_INCLUDE_DIR})
endfunction()
