# A man page for each program, made from its own --help when it has been built (cmake/man_page.py), and installed to
# share/man/man1. What --help does not tell, such as FILES, is in apps/man/<program>.roff.

# dg_add_man_pages(<program>...)
function(dg_add_man_pages)
  find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
  if(CMAKE_CROSSCOMPILING OR NOT Python3_FOUND)
    set(missing "Python 3.9 was not found. On Debian or Ubuntu: apt-get install python3")
    if(CMAKE_CROSSCOMPILING)
      set(missing "they come from the programs' --help, and programs for another machine cannot be run")
    endif()
    message(STATUS "deblurgan: no man pages: ${missing}")
    return()
  endif()

  set(script "${PROJECT_SOURCE_DIR}/cmake/man_page.py")
  set(folder "${PROJECT_BINARY_DIR}/man")
  file(MAKE_DIRECTORY "${folder}")
  list(JOIN ARGN " " programs)
  set(pages "")
  foreach(program IN LISTS ARGN)
    set(page "${folder}/${program}.1")
    set(sections "${PROJECT_SOURCE_DIR}/apps/man/${program}.roff")
    if(NOT EXISTS "${sections}")
      set(sections "")
    endif()
    add_custom_command(OUTPUT "${page}"
      COMMAND Python3::Interpreter "${script}" "$<TARGET_FILE:${program}>" "${page}"
        "--see-also=${programs}" "--sections=${sections}"
      DEPENDS "${program}" "${script}" ${sections}
      COMMENT "Writing the man page of ${program}"
      VERBATIM)
    list(APPEND pages "${page}")
  endforeach()
  add_custom_target(deblurgan_man ALL DEPENDS ${pages})
  if(DEBLURGAN_INSTALL)
    install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
  endif()
endfunction()
