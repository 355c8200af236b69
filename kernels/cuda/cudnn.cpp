#include "kernels/cuda/cudnn.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

namespace dg::cuda {
namespace {

// From cudnn_graph.h and cudnn_ops.h.
constexpr int kNhwc = 1;
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 9;
constexpr int kCrossCorrelation = 1;
constexpr int kDeterministic = 1;
constexpr int kDefaultMath = 0;   // float32 data: tf32 products
constexpr int kTensorOpMath = 1;  // the same on tensor cores, without a conversion of the data
constexpr int kFmaMath = 3;       // float32 products

constexpr int kWanted = 16;  // algorithms and kinds of arithmetic; a pass has eight or fewer of the former
constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;

SharedLibrary load(const std::string& path) {
  const char* named = std::getenv("DEBLURGAN_CUDNN");  // NOLINT(concurrency-mt-unsafe): nothing here sets it
  std::vector<std::string> names{"libcudnn.so.9", "libcudnn.so.8"};
  std::string tried = "DEBLURGAN_CUDNN is not set; tried libcudnn.so.9 and libcudnn.so.8";
  if (!path.empty()) {
    names = {path};
    tried = "tried " + path;
  } else if (named != nullptr && *named != '\0') {
    names = {named};
    tried = "tried what DEBLURGAN_CUDNN names, " + names[0];
  }
  try {
    return SharedLibrary(names);
  } catch (const Error& error) {
    fail("cuDNN cannot be loaded: ", tried, " (", error.what(),
         "); install cuDNN 9 from NVIDIA (package cudnn9-cuda-13 or -12, or `pip install "
         "nvidia-cudnn-cu13`) and set DEBLURGAN_CUDNN to its libcudnn.so.9 if the loader does not find it, "
         "or use --conv-backend own");
  }
}

int to_int(std::int64_t value) {
  check(value >= 0 && value <= std::numeric_limits<int>::max(), "cuDNN: an extent of ", value,
        " does not fit its 32-bit sizes; use our own convolutions");
  return static_cast<int>(value);
}

bool is_full_float32(const CudnnConvolution& c) { return c.dtype == DType::float32 && !c.tf32; }

// Whether an algorithm computes what was asked for: no float16 inside, and no tf32 where float32 is wanted.
bool fits(const CudnnConvolution& c, int math) {
  if (is_full_float32(c)) return math == kFmaMath || math == kDefaultMath;  // default: set_math forbids tf32
  return math == kDefaultMath || math == kTensorOpMath;
}

}  // namespace

class Cudnn::Descriptor {
 public:
  Descriptor(const Cudnn& library, Create create, Destroy destroy) : destroy_(destroy) {
    library.succeed(create(&handle_), "making a descriptor");
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { destroy_(handle_); }

  void* get() const { return handle_; }

 private:
  Destroy destroy_;
  void* handle_ = nullptr;
};

// A convolution as cuDNN describes it.
struct Cudnn::Problem {
  Problem(const Cudnn& lib, const CudnnConvolution& convolution)
      : pass(convolution.pass),
        x(lib, lib.create_tensor_, lib.destroy_tensor_),
        y(lib, lib.create_tensor_, lib.destroy_tensor_),
        weight(lib, lib.create_filter_, lib.destroy_filter_),
        conv(lib, lib.create_conv_, lib.destroy_conv_) {
    const Conv2dShape& s = convolution.shape;
    check(convolution.dtype != DType::float64, "cuDNN: float64 is not offered; use our own convolutions");
    check(s.padding.top == s.padding.bottom && s.padding.left == s.padding.right,
          "cuDNN: expected a padding that is alike on both sides; see Cudnn::symmetric");
    const int type = convolution.dtype == DType::bfloat16 ? kBfloat16 : kFloat32;
    const int n = to_int(s.n), c = to_int(s.c), k = to_int(s.k);
    lib.succeed(lib.set_tensor_(x.get(), kNhwc, type, n, c, to_int(s.h), to_int(s.w)), "describing x");
    lib.succeed(lib.set_tensor_(y.get(), kNhwc, type, n, k, to_int(s.p()), to_int(s.q())), "describing y");
    lib.succeed(lib.set_filter_(weight.get(), type, kNhwc, k, c, to_int(s.r), to_int(s.s)),
                "describing the weight");
    lib.succeed(lib.set_conv_(conv.get(), to_int(s.padding.top), to_int(s.padding.left), to_int(s.stride_h),
                              to_int(s.stride_w), 1, 1, kCrossCorrelation, kFloat32),
                "describing the convolution");
    lib.set_math(convolution, *this, kDefaultMath);
  }

