// First include of every file that is compiled once for each instruction set (CMakeLists.txt), in a namespace of its own:
// avx2, avx512 and baseline, which is whatever the compiler's flags allow (SSE2 on x86-64, NEON on ARM). dispatch.cpp
// picks one when the program runs.
//
// What stands below the pragma may use the instruction set, and nothing else may: an inline function of a shared header,
// compiled with AVX-512 here, could be the copy that the linker keeps for the whole program, which then dies on older
// machines. So the shared headers come first, all of them, and a kernel file includes only headers of this folder.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/machine.h"
#include "kernels/cpu/parallel.h"
#include "kernels/host_memory.h"

#if defined(DG_CPU_ISA_AVX512)
#define DG_CPU_ISA avx512
#define DG_CPU_ISA_NAME "avx512"
#define DG_CPU_ISA_FLAGS "arch=x86-64-v4,prefer-vector-width=512"
#elif defined(DG_CPU_ISA_AVX2)
#define DG_CPU_ISA avx2
#define DG_CPU_ISA_NAME "avx2"
#define DG_CPU_ISA_FLAGS "arch=x86-64-v3"
#else
#define DG_CPU_ISA baseline
#define DG_CPU_ISA_NAME "baseline"
#endif

#if defined(DG_CPU_ISA_FLAGS)
#define DG_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define DG_TARGET_PRAGMA(flags) \
  DG_PRAGMA(clang attribute push(__attribute__((target(flags))), apply_to = function))  // isa_end.h pops it
#else
#define DG_TARGET_PRAGMA(flags) DG_PRAGMA(GCC target(flags))
#endif
DG_TARGET_PRAGMA(DG_CPU_ISA_FLAGS)
#endif
