// The rival: cuDNN's convolutions on NHWC tensors, with the algorithm that it finds best. Found at run time, never needed.
// Its functions are declared here (cudnn_cnn.h, cuDNN 8 and 9), so that the build needs no header of it.
#pragma once

#include <memory>

#include "bench/bench_device.h"
#include "bench/shared_library.h"

namespace dg::bench {

// The two operands of a pass, in the order of Backend, and its result.
struct ConvOperands {
  ConstArray left, right;
  Array out;
};

class Cudnn {
 public:
  // path: the library; empty: the environment's DEBLURGAN_CUDNN, else libcudnn.so.9 or .8 where the loader finds it.
  // Throws Error if it is not there or does not start.
  Cudnn(const std::string& path, BenchDevice& device);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn();

  std::string version() const;

  // cuDNN pads alike on both sides. What is odd of a padding becomes rows and columns of the input: as many operations,
  // the same output.
  static Conv2dShape symmetric(Conv2dShape shape);

  struct Result {
    Timing timing;
    int algorithm = 0;  // cuDNN's number
  };
  // Of the algorithms that cuDNN ranks first by its own measurement, the fastest by ours. `operands.out` holds its
  // result. Throws Error if there is none for this shape and type.
  Result run(const Sampling& sampling, ConvPass pass, Arithmetic arithmetic,
             const Conv2dShape& symmetric_shape, const ConvOperands& operands);

 private:
  struct Perf {  // cudnnConvolutionFwdAlgoPerf_t and its two siblings
    int algorithm;
    int status;
    float milliseconds;
    std::size_t workspace;
    int determinism;
    int math;
    int reserved[3];
  };
  // The three passes differ in what their descriptors describe only.
  using Find = int (*)(void* handle, void* left_desc, const void* left, void* right_desc, const void* right,
                       void* conv, void* out_desc, void* out, int wanted, int* found, Perf* results,
                       void* workspace, std::size_t workspace_bytes);
  using Run = int (*)(void* handle, const void* alpha, void* left_desc, const void* left, void* right_desc,
                      const void* right, void* conv, int algorithm, void* workspace,
                      std::size_t workspace_bytes, const void* beta, void* out_desc, void* out);
  using Create = int (*)(void**);
  using Destroy = int (*)(void*);
  class Descriptor;
  class Problem;

  void succeed(int status, const char* what) const;

  BenchDevice& device_;
  SharedLibrary library_;
  void* handle_ = nullptr;
  void* workspace_ = nullptr;
  Create create_ = nullptr, create_tensor_ = nullptr, create_filter_ = nullptr, create_conv_ = nullptr;
  Destroy destroy_ = nullptr, destroy_tensor_ = nullptr, destroy_filter_ = nullptr, destroy_conv_ = nullptr;
  int (*set_stream_)(void*, void*) = nullptr;
  std::size_t (*version_)() = nullptr;
  const char* (*error_text_)(int) = nullptr;
  int (*set_tensor_)(void*, int format, int type, int n, int c, int h, int w) = nullptr;
  int (*set_filter_)(void*, int type, int format, int k, int c, int h, int w) = nullptr;
  int (*set_conv_)(void*, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
                   int mode, int compute_type) = nullptr;
  int (*set_math_)(void*, int math) = nullptr;
  Find find_[3] = {};
  Run run_[3] = {};
};

}  // namespace dg::bench
