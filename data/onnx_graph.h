// ONNX files: a graph of operators on float tensors, written as the protocol buffer that onnx.proto describes.
// Source: https://github.com/onnx/onnx, onnx/onnx.proto and docs/IR.md; the wire format:
// https://protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dg {

inline constexpr std::int64_t kOnnxOpset = 17;

struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>> value;
};

// An extent is a number, or a name for one that each run may choose ("height").
using OnnxExtent = std::variant<std::int64_t, std::string>;

// Values are named; every function that makes one returns its name.
class OnnxGraph {
 public:
  explicit OnnxGraph(std::string name) : name_(std::move(name)) {}

  std::string add_input(const std::string& name, const std::vector<OnnxExtent>& shape);
  std::string add_constant(const std::string& name, const std::vector<std::int64_t>& shape,
                           const std::vector<float>& values);
  std::string add_constant(const std::string& name, const std::vector<std::int64_t>& values);
  // One operator with one result. An empty input is one that is left out.
  std::string add_node(const std::string& op, const std::vector<std::string>& inputs,
                       const std::vector<OnnxAttribute>& attributes = {});
  // Gives the value another name, by which the caller of the model asks for it.
  void add_output(const std::string& name, const std::string& value, const std::vector<OnnxExtent>& shape);

  // The model: this graph with the opset above. The same graph and metadata give the same bytes. Throws Error
  // beyond the 2 GiB that a protocol buffer may have.
  std::string serialize(const std::map<std::string, std::string>& metadata) const;

 private:
  std::string name_;
  // The graph's fields so far, in the wire format.
  std::string nodes_;
  std::string constants_;
  std::string inputs_;
  std::string outputs_;
  int values_ = 0;
};

}  // namespace dg