  // cuDNN takes the weight first for the gradient of the input.
  void* left() const { return pass == ConvPass::grad_input ? weight.get() : x.get(); }
  void* right() const { return pass == ConvPass::forward ? weight.get() : y.get(); }
  void* out() const {
    return pass == ConvPass::forward ? y.get() : pass == ConvPass::grad_input ? x.get() : weight.get();
  }
  CudnnOperands ordered(const CudnnOperands& o) const {
    return pass == ConvPass::grad_input ? CudnnOperands{o.right, o.left, o.out} : o;
  }
  std::size_t index() const { return static_cast<std::size_t>(pass); }

  ConvPass pass;
  Descriptor x, y, weight, conv;
};

struct Cudnn::Known {
  Problem problem;
  std::optional<CudnnAlgorithm> chosen;
};

bool Cudnn::Earlier::operator()(const CudnnConvolution& a, const CudnnConvolution& b) const {
  const auto key = [](const CudnnConvolution& c) {
    const Conv2dShape& s = c.shape;
    return std::tuple(c.pass, c.dtype, c.tf32, s.n, s.h, s.w, s.c, s.k, s.r, s.s, s.stride_h, s.stride_w,
                      s.padding.top, s.padding.left);
  };
  return key(a) < key(b);
}

Cudnn::Cudnn(const std::string& path, void* stream) : library_(load(path)) {
  library_.get("cudnnGetVersion", version_);
  library_.get("cudnnGetErrorString", error_text_);
  library_.get("cudnnCreate", create_);
  library_.get("cudnnDestroy", destroy_);
  library_.get("cudnnSetStream", set_stream_);
  library_.get("cudnnCreateTensorDescriptor", create_tensor_);
  library_.get("cudnnDestroyTensorDescriptor", destroy_tensor_);
  library_.get("cudnnSetTensor4dDescriptor", set_tensor_);
  library_.get("cudnnCreateFilterDescriptor", create_filter_);
  library_.get("cudnnDestroyFilterDescriptor", destroy_filter_);
  library_.get("cudnnSetFilter4dDescriptor", set_filter_);
  library_.get("cudnnCreateConvolutionDescriptor", create_conv_);
  library_.get("cudnnDestroyConvolutionDescriptor", destroy_conv_);
  library_.get("cudnnSetConvolution2dDescriptor", set_conv_);
  library_.get("cudnnSetConvolutionMathType", set_math_);
  const char* const passes[] = {"Forward", "BackwardData", "BackwardFilter"};
  for (std::size_t i = 0; i < std::size(passes); ++i) {
    const std::string pass = passes[i];
    library_.get(("cudnnFindConvolution" + pass + "AlgorithmEx").c_str(), find_[i]);
    library_.get(("cudnnGetConvolution" + pass + "Algorithm_v7").c_str(), rank_[i]);
    library_.get(("cudnnGetConvolution" + pass + "WorkspaceSize").c_str(), workspace_size_[i]);
    library_.get(("cudnnConvolution" + pass).c_str(), run_[i]);
  }
  succeed(create_(&handle_), "starting");
  try {
    succeed(set_stream_(handle_, stream), "choosing the stream");
  } catch (...) {
    destroy_(handle_);
    throw;
  }
}

Cudnn::~Cudnn() {
  known_.clear();
  destroy_(handle_);
}

void Cudnn::succeed(int status, const char* what) const {
  check(status == 0, "cuDNN: ", what, " failed: ", error_text_(status));
}

std::string Cudnn::version() const {
  const std::size_t v = version_();  // 91002 is 9.10.2, 8907 is 8.9.7
  const std::size_t major = v >= 90000 ? v / 10000 : v / 1000;
  const std::size_t minor = v >= 90000 ? v % 10000 / 100 : v % 1000 / 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(v % 100);
}

Conv2dShape Cudnn::symmetric(Conv2dShape s) {
  Padding2d& p = s.padding;
  const auto level = [](std::int64_t& before, std::int64_t& after, std::int64_t& extent) {
    const std::int64_t both = std::min(before, after);
    extent += before + after - 2 * both;
    before = after = both;
  };
  level(p.top, p.bottom, s.h);
  level(p.left, p.right, s.w);
  return s;
}

Cudnn::Known& Cudnn::known(const CudnnConvolution& convolution) {
  std::unique_ptr<Known>& entry = known_[convolution];
  if (!entry) entry.reset(new Known{Problem(*this, convolution), std::nullopt});
  return *entry;
}

void Cudnn::set_math(const CudnnConvolution& convolution, const Problem& problem, int math) const {
  succeed(set_math_(problem.conv.get(), is_full_float32(convolution) ? kFmaMath : math),
          "choosing the arithmetic");
}

std::vector<CudnnAlgorithm> Cudnn::measure(const CudnnConvolution& convolution, const CudnnOperands& operands,
                                           void* workspace, std::size_t workspace_bytes) {
  const Problem& p = known(convolution).problem;
  const CudnnOperands o = p.ordered(operands);
  Perf ranking[kWanted] = {};
  int found = 0;
  set_math(convolution, p, kDefaultMath);
  succeed(find_[p.index()](handle_, p.left(), o.left, p.right(), o.right, p.conv.get(), p.out(), o.out,
                           kWanted, &found, ranking, workspace, workspace_bytes),
          "searching for an algorithm");
  std::vector<CudnnAlgorithm> algorithms;
  for (const Perf* a = ranking; a != ranking + found; ++a) {
    if (a->status != 0 || !fits(convolution, a->math)) continue;
    algorithms.push_back({a->algorithm, a->math, a->workspace, a->determinism == kDeterministic});
  }
  return algorithms;
}

CudnnAlgorithm Cudnn::choose(const CudnnConvolution& convolution) {
  Known& entry = known(convolution);
  if (entry.chosen) return *entry.chosen;
  const Problem& p = entry.problem;
  Perf ranking[kWanted] = {};
  int found = 0;
  set_math(convolution, p, kDefaultMath);
  succeed(rank_[p.index()](handle_, p.left(), p.right(), p.conv.get(), p.out(), kWanted, &found, ranking),
          "ranking the algorithms");
  for (const Perf* a = ranking; a != ranking + found; ++a) {
    if (a->status != 0 || !fits(convolution, a->math) || a->determinism != kDeterministic) continue;
    // The heuristics also rank what the library then refuses.
    std::size_t bytes = 0;
    set_math(convolution, p, a->math);
    const int status =
        workspace_size_[p.index()](handle_, p.left(), p.right(), p.conv.get(), p.out(), a->algorithm, &bytes);
    if (status != 0 || bytes > kMostWorkspace) continue;
    entry.chosen = CudnnAlgorithm{a->algorithm, a->math, bytes, true};
    return *entry.chosen;
  }
  const Conv2dShape& s = convolution.shape;
  fail("cuDNN has no deterministic algorithm within 1 GiB of scratch memory for ", name_of(convolution.dtype),
       " x (", s.n, ",", s.h, ",", s.w, ",", s.c, "), weight (", s.k, ",", s.r, ",", s.s, ",", s.c,
       "), stride ", s.stride_h, "x", s.stride_w, "; use our own convolutions");
}

void Cudnn::run(const CudnnConvolution& convolution, const CudnnAlgorithm& algorithm,
                const CudnnOperands& operands, void* workspace, std::size_t workspace_bytes) {
  const Problem& p = known(convolution).problem;
  const CudnnOperands o = p.ordered(operands);
  const float one = 1.0F;
  const float zero = 0.0F;
  set_math(convolution, p, algorithm.math);
  succeed(run_[p.index()](handle_, &one, p.left(), o.left, p.right(), o.right, p.conv.get(), algorithm.number,
                          workspace, workspace_bytes, &zero, p.out(), o.out),
          "a convolution");
}

}  // namespace dg::cuda
