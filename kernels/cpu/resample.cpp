// Padding, nearest upsampling and max pooling on NHWC, with their adjoints. Every adjoint gathers: one task owns one
// row of its result and adds in a fixed order.
#include "kernels/cpu/cpu_kernels.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// The source of padded position i - pad in [0, extent), or -1 for a zero.
std::int64_t source_index(std::int64_t i, std::int64_t extent, PadMode mode) {
  if (i >= 0 && i < extent) return i;
  switch (mode) {
    case PadMode::zero: return -1;
    case PadMode::replicate: return i < 0 ? 0 : extent - 1;
    case PadMode::reflect: return i < 0 ? -i : 2 * (extent - 1) - i;
  }
  return -1;
}

std::vector<std::int64_t> source_indices(std::int64_t before, std::int64_t extent, std::int64_t after,
                                         PadMode mode) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = -before; i < extent + after; ++i) out.push_back(source_index(i, extent, mode));
  return out;
}

std::int64_t row_grain(std::int64_t row_elements) {
  return kGrain / std::max<std::int64_t>(row_elements, 1) + 1;
}

template <typename T>
bool larger(T candidate, T best) {
  const auto c = static_cast<Compute<T>>(candidate);
  const auto b = static_cast<Compute<T>>(best);
  return c > b || (std::isnan(c) && !std::isnan(b));
}

}  // namespace

void pad2d(Machine& m, ConstArray x, Array y, const Pad2dShape& s) {
  const auto rows = source_indices(s.padding.top, s.h, s.padding.bottom, s.mode);
  const auto columns = source_indices(s.padding.left, s.w, s.padding.right, s.mode);
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    T* out = y.as<T>();
    const auto copy_pixel = [&](const T* row, std::int64_t column, T* target) {
      if (row == nullptr || column < 0) {
        std::fill(target, target + s.c, T());
      } else {
        std::copy(row + column * s.c, row + (column + 1) * s.c, target);
      }
    };
    parallel_runs(m.threads, s.n * s.padded_h(), row_grain(s.padded_w() * s.c),
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t n = i / s.padded_h();
                      const std::int64_t h = rows[static_cast<std::size_t>(i % s.padded_h())];
                      const T* row = h < 0 ? nullptr : in + (n * s.h + h) * s.w * s.c;
                      T* target = out + i * s.padded_w() * s.c;
                      const std::int64_t inside_end = s.padding.left + s.w;
                      for (std::int64_t w = 0; w < s.padding.left; ++w, target += s.c) {
                        copy_pixel(row, columns[static_cast<std::size_t>(w)], target);
                      }
                      if (row == nullptr) {
                        std::fill(target, target + s.w * s.c, T());
                      } else {
                        std::copy(row, row + s.w * s.c, target);
                      }
                      target += s.w * s.c;
                      for (std::int64_t w = inside_end; w < s.padded_w(); ++w, target += s.c) {
                        copy_pixel(row, columns[static_cast<std::size_t>(w)], target);
                      }
                    }
                  });
  });
}

void pad2d_grad(Machine& m, ConstArray dy, Array dx, const Pad2dShape& s) {
  const auto rows = source_indices(s.padding.top, s.h, s.padding.bottom, s.mode);
  const auto columns = source_indices(s.padding.left, s.w, s.padding.right, s.mode);
  std::vector<std::vector<std::int64_t>> padded_rows(static_cast<std::size_t>(s.h));  // that show row h
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= 0) padded_rows[static_cast<std::size_t>(rows[i])].push_back(static_cast<std::int64_t>(i));
  }
  dispatch_float(dy.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const T* grad = dy.as<T>();
    T* out = dx.as<T>();
    parallel_runs(m.threads, s.n * s.h, row_grain(s.w * s.c), [&](std::int64_t begin, std::int64_t end) {
      std::vector<C> total(static_cast<std::size_t>(s.w * s.c));
      for (std::int64_t i = begin; i < end; ++i) {
        std::fill(total.begin(), total.end(), C(0));
        for (const std::int64_t padded : padded_rows[static_cast<std::size_t>(i % s.h)]) {
          const T* row = grad + (i / s.h * s.padded_h() + padded) * s.padded_w() * s.c;
          for (std::int64_t w = 0; w < s.padded_w(); ++w) {
            const std::int64_t column = columns[static_cast<std::size_t>(w)];
            if (column < 0) continue;
            C* target = total.data() + column * s.c;
            for (std::int64_t c = 0; c < s.c; ++c) target[c] += static_cast<C>(row[w * s.c + c]);
          }
        }
        for (std::int64_t j = 0; j < s.w * s.c; ++j)
          out[i * s.w * s.c + j] = T(total[static_cast<std::size_t>(j)]);
      }
    });
  });
}

