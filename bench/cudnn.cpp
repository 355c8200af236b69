#include "bench/cudnn.h"

#include <algorithm>
#include <cstdlib>

namespace dg::bench {
namespace {

// From cudnn_graph.h and cudnn_ops.h.
constexpr int kNhwc = 1;
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 9;
constexpr int kCrossCorrelation = 1;
constexpr int kDefaultMath = 0;   // float32 data: tf32 products
constexpr int kTensorOpMath = 1;  // the same on tensor cores, without a conversion of the data
constexpr int kFmaMath = 3;       // float32 products

constexpr std::int64_t kWorkspaceBytes = std::int64_t{2} << 30;
constexpr int kFinalists = 3;

std::vector<std::string> candidates(const std::string& path) {
  if (!path.empty()) return {path};
  const char* named = std::getenv("DEBLURGAN_CUDNN");  // NOLINT(concurrency-mt-unsafe): one thread
  if (named != nullptr && *named != '\0') return {named};
  return {"libcudnn.so.9", "libcudnn.so.8"};
}

int to_int(std::int64_t value) { return static_cast<int>(value); }

// Whether an algorithm computes what was asked for: no float16 inside, and no tf32 where float32 is compared.
bool fits(Arithmetic arithmetic, int math) {
  if (arithmetic == Arithmetic::float32) return math == kFmaMath || math == kDefaultMath;
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
class Cudnn::Problem {
 public:
  Problem(const Cudnn& lib, Arithmetic arithmetic, const Conv2dShape& s)
      : x(lib, lib.create_tensor_, lib.destroy_tensor_),
        y(lib, lib.create_tensor_, lib.destroy_tensor_),
        weight(lib, lib.create_filter_, lib.destroy_filter_),
        conv(lib, lib.create_conv_, lib.destroy_conv_) {
    const int type = arithmetic == Arithmetic::bf16 ? kBfloat16 : kFloat32;
    const int n = to_int(s.n), c = to_int(s.c), k = to_int(s.k);
    lib.succeed(lib.set_tensor_(x.get(), kNhwc, type, n, c, to_int(s.h), to_int(s.w)), "describing x");
    lib.succeed(lib.set_tensor_(y.get(), kNhwc, type, n, k, to_int(s.p()), to_int(s.q())), "describing y");
    lib.succeed(lib.set_filter_(weight.get(), type, kNhwc, k, c, to_int(s.r), to_int(s.s)),
                "describing the weight");
    lib.succeed(lib.set_conv_(conv.get(), to_int(s.padding.top), to_int(s.padding.left), to_int(s.stride_h),
                              to_int(s.stride_w), 1, 1, kCrossCorrelation, kFloat32),
                "describing the convolution");
    lib.succeed(lib.set_math_(conv.get(), arithmetic == Arithmetic::float32 ? kFmaMath : kDefaultMath),
                "choosing the arithmetic");
  }

  // (x, weight) -> y, (weight, dy) -> dx, (x, dy) -> dweight: cuDNN takes the weight first for the second.
  void* left(ConvPass pass) const { return pass == ConvPass::grad_input ? weight.get() : x.get(); }
  void* right(ConvPass pass) const { return pass == ConvPass::forward ? weight.get() : y.get(); }
  void* out(ConvPass pass) const {
    return pass == ConvPass::forward ? y.get() : pass == ConvPass::grad_input ? x.get() : weight.get();
  }

  Descriptor x, y, weight, conv;
};

Cudnn::Cudnn(const std::string& path, BenchDevice& device) : device_(device), library_(candidates(path)) {
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
  library_.get("cudnnFindConvolutionForwardAlgorithmEx", find_[0]);
  library_.get("cudnnFindConvolutionBackwardDataAlgorithmEx", find_[1]);
  library_.get("cudnnFindConvolutionBackwardFilterAlgorithmEx", find_[2]);
  library_.get("cudnnConvolutionForward", run_[0]);
  library_.get("cudnnConvolutionBackwardData", run_[1]);
  library_.get("cudnnConvolutionBackwardFilter", run_[2]);
  succeed(create_(&handle_), "starting");
  try {
    succeed(set_stream_(handle_, device.stream()), "choosing the stream");
    workspace_ = device.backend().allocate(kWorkspaceBytes);
    device.backend().synchronize();
  } catch (...) {
    destroy_(handle_);
    throw;
  }
}

Cudnn::~Cudnn() {
  device_.backend().deallocate(workspace_, kWorkspaceBytes);
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

Cudnn::Result Cudnn::run(const Sampling& sampling, ConvPass pass, Arithmetic arithmetic,
                         const Conv2dShape& shape, const ConvOperands& operands) {
  const Problem problem(*this, arithmetic, shape);
  const auto index = static_cast<std::size_t>(pass);
  const bool swapped = pass == ConvPass::grad_input;
  const void* left = swapped ? operands.right.data : operands.left.data;
  const void* right = swapped ? operands.left.data : operands.right.data;
  constexpr std::size_t kBytes = static_cast<std::size_t>(kWorkspaceBytes);

  constexpr int kWanted = 16;
  Perf ranking[kWanted] = {};
  int found = 0;
  succeed(find_[index](handle_, problem.left(pass), left, problem.right(pass), right, problem.conv.get(),
                       problem.out(pass), operands.out.data, kWanted, &found, ranking, workspace_, kBytes),
          "searching for an algorithm");

  const float one = 1.0F;
  const float zero = 0.0F;
  const auto run = [&](const Perf& p) {
    if (arithmetic != Arithmetic::float32)
      succeed(set_math_(problem.conv.get(), p.math), "choosing the arithmetic");
    succeed(
        run_[index](handle_, &one, problem.left(pass), left, problem.right(pass), right, problem.conv.get(),
                    p.algorithm, workspace_, kBytes, &zero, problem.out(pass), operands.out.data),
        "a convolution");
  };
  const Perf* best = nullptr;
  Timing fastest;
  int finalists = 0;
  for (const Perf* p = ranking; p != ranking + found && finalists < kFinalists; ++p) {
    if (p->status != 0 || !fits(arithmetic, p->math)) continue;
    ++finalists;
    const Timing timing = device_.time(sampling, [&] { run(*p); });
    if (best != nullptr && timing.median >= fastest.median) continue;
    best = p;
    fastest = timing;
  }
  check(best != nullptr, "cuDNN has no algorithm for this convolution");
  run(*best);
  device_.wait();
  return {fastest, best->algorithm};
}

}  // namespace dg::bench
