#include "bench/cudnn.h"

#include <algorithm>

namespace dg::bench {
namespace {

constexpr std::int64_t kWorkspaceBytes = std::int64_t{2} << 30;
constexpr std::size_t kFinalists = 3;

}  // namespace

Cudnn::Cudnn(const std::string& path, BenchDevice& device)
    : device_(device),
      library_(path, device.stream()),
      workspace_(device.backend().allocate(kWorkspaceBytes)) {
  device.backend().synchronize();
}

Cudnn::~Cudnn() { device_.backend().deallocate(workspace_, kWorkspaceBytes); }

Cudnn::Result Cudnn::run(const Sampling& sampling, ConvPass pass, Arithmetic arithmetic,
                         const Conv2dShape& shape, const ConvOperands& operands) {
  const cuda::CudnnConvolution convolution{pass, storage(arithmetic), arithmetic == Arithmetic::tf32, shape};
  const cuda::CudnnOperands pointers{operands.left.data, operands.right.data, operands.out.data};
  constexpr auto kBytes = static_cast<std::size_t>(kWorkspaceBytes);
  std::vector<cuda::CudnnAlgorithm> ranking = library_.measure(convolution, pointers, workspace_, kBytes);
  check(!ranking.empty(), "cuDNN has no algorithm for this convolution");
  ranking.resize(std::min(ranking.size(), kFinalists));

  const auto run = [&](const cuda::CudnnAlgorithm& a) {
    library_.run(convolution, a, pointers, workspace_, kBytes);
  };
  const cuda::CudnnAlgorithm* best = nullptr;
  Timing fastest;
  for (const cuda::CudnnAlgorithm& a : ranking) {
    const Timing timing = device_.time(sampling, [&] { run(a); });
    if (best != nullptr && timing.median >= fastest.median) continue;
    best = &a;
    fastest = timing;
  }
  run(*best);
  device_.wait();
  return {fastest, best->number};
}

}  // namespace dg::bench
