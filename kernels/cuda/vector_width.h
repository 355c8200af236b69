// How many elements the threads of a kernel may access at once.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "kernels/cuda/device/vector.h"

namespace dg::DG_TARGET {

// Calls body.template operator()<kWidth>(): kWidth fills 16 bytes where every pixel of every array is so
// aligned, else it is 1. The arrays are dense in their channels; null ones do not count.
template <typename T, typename Body>
void dispatch_channel_width(std::int64_t channels, std::initializer_list<const T*> arrays, Body&& body) {
  const bool aligned = std::all_of(arrays.begin(), arrays.end(), [](const T* array) {
    return reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
  });
  if (aligned && channels % kVectorWidth<T> == 0) {
    body.template operator()<kVectorWidth<T>>();
  } else {
    body.template operator()<1>();
  }
}

}  // namespace dg::DG_TARGET
