#include "core/shape.h"

#include <algorithm>
#include <limits>

namespace dg {

Shape::Shape(std::span<const std::int64_t> extents) {
  for (const std::int64_t extent : extents) push_back(extent);
}

std::size_t Shape::index(int dim) const {
  const int positive = dim < 0 ? dim + rank_ : dim;
  check(positive >= 0 && positive < rank_, "shape ", *this, " has no dimension ", dim);
  return static_cast<std::size_t>(positive);
}

void Shape::set(int dim, std::int64_t extent) {
  check(extent >= 0, "shape: extent ", extent, " is negative");
  extent_[index(dim)] = extent;
}

void Shape::push_back(std::int64_t extent) {
  check(rank_ < kMaxRank, "shape: more than ", kMaxRank, " dimensions");
  check(extent >= 0, "shape: extent ", extent, " is negative");
  extent_[static_cast<std::size_t>(rank_++)] = extent;
}

std::int64_t Shape::numel() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : *this) {
    check(extent == 0 || product <= std::numeric_limits<std::int64_t>::max() / extent, "shape ", *this,
          " has more elements than 64 bits can count");
    product *= extent;
  }
  return product;
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string to_string(const Shape& shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) out << (i == 0 ? "" : ", ") << shape[i];
  return out << ')';
}

}  // namespace dg
