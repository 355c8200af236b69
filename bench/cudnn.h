// The rival: cuDNN's convolutions on NHWC tensors, with the algorithm that it finds best. Found at run time, never needed.
#pragma once

#include <string>

#include "bench/bench_device.h"
#include "kernels/cuda/cudnn.h"

namespace dg::bench {

// The two operands of a pass, in the order of Backend, and its result.
struct ConvOperands {
  ConstArray left, right;
  Array out;
};

class Cudnn {
 public:
  // path: see cuda::Cudnn. Throws Error if the library is not there or does not start.
  Cudnn(const std::string& path, BenchDevice& device);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn();

  std::string version() const { return library_.version(); }

  struct Result {
    Timing timing;
    int algorithm = 0;  // cuDNN's number
  };
  // Of the algorithms that cuDNN ranks first by its own measurement, the fastest by ours. `operands.out` holds its
  // result. The shape pads alike on both sides: see cuda::Cudnn::symmetric. Throws Error if there is none for this shape
  // and type.
  Result run(const Sampling& sampling, ConvPass pass, Arithmetic arithmetic, const Conv2dShape& shape,
             const ConvOperands& operands);

 private:
  BenchDevice& device_;
  cuda::Cudnn library_;
  void* workspace_ = nullptr;
};

}  // namespace dg::bench
