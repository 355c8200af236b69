// The extents of a tensor.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>

#include "kernels/check.h"

namespace dg {

// Up to kMaxRank extents, outermost first. Rank 0 is a scalar with one element. Extents are never negative.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span<const std::int64_t>(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  // Negative positions count from the end.
  std::int64_t operator[](int dim) const { return extent_[index(dim)]; }
  void set(int dim, std::int64_t extent);
  void push_back(std::int64_t extent);
  // Throws Error if the product leaves 64 bits.
  std::int64_t numel() const;

  const std::int64_t* begin() const { return extent_.data(); }
  const std::int64_t* end() const { return extent_.data() + rank_; }
  bool operator==(const Shape& other) const;

 private:
  std::size_t index(int dim) const;

  std::array<std::int64_t, kMaxRank> extent_{};
  int rank_ = 0;
};

// "(1, 256, 256, 3)"
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

}  // namespace dg
