# Included before and after deblurgan is added: fails if the embedding project was changed in any way it can see.
# Settings of the embedder that must be as before:
set(watched CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_DEBUG CMAKE_BUILD_TYPE CMAKE_CXX_STANDARD
  CMAKE_CXX_EXTENSIONS CMAKE_EXE_LINKER_FLAGS CMAKE_EXPORT_COMPILE_COMMANDS CMAKE_RUNTIME_OUTPUT_DIRECTORY
  CMAKE_ARCHIVE_OUTPUT_DIRECTORY CMAKE_POSITION_INDEPENDENT_CODE CMAKE_MODULE_PATH BUILD_SHARED_LIBS BUILD_TESTING)
set(watched_properties COMPILE_OPTIONS COMPILE_DEFINITIONS INCLUDE_DIRECTORIES LINK_OPTIONS LINK_LIBRARIES TESTS)

set(state "")
foreach(name IN LISTS watched)
  string(APPEND state "${name}=${${name}} in cache=$CACHE{${name}}\n")
endforeach()
foreach(name IN LISTS watched_properties)
  get_property(value DIRECTORY PROPERTY ${name})
  string(APPEND state "directory property ${name}=${value}\n")
endforeach()

if(NOT DEFINED state_before)
  set(state_before "${state}")
  return()
endif()

if(NOT state STREQUAL state_before)
  message(FATAL_ERROR "adding deblurgan changed its embedder. Before:\n${state_before}After:\n${state}")
endif()

# Of deblurgan's folder, and every folder below it: one library, made of the object libraries deblurgan_cpu_*, no test, no
# install rule for the embedder.
set(targets "")
set(tests "")
set(folders "${DEBLURGAN_SOURCE}")
while(folders)
  list(POP_FRONT folders folder)
  get_property(more DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  list(APPEND targets ${more})
  get_property(more DIRECTORY "${folder}" PROPERTY TESTS)
  list(APPEND tests ${more})
  get_property(more DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  list(APPEND folders ${more})
endwhile()
list(FILTER targets EXCLUDE REGEX "^deblurgan_cpu_[a-z0-9]+$")
if(NOT targets STREQUAL "deblurgan")
  message(FATAL_ERROR "deblurgan brought the targets '${targets}', expected 'deblurgan' and 'deblurgan_cpu_*' alone")
endif()
if(tests)
  message(FATAL_ERROR "deblurgan brought the tests '${tests}', expected none")
endif()
foreach(option TESTS BENCH APPS INSTALL WERROR DOCS)
  if(DEBLURGAN_${option})
    message(FATAL_ERROR "DEBLURGAN_${option} is on in a project that only embeds deblurgan")
  endif()
endforeach()
