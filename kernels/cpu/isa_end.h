// Last include of every file that begins with isa.h.
#if defined(DG_CPU_ISA_FLAGS) && defined(__clang__)
#pragma clang attribute pop
#endif
