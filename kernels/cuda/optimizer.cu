// Adam (Kingma and Ba 2015, algorithm 1) and exponential moving averages, over all parameters in one launch:
//   m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
//   param -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//   average = decay average + (1 - decay) value
//
// The tensors' pointers and sizes travel as a table in the kernel's parameters (up to 32,764 bytes from CUDA
// 12.1 and sm_70 on), so nothing is copied or kept for a graph. Only where more tensors come than it holds
// are there more launches. One block = 256 threads and one chunk of kChunk elements of one tensor, found by
// binary search in the table; one thread = a vector of 16 bytes of each array, once per step. Bytes an
// element: Adam reads 4 values and writes 3, EMA 2 and 1. That bounds both. Deterministic: no element depends
// on another.
//
// In a captured graph the numbers of the Adam step are read from device memory, where a replay puts them.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/run.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kBlock = 256;
constexpr std::int64_t kChunk = 4 * 1024;
constexpr std::size_t kTableBytes = 31 * 1024;  // leaves room for the other parameters

// Tensors of kArrays arrays each. Tensor i owns the blocks from first_block[i] up to first_block[i + 1].
template <int kArrays>
struct TensorTable {
  static constexpr int kCapacity =
      static_cast<int>(kTableBytes / (kArrays * sizeof(void*) + sizeof(std::int64_t) + sizeof(int)));

  void* array[kArrays][kCapacity];
  std::int64_t numel[kCapacity];
  int first_block[kCapacity + 1];
  int count;
};

struct Chunk {
  int tensor;
  std::int64_t begin;
  std::int64_t end;
};

// The chunk of this block: the last tensor that starts at or before it.
template <int kArrays>
__device__ __forceinline__ Chunk chunk_of_block(const TensorTable<kArrays>& table) {
  const auto block = static_cast<int>(blockIdx.x);
  int low = 0;
  int high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.first_block[middle] <= block) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const std::int64_t begin = (block - table.first_block[low]) * kChunk;
  const std::int64_t end = begin + kChunk;
  return {low, begin, end < table.numel[low] ? end : table.numel[low]};
}

template <typename T>
struct AdamCoefficients {
  T rate, beta1, beta2, epsilon;
  T correction1, correction2;  // 1 / (1 - beta^t)
};

template <typename T>
DG_HOST_DEVICE AdamCoefficients<T> coefficients_of(const AdamScalars& s) {
  return {static_cast<T>(s.learning_rate),
          static_cast<T>(s.beta1),
          static_cast<T>(s.beta2),
          static_cast<T>(s.epsilon),
          static_cast<T>(1.0 / s.correction1),
          static_cast<T>(1.0 / s.correction2)};
}

// arrays: param, grad, m, v. `given` counts unless `replayed_scalars` are there.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    adam_kernel(const __grid_constant__ TensorTable<4> table, const AdamCoefficients<T> given,
                const AdamScalars* replayed_scalars) {
  constexpr int kWidth = kVectorWidth<T>;
  const AdamCoefficients<T> c = replayed_scalars != nullptr ? coefficients_of<T>(*replayed_scalars) : given;
  const Chunk chunk = chunk_of_block(table);
  T* param = static_cast<T*>(table.array[0][chunk.tensor]);
  const T* grad = static_cast<const T*>(table.array[1][chunk.tensor]);
  T* first = static_cast<T*>(table.array[2][chunk.tensor]);
  T* second = static_cast<T*>(table.array[3][chunk.tensor]);

  for (std::int64_t at = chunk.begin + threadIdx.x * kWidth; at < chunk.end; at += kBlock * kWidth) {
    const std::int64_t valid = chunk.end - at;
    auto p = load_run<kWidth>(param + at, valid);
    const auto g = load_run<kWidth>(grad + at, valid);
    auto m = load_run<kWidth>(first + at, valid);
    auto v = load_run<kWidth>(second + at, valid);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      m.value[i] = c.beta1 * m.value[i] + (T(1) - c.beta1) * g.value[i];
      v.value[i] = c.beta2 * v.value[i] + (T(1) - c.beta2) * g.value[i] * g.value[i];
      p.value[i] -=
          c.rate * (m.value[i] * c.correction1) / (std::sqrt(v.value[i] * c.correction2) + c.epsilon);
    }
    store_run(first + at, m, valid);
    store_run(second + at, v, valid);
    store_run(param + at, p, valid);
  }
}

