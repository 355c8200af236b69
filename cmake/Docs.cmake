# The target deblurgan_docs: HTML from the public headers, in docs/html of the build tree.
dg_require(Doxygen "doxygen graphviz" COMPONENTS dot)
configure_file("${PROJECT_SOURCE_DIR}/docs/Doxyfile.in" "${PROJECT_BINARY_DIR}/docs/Doxyfile" @ONLY)
add_custom_target(deblurgan_docs
  COMMAND Doxygen::doxygen "${PROJECT_BINARY_DIR}/docs/Doxyfile"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  VERBATIM)
