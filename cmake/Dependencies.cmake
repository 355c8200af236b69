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

dg_require(nlohmann_json nlohmann-json3-dev 3.9)
dg_require(ZLIB zlib1g-dev)
dg_require(PNG libpng-dev 1.6.32)  # the first with eXIf
dg_require(JPEG libjpeg-dev)  # libjpeg-turbo, whose functions for ICC profiles others lack
dg_require(Threads libc6-dev)

# stb has no CMake package; its headers are included as <stb/stb_image.h>.
find_path(DEBLURGAN_STB_INCLUDE_DIR stb/stb_image.h)
mark_as_advanced(DEBLURGAN_STB_INCLUDE_DIR)
if(NOT DEBLURGAN_STB_INCLUDE_DIR)
  message(FATAL_ERROR "deblurgan needs stb_image.h, which was not found. On Debian or Ubuntu: "
                      "apt-get install libstb-dev")
endif()

# Cairo is optional: it draws PNG and PDF (data/drawing_io.h). On at top level only, so that whoever embeds the library is
# not asked for it.
option(DEBLURGAN_CAIRO "Drawings as PNG and PDF, where cairo is found" ${PROJECT_IS_TOP_LEVEL})
set(DEBLURGAN_PC_CAIRO "")  # what users of deblurgan.pc link besides
if(DEBLURGAN_CAIRO)
  find_path(DEBLURGAN_CAIRO_INCLUDE_DIR cairo/cairo-pdf.h)
  find_library(DEBLURGAN_CAIRO_LIBRARY cairo)
  mark_as_advanced(DEBLURGAN_CAIRO_INCLUDE_DIR DEBLURGAN_CAIRO_LIBRARY)
  if(DEBLURGAN_CAIRO_INCLUDE_DIR AND DEBLURGAN_CAIRO_LIBRARY)
    set(DEBLURGAN_PC_CAIRO "-lcairo")
  else()
    message(STATUS "deblurgan: cairo was not found, so deblurgan-draw writes SVG only, no PNG or PDF. "
                   "On Debian or Ubuntu: apt-get install libcairo2-dev")
  endif()
endif()

# HDF5 is optional: it writes weights for Keras (data/keras_file.h); they are read without it. The C interface.
set(DEBLURGAN_HDF5 AUTO CACHE STRING "Writing files for Keras: AUTO (if HDF5 is found), ON (it must be) or OFF")
set_property(CACHE DEBLURGAN_HDF5 PROPERTY STRINGS AUTO ON OFF)
set(DEBLURGAN_PC_HDF5 "")  # what users of deblurgan.pc link besides
if(DEBLURGAN_HDF5 STREQUAL "OFF")
  unset(DEBLURGAN_HDF5_LIBRARY CACHE)
else()
  find_path(DEBLURGAN_HDF5_INCLUDE_DIR hdf5.h PATH_SUFFIXES hdf5/serial)
  find_library(DEBLURGAN_HDF5_LIBRARY NAMES hdf5_serial hdf5)
  mark_as_advanced(DEBLURGAN_HDF5_INCLUDE_DIR DEBLURGAN_HDF5_LIBRARY)
  if(DEBLURGAN_HDF5_INCLUDE_DIR AND DEBLURGAN_HDF5_LIBRARY)
    get_filename_component(hdf5_name "${DEBLURGAN_HDF5_LIBRARY}" NAME_WE)
    string(REGEX REPLACE "^lib" "" hdf5_name "${hdf5_name}")
    set(DEBLURGAN_PC_HDF5 "-l${hdf5_name}")
  else()
    set(hdf5_missing "HDF5 was not found. On Debian or Ubuntu: apt-get install libhdf5-dev")
    if(DEBLURGAN_HDF5 STREQUAL "ON")
      message(FATAL_ERROR "DEBLURGAN_HDF5 is ON, but ${hdf5_missing}")
    endif()
    message(STATUS "deblurgan: nothing is written for Keras: ${hdf5_missing}")
    unset(DEBLURGAN_HDF5_LIBRARY CACHE)
  endif()
endif()

function(dg_link_library_dependencies target)
  target_link_libraries(${target} PRIVATE
    $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
    ZLIB::ZLIB
    PNG::PNG
    JPEG::JPEG
    Threads::Threads)
  target_include_directories(${target} SYSTEM PRIVATE ${DEBLURGAN_STB_INCLUDE_DIR})
  if(DEBLURGAN_PC_CAIRO)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${DEBLURGAN_CAIRO_LIBRARY}> $<INSTALL_INTERFACE:cairo>)
    target_include_directories(${target} SYSTEM PRIVATE ${DEBLURGAN_CAIRO_INCLUDE_DIR})
    set_property(SOURCE "${PROJECT_SOURCE_DIR}/data/detail/drawing_cairo.cpp" TARGET_DIRECTORY ${target} APPEND PROPERTY
      COMPILE_DEFINITIONS DEBLURGAN_HAS_CAIRO)
  endif()
  if(DEBLURGAN_HDF5_LIBRARY)
    target_link_libraries(${target} PRIVATE
      $<BUILD_INTERFACE:${DEBLURGAN_HDF5_LIBRARY}> $<INSTALL_INTERFACE:${hdf5_name}>)
    target_include_directories(${target} SYSTEM PRIVATE ${DEBLURGAN_HDF5_INCLUDE_DIR})
  endif()
endfunction()
