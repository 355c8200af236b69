# Flags for code that we wrote. They go on our targets, PRIVATE, and never on a directory or into CMAKE_CXX_FLAGS.
# No instruction set among them: kernels/cpu picks its own when the program runs.

# Warnings, and one relaxation of the maths: nobody reads errno after sqrt, and checking for it blocks vectorisation.
# No fast-math: it would drop NaN checks and reorder sums.
function(dg_own_code target)
  set(options -Wall -Wextra -Wconversion -Wshadow -fno-math-errno)
  # GCC 12 sees an overlap in the standard library's own std::string operator+ (GCC bug 105329).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND options -Wno-restrict)
  endif()
  set(cuda_options --expt-relaxed-constexpr -lineinfo "-Xcompiler=-Wall,-Wextra,-Wshadow")
  if(DEBLURGAN_WERROR)
    list(APPEND options -Werror)
    list(APPEND cuda_options -Werror=all-warnings)
  endif()
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:${options}>" "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_options}>")
endfunction()
