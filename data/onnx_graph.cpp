#include "data/onnx_graph.h"

#include "data/detail/protobuf_writer.h"
#include "kernels/check.h"

namespace dg {
namespace {

using protobuf::put_bytes;
using protobuf::put_float;
using protobuf::put_int;

// ---- onnx.proto: the numbers of the fields ----

namespace model {
constexpr unsigned kIrVersion = 1, kProducer = 2, kGraph = 7, kOpset = 8, kMetadata = 14;
}
namespace opset {
constexpr unsigned kVersion = 2;
}
namespace entry {
constexpr unsigned kKey = 1, kValue = 2;
}
namespace graph {
constexpr unsigned kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}
namespace node {
constexpr unsigned kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
}
namespace attribute {
constexpr unsigned kName = 1, kFloat = 2, kInt = 3, kString = 4, kInts = 8, kType = 20;
constexpr std::int64_t kTypeFloat = 1, kTypeInt = 2, kTypeString = 3, kTypeInts = 7;
}  // namespace attribute
namespace tensor {
constexpr unsigned kDims = 1, kType = 2, kName = 8, kRaw = 9;
constexpr std::int64_t kFloat = 1, kInt64 = 7;
}  // namespace tensor
namespace value {
constexpr unsigned kName = 1, kType = 2;
}
namespace type {
constexpr unsigned kTensor = 1, kElement = 1, kShape = 2;
}
namespace shape {
constexpr unsigned kDim = 1, kExtent = 1, kSymbol = 2;
}

constexpr std::int64_t kIrVersion = 8;  // that of ONNX 1.12, which brought opset 17

std::string value_info(const std::string& name, const std::vector<OnnxExtent>& extents) {
  std::string dims;
  for (const OnnxExtent& extent : extents) {
    std::string dim;
    if (const auto* number = std::get_if<std::int64_t>(&extent)) put_int(dim, shape::kExtent, *number);
    if (const auto* symbol = std::get_if<std::string>(&extent)) put_bytes(dim, shape::kSymbol, *symbol);
    put_bytes(dims, shape::kDim, dim);
  }
  std::string tensor_type;
  put_int(tensor_type, type::kElement, tensor::kFloat);
  put_bytes(tensor_type, type::kShape, dims);
  std::string any_type;
  put_bytes(any_type, type::kTensor, tensor_type);
  std::string info;
  put_bytes(info, value::kName, name);
  put_bytes(info, value::kType, any_type);
  return info;
}

template <typename T>
std::string tensor_message(const std::string& name, std::int64_t element,
                           const std::vector<std::int64_t>& dims, const std::vector<T>& values) {
  std::string message;
  for (const std::int64_t dim : dims) put_int(message, tensor::kDims, dim);
  put_int(message, tensor::kType, element);
  put_bytes(message, tensor::kName, name);
  // Little-endian, as the machines are that this is built for.
  put_bytes(message, tensor::kRaw, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  return message;
}

std::string attribute_message(const OnnxAttribute& a) {
  std::string message;
  put_bytes(message, attribute::kName, a.name);
  if (const auto* number = std::get_if<std::int64_t>(&a.value)) {
    put_int(message, attribute::kInt, *number);
    put_int(message, attribute::kType, attribute::kTypeInt);
  } else if (const auto* real = std::get_if<float>(&a.value)) {
    put_float(message, attribute::kFloat, *real);
    put_int(message, attribute::kType, attribute::kTypeFloat);
  } else if (const auto* text = std::get_if<std::string>(&a.value)) {
    put_bytes(message, attribute::kString, *text);
    put_int(message, attribute::kType, attribute::kTypeString);
  } else {
    for (const std::int64_t item : std::get<std::vector<std::int64_t>>(a.value))
      put_int(message, attribute::kInts, item);
    put_int(message, attribute::kType, attribute::kTypeInts);
  }
  return message;
}

std::string node_message(const std::string& op, const std::vector<std::string>& inputs,
                         const std::string& output, const std::vector<OnnxAttribute>& attributes) {
  std::string message;
  for (const std::string& input : inputs) put_bytes(message, node::kInput, input);
  put_bytes(message, node::kOutput, output);
  put_bytes(message, node::kName, op + "_" + output);
  put_bytes(message, node::kOp, op);
  for (const OnnxAttribute& a : attributes) put_bytes(message, node::kAttribute, attribute_message(a));
  return message;
}

}  // namespace

std::string OnnxGraph::add_input(const std::string& name, const std::vector<OnnxExtent>& extents) {
  put_bytes(inputs_, graph::kInput, value_info(name, extents));
  return name;
}

std::string OnnxGraph::add_constant(const std::string& name, const std::vector<std::int64_t>& extents,
                                    const std::vector<float>& values) {
  put_bytes(constants_, graph::kInitializer, tensor_message(name, tensor::kFloat, extents, values));
  return name;
}

std::string OnnxGraph::add_constant(const std::string& name, const std::vector<std::int64_t>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  put_bytes(constants_, graph::kInitializer, tensor_message(name, tensor::kInt64, {count}, values));
  return name;
}

std::string OnnxGraph::add_node(const std::string& op, const std::vector<std::string>& inputs,
                                const std::vector<OnnxAttribute>& attributes) {
  const std::string output = "v" + std::to_string(values_++);
  put_bytes(nodes_, graph::kNode, node_message(op, inputs, output, attributes));
  return output;
}

void OnnxGraph::add_output(const std::string& name, const std::string& of,
                           const std::vector<OnnxExtent>& extents) {
  put_bytes(nodes_, graph::kNode, node_message("Identity", {of}, name, {}));
  put_bytes(outputs_, graph::kOutput, value_info(name, extents));
}

std::string OnnxGraph::serialize(const std::map<std::string, std::string>& metadata) const {
  constexpr std::size_t kMaxMessage = std::size_t{1} << 31U;
  std::string contents = nodes_;
  put_bytes(contents, graph::kName, name_);
  contents += constants_ + inputs_ + outputs_;

  std::string message;
  put_int(message, model::kIrVersion, kIrVersion);
  put_bytes(message, model::kProducer, "deblurgan");
  std::string version;
  put_int(version, opset::kVersion, kOnnxOpset);
  put_bytes(message, model::kOpset, version);
  for (const auto& [key, text] : metadata) {
    std::string pair;
    put_bytes(pair, entry::kKey, key);
    put_bytes(pair, entry::kValue, text);
    put_bytes(message, model::kMetadata, pair);
  }
  put_bytes(message, model::kGraph, contents);
  check(message.size() < kMaxMessage, "ONNX: the model has ", message.size(),
        " bytes, a protocol buffer may have 2 GiB; use a network with fewer channels");
  return message;
}

}  // namespace dg
