// NVIDIA's cuDNN, found at run time and never needed: its convolutions on NHWC tensors. The tier CudaConvTier::cudnn and
// the benchmarks call them. Host code without CUDA's headers, compiled once, also where there is no nvcc; its functions
// are declared here (cudnn_cnn.h and cudnn_ops.h, cuDNN 8 and 9), so that the build needs no header of it.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/shared_library.h"

namespace dg::cuda {

// A pass and how it computes. cuDNN pads alike on both sides; symmetric() makes such a shape.
struct CudnnConvolution {
  ConvPass pass = ConvPass::forward;
  DType dtype = DType::float32;  // float32 or bfloat16
  bool tf32 = false;             // whether float32 products may be rounded to tf32
  Conv2dShape shape;
};

// In the order of Backend: (x, weight) -> y, (dy, weight) -> dx, (x, dy) -> dweight.
struct CudnnOperands {
  const void* left;
  const void* right;
  void* out;
};

// One of cuDNN's ways to compute a convolution.
struct CudnnAlgorithm {
  int number = 0;
  int math = 0;
  std::size_t workspace_bytes = 0;
  bool deterministic = false;
};

class Cudnn {
 public:
  // path: the library; empty: the environment's DEBLURGAN_CUDNN, else libcudnn.so.9 or .8 where the loader finds it.
  // stream: a cudaStream_t of the current device. Throws Error if the library is not there or does not start.
  Cudnn(const std::string& path, void* stream);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn();

  std::string version() const;

  // What is odd of a padding becomes rows and columns of the input: as many operations, the same output.
  static Conv2dShape symmetric(Conv2dShape shape);

  // What cuDNN's own measurement ranks, the fastest first; only algorithms that compute in the arithmetic asked for.
  // Overwrites operands.out and waits for the device.
  std::vector<CudnnAlgorithm> measure(const CudnnConvolution& convolution, const CudnnOperands& operands,
                                      void* workspace, std::size_t workspace_bytes);

  // The deterministic algorithm that cuDNN's heuristics rank first and that needs at most 1 GiB of scratch memory.
  // Heuristics, since a measurement might choose another one in the next run, and bits with it. Chosen once for each
  // convolution. Throws Error if there is none.
  CudnnAlgorithm choose(const CudnnConvolution& convolution);

  // The workspace holds algorithm.workspace_bytes or more. Asynchronous.
  void run(const CudnnConvolution& convolution, const CudnnAlgorithm& algorithm,
           const CudnnOperands& operands, void* workspace, std::size_t workspace_bytes);

 private:
  // cudnnConvolutionFwdAlgoPerf_t and its two siblings.
  struct Perf {
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
  using Rank = int (*)(void* handle, void* left_desc, void* right_desc, void* conv, void* out_desc,
                       int wanted, int* found, Perf* results);
  using WorkspaceSize = int (*)(void* handle, void* left_desc, void* right_desc, void* conv, void* out_desc,
                                int algorithm, std::size_t* bytes);
  using Run = int (*)(void* handle, const void* alpha, void* left_desc, const void* left, void* right_desc,
                      const void* right, void* conv, int algorithm, void* workspace,
                      std::size_t workspace_bytes, const void* beta, void* out_desc, void* out);
  using Create = int (*)(void**);
  using Destroy = int (*)(void*);
  class Descriptor;
  struct Problem;
  struct Known;  // a convolution that was met before
  struct Earlier {
    bool operator()(const CudnnConvolution& a, const CudnnConvolution& b) const;
  };

  Known& known(const CudnnConvolution& convolution);
  void set_math(const CudnnConvolution& convolution, const Problem& problem, int math) const;
  void succeed(int status, const char* what) const;

  SharedLibrary library_;
  void* handle_ = nullptr;
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
  Rank rank_[3] = {};
  WorkspaceSize workspace_size_[3] = {};
  Run run_[3] = {};
  std::map<CudnnConvolution, std::unique_ptr<Known>, Earlier> known_;
};

}  // namespace dg::cuda
