# Completion of the programs' options in bash and zsh: apps/completion, with the names of the programs filled in. In the
# build tree they are in completion/; installed they lie where both shells look by themselves.

# dg_add_completion(<program>...)
function(dg_add_completion)
  list(JOIN ARGN " " DEBLURGAN_PROGRAMS)
  set(from "${PROJECT_SOURCE_DIR}/apps/completion")
  set(to "${PROJECT_BINARY_DIR}/completion")
  configure_file("${from}/deblurgan.bash.in" "${to}/deblurgan.bash" @ONLY)
  configure_file("${from}/_deblurgan.in" "${to}/_deblurgan" @ONLY)
  if(NOT DEBLURGAN_INSTALL)
    return()
  endif()
  # bash-completion looks for a file named after the command.
  foreach(program IN LISTS ARGN)
    install(FILES "${to}/deblurgan.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
      RENAME "${program}")
  endforeach()
  install(FILES "${to}/_deblurgan" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
endfunction()
