// File Format Specification 2.0, IV.A.2.b (extents) and IV.A.2.d (types).
#include "data/detail/hdf5_values.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dg {
namespace {

constexpr unsigned kRealClass = 1;
constexpr unsigned kTextClass = 3;
constexpr unsigned kVariableClass = 9;
constexpr unsigned kVariableText = 1;
constexpr std::uint64_t kReferenceSize = 16;  // length, address and number of a text elsewhere

// Sign, exponent and mantissa of the four kinds of floats, in bits from the right.
struct FloatFields {
  std::uint32_t sign, exponent, exponent_size, mantissa, mantissa_size, bias;
  bool operator==(const FloatFields&) const = default;
};
constexpr FloatFields kHalf{15, 10, 5, 0, 10, 15};
constexpr FloatFields kBfloat16{15, 7, 8, 0, 7, 127};
constexpr FloatFields kFloat{31, 23, 8, 0, 23, 127};
constexpr FloatFields kDouble{63, 52, 11, 0, 52, 1023};

bool is_known(std::uint64_t size, const FloatFields& fields) {
  if (size == 2) return fields == kHalf || fields == kBfloat16;
  return (size == 4 && fields == kFloat) || (size == 8 && fields == kDouble);
}

float half_to_float(std::uint64_t bits) {
  const int exponent = static_cast<int>((bits >> 10U) & 31U);
  const auto mantissa = static_cast<float>(bits & 1023U);
  float value = 0.0F;
  if (exponent == 31) {
    value = mantissa == 0.0F ? INFINITY : NAN;
  } else {
    value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024.0F, exponent - 25);
  }
  return (bits & 0x8000U) != 0 ? -value : value;
}

float to_float(std::uint64_t bits, const Hdf5Type& type) {
  if (type.size == 8) return static_cast<float>(std::bit_cast<double>(bits));
  if (type.size == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  if (type.is_bfloat16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16U));
  return half_to_float(bits);
}

}  // namespace

Hdf5Type parse_hdf5_type(Hdf5Bytes message) {
  const unsigned first = message.u8();
  const unsigned version = first >> 4U;
  check(version >= 1 && version <= 3, message.file(), ": a type has version ", version,
        ", expected 1 to 3; the file is damaged: copy it again");
  const std::uint32_t bits = message.u8() | static_cast<std::uint32_t>(message.u16()) << 8U;
  Hdf5Type type;
  type.size = message.u32();
  switch (first & 15U) {
    case kTextClass: type.kind = type.size > 0 ? Hdf5Class::text : Hdf5Class::other; break;
    case kVariableClass:
      if ((bits & 15U) == kVariableText && type.size == kReferenceSize) type.kind = Hdf5Class::long_text;
      break;
    case kRealClass: {
      message.take(4);  // offset and precision: the fields say the same
      FloatFields fields{};
      fields.sign = (bits >> 8U) & 255U;
      fields.exponent = message.u8();
      fields.exponent_size = message.u8();
      fields.mantissa = message.u8();
      fields.mantissa_size = message.u8();
      fields.bias = message.u32();
      check(is_known(type.size, fields) && (bits & 64U) == 0, message.file(),
            ": an array has floats of an unknown kind; save it again as float32");
      type.kind = Hdf5Class::real;
      type.big_endian = (bits & 1U) != 0;
      type.is_bfloat16 = fields == kBfloat16;
      break;
    }
    default: break;
  }
  return type;
}

Hdf5Space parse_hdf5_space(Hdf5Bytes message, std::uint64_t limit) {
  constexpr int kMaxRank = 32;
  const int version = message.u8();
  const int rank = message.u8();
  message.take(1);
  check((version == 1 || version == 2) && rank <= kMaxRank, message.file(), ": extents of version ", version,
        " have ", rank, " dimensions; the file is damaged: copy it again");
  Hdf5Space space;
  if (version == 1) {
    message.take(5);
  } else if (message.u8() == 2) {  // null: no element
    space.count = 0;
  }
  space.is_scalar = rank == 0;
  for (int i = 0; i < rank; ++i) {
    const std::uint64_t extent = message.u64();
    check(extent == 0 || (extent <= limit && space.count <= limit / extent), message.file(),
          ": an array claims more elements than the file has bytes; it is damaged: copy it again");
    space.count *= extent;
    space.shape.push_back(static_cast<std::int64_t>(extent));
  }
  return space;
}

std::vector<float> read_hdf5_floats(std::span<const std::byte> bytes, const Hdf5Type& type) {
  const auto size = static_cast<std::size_t>(type.size);
  std::vector<float> values;
  values.reserve(bytes.size() / size);
  for (; bytes.size() >= size; bytes = bytes.subspan(size)) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t place = type.big_endian ? size - 1 - i : i;
      bits |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * place);
    }
    values.push_back(to_float(bits, type));
  }
  return values;
}

std::vector<std::string> read_hdf5_texts(std::span<const std::byte> bytes, const Hdf5Type& type) {
  const auto size = static_cast<std::size_t>(type.size);
  std::vector<std::string> values;
  for (; bytes.size() >= size; bytes = bytes.subspan(size)) {
    const auto* begin = reinterpret_cast<const char*>(bytes.data());
    values.emplace_back(begin, std::find(begin, begin + size, '\0'));
  }
  return values;
}

}  // namespace dg