// arrays: average, value.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    ema_kernel(const __grid_constant__ TensorTable<2> table, const T decay) {
  constexpr int kWidth = kVectorWidth<T>;
  const Chunk chunk = chunk_of_block(table);
  T* average = static_cast<T*>(table.array[0][chunk.tensor]);
  const T* value = static_cast<const T*>(table.array[1][chunk.tensor]);

  for (std::int64_t at = chunk.begin + threadIdx.x * kWidth; at < chunk.end; at += kBlock * kWidth) {
    const std::int64_t valid = chunk.end - at;
    auto a = load_run<kWidth>(average + at, valid);
    const auto v = load_run<kWidth>(value + at, valid);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) a.value[i] = decay * a.value[i] + (T(1) - decay) * v.value[i];
    store_run(average + at, a, valid);
  }
}

template <int kArrays>
struct TableEntry {
  std::array<void*, kArrays> arrays;
  std::int64_t numel;
};

// start(table, blocks) for as many tables as the entries fill: one, but for huge networks.
template <int kArrays, typename Start>
void for_each_table(const char* name, const std::vector<TableEntry<kArrays>>& entries, const Start& start) {
  using Table = TensorTable<kArrays>;
  for (std::size_t begin = 0; begin < entries.size(); begin += Table::kCapacity) {
    const std::size_t count = std::min<std::size_t>(entries.size() - begin, Table::kCapacity);
    Table table{};
    std::int64_t blocks = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const TableEntry<kArrays>& entry = entries[begin + i];
      for (std::size_t which = 0; which < kArrays; ++which) table.array[which][i] = entry.arrays[which];
      table.numel[i] = entry.numel;
      table.first_block[i] = to_int32(blocks, name, "blocks before a tensor");
      blocks += blocks_for(entry.numel, kChunk);
    }
    table.first_block[count] = to_int32(blocks, name, "blocks");
    table.count = static_cast<int>(count);
    start(table, blocks);
  }
}

// A table holds void pointers for reading and writing alike; the kernels read gradients and values only.
template <typename T>
void* table_pointer(ConstArray array) {
  return const_cast<T*>(array.as<T>());
}

// body.template operator()<T>() for both types that optimizer state may have.
template <typename Body>
void for_each_wide_type(const Body& body) {
  body.template operator()<float>();
  body.template operator()<double>();
}

void check_wide(DType dtype, const char* op) {
  check(dtype != DType::bfloat16, op, ": parameters are ", name_of(dtype),
        ", expected float32 or float64 master weights");
}

}  // namespace

void adam(Machine& m, std::span<const AdamTensor> tensors, const AdamOptions& options) {
  for (const AdamTensor& t : tensors) check_wide(t.param.dtype, "adam");
  const AdamScalars scalars = adam_scalars(options);
  const AdamScalars* replayed_scalars = m.replay.next_adam();
  for_each_wide_type([&]<typename T>() {
    std::vector<TableEntry<4>> entries;
    for (const AdamTensor& t : tensors) {
      if (t.param.dtype != DTypeOf<T>::value || t.numel == 0) continue;
      entries.push_back({{table_pointer<T>(t.param), table_pointer<T>(t.grad), table_pointer<T>(t.m),
                          table_pointer<T>(t.v)},
                         t.numel});
    }
    for_each_table<4>("adam", entries, [&](const TensorTable<4>& table, std::int64_t blocks) {
      launch(adam_kernel<T>, {.name = "adam", .grid = {blocks}, .block = kBlock}, m.stream, table,
             coefficients_of<T>(scalars), replayed_scalars);
    });
  });
}

void ema(Machine& m, std::span<const EmaTensor> tensors, double decay) {
  for (const EmaTensor& t : tensors) check_wide(t.average.dtype, "ema");
  for_each_wide_type([&]<typename T>() {
    std::vector<TableEntry<2>> entries;
    for (const EmaTensor& t : tensors) {
      if (t.average.dtype != DTypeOf<T>::value || t.numel == 0) continue;
      entries.push_back({{table_pointer<T>(t.average), table_pointer<T>(t.value)}, t.numel});
    }
    for_each_table<2>("ema", entries, [&](const TensorTable<2>& table, std::int64_t blocks) {
      launch(ema_kernel<T>, {.name = "ema", .grid = {blocks}, .block = kBlock}, m.stream, table,
             static_cast<T>(decay));
    });
  });
}

}  // namespace dg::DG_TARGET
