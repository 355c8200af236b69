#include "kernels/emulator/stream.h"

#include <algorithm>
#include <numeric>

namespace dg::emulator {

void Stream::submit(std::function<void()> work) {
  if (graph_ != nullptr) {
    graph_->add(std::move(work));
  } else {
    work();
  }
}

void Stream::submit_kernel(const BlockShape& shape, std::function<void()> body) {
  check(shape.shared_bytes <= kMaxSharedBytes, shape.kernel, ": asks for ", shape.shared_bytes,
        " bytes of shared memory; a block has at most ", kMaxSharedBytes);
  submit([this, shape, body = std::move(body)] { run_kernel(shape, body); });
}

void Stream::run_kernel(const BlockShape& shape, const std::function<void()>& body) {
  const std::uint64_t blocks = std::uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z;
  const auto run_block = [&](std::uint64_t at) {
    const Index3 block{static_cast<unsigned>(at % shape.grid.x),
                       static_cast<unsigned>(at / shape.grid.x % shape.grid.y),
                       static_cast<unsigned>(at / shape.grid.x / shape.grid.y)};
    runner_.run(shape, block, random_.next(), body);
  };
  constexpr std::uint64_t kFew = 1024;
  if (corners_ && blocks > kFew) {
    const std::uint64_t columns = blocks / shape.grid.x;
    const std::uint64_t step = std::max<std::uint64_t>(1, columns / kFew);
    for (std::uint64_t column = 0; column < columns; column += step) {
      run_block(column * shape.grid.x);
      run_block((column + 1) * shape.grid.x - 1);
    }
    run_block(blocks - 1);
  } else {
    // A walk over all blocks in steps that share no factor with their number.
    std::uint64_t step = random_.below(blocks) | 1U;
    while (std::gcd(step, blocks) != 1) step += 2;
    std::uint64_t at = random_.below(blocks);
    for (std::uint64_t i = 0; i < blocks; ++i, at = (at + step) % blocks) run_block(at);
  }
  memory_.check_guards(shape.kernel);
}

}  // namespace dg::emulator