void upsample_nearest(Machine& m, ConstArray x, Array y, const Upsample2dShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    T* out = y.as<T>();
    const std::int64_t row = s.w * s.scale * s.c;
    parallel_runs(m.threads, s.n * s.h * s.scale, row_grain(row), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* source = in + i / s.scale * s.w * s.c;
        for (std::int64_t w = 0; w < s.w * s.scale; ++w) {
          const T* pixel = source + w / s.scale * s.c;
          std::copy(pixel, pixel + s.c, out + i * row + w * s.c);
        }
      }
    });
  });
}

void upsample_nearest_grad(Machine& m, ConstArray dy, Array dx, const Upsample2dShape& s) {
  dispatch_float(dy.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const T* grad = dy.as<T>();
    T* out = dx.as<T>();
    parallel_runs(m.threads, s.n * s.h, row_grain(s.w * s.c * s.scale),
                  [&](std::int64_t begin, std::int64_t end) {
                    std::vector<C> total(static_cast<std::size_t>(s.c));
                    for (std::int64_t i = begin; i < end; ++i) {
                      for (std::int64_t w = 0; w < s.w; ++w) {
                        std::fill(total.begin(), total.end(), C(0));
                        for (std::int64_t r = 0; r < s.scale; ++r) {
                          const T* pixel = grad + ((i * s.scale + r) * s.w + w) * s.scale * s.c;
                          for (std::int64_t j = 0; j < s.scale; ++j) {
                            for (std::int64_t c = 0; c < s.c; ++c) {
                              total[static_cast<std::size_t>(c)] += static_cast<C>(pixel[j * s.c + c]);
                            }
                          }
                        }
                        for (std::int64_t c = 0; c < s.c; ++c)
                          out[(i * s.w + w) * s.c + c] = T(total[static_cast<std::size_t>(c)]);
                      }
                    }
                  });
  });
}

void max_pool2d(Machine& m, ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    T* out = y.as<T>();
    parallel_runs(m.threads, s.n * s.p(), row_grain(s.q() * s.c), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T* image = in + i / s.p() * s.h * s.w * s.c;
        for (std::int64_t j = 0; j < s.q() * s.c; ++j) {
          const std::int64_t c = j % s.c;
          std::int64_t best = i % s.p() * s.stride * s.w + j / s.c * s.stride;
          const std::int64_t corner = best;
          for (std::int64_t r = 0; r < s.window; ++r) {
            for (std::int64_t column = 0; column < s.window; ++column) {
              const std::int64_t candidate = corner + r * s.w + column;
              if (larger(image[candidate * s.c + c], image[best * s.c + c])) best = candidate;
            }
          }
          out[i * s.q() * s.c + j] = image[best * s.c + c];
          indices[i * s.q() * s.c + j] = static_cast<std::int32_t>(best);
        }
      }
    });
  });
}

void max_pool2d_scatter(Machine& m, ConstArray dy, const std::int32_t* indices, Array dx,
                        const Pool2dShape& s) {
  fill(m, dx, s.n * s.h * s.w * s.c, 0.0);
  dispatch_float(dy.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const T* grad = dy.as<T>();
    T* out = dx.as<T>();
    const std::int64_t per_image = s.p() * s.q() * s.c;
    parallel_for(m.threads, s.n, [&](std::int64_t n) {
      for (std::int64_t i = n * per_image; i < (n + 1) * per_image; ++i) {
        T& target = out[(n * s.h * s.w + indices[i]) * s.c + i % s.c];
        target = T(static_cast<C>(target) + static_cast<C>(grad[i]));
      }
    });
  });
}

void max_pool2d_gather(Machine& m, ConstArray x, const std::int32_t* indices, Array y, const Pool2dShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    T* out = y.as<T>();
    const std::int64_t per_image = s.p() * s.q() * s.c;
    parallel_runs(m.threads, s.n * per_image, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        out[i] = in[(i / per_image * s.h * s.w + indices[i]) * s.c + i % s.c];
      }
    });
  });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
