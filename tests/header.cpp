// Nothing but the precompiled header that all tests share; CMake hangs it on a target, and a target needs a
// source.
