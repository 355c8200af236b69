#!/usr/bin/env bash
# isa_leaks.sh OBJDUMP OBJECT...: kernels compiled for an instruction set (kernels/cpu/isa.h) must keep it in functions of
# their own namespace. In any other function, which the linker may share with the whole program, this fails and names it.
set -euo pipefail
objdump=$1
shift
"$objdump" --disassemble --demangle --no-show-raw-insn "$@" | awk '
  /^[0-9a-f]+ <.*>:$/ { name = $0; own = name ~ /dg::cpu::avx/; next }
  /%[yz]mm|%k[1-7]|\tv[a-z0-9]+[sp][sd] / {
    found++
    if (!own && !(name in told)) { told[name] = 1; leaks++; print "leaks into " name ": " $0 }
  }
  END {
    if (!found) { print "found no such instruction at all: is this the right object?"; exit 1 }
    print found " instructions, " leaks + 0 " functions of others"
    exit leaks > 0
  }'
