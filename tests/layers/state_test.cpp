// Loading named tensors: all or nothing, with an account of what differs.
#include "layers/state.h"

#include "layer_checks.h"
#include "layers/dense.h"

using namespace dg;
using namespace dg::test;

namespace {

using Names = std::vector<std::string>;

// weight (1, 2) and bias (1), all 0.
struct Target {
  Context context;
  Dense dense{context, {.in_features = 2, .out_features = 1}};
  Tensor weight = values(context, {1, 2}, {3, 4}, DType::float32);
  Tensor bias = values(context, {1}, {5}, DType::float32);
  Target() {
    set_state(dense, "weight", {0, 0});
    set_state(dense, "bias", {0});
  }
  std::vector<double> loaded() const {
    std::vector<double> all = state_of(dense, "weight").to_doubles();
    all.push_back(state_of(dense, "bias").item());
    return all;
  }
};

}  // namespace

TEST_CASE("load_state: everything that fits is copied whatever its order and element type") {
  Target t;
  const Tensor wide = values(t.context, {1, 2}, {3, 4}, DType::float64);
  CHECK(load_state(t.dense, {{"bias", t.bias}, {"weight", wide}}).empty());
  CHECK(t.loaded() == std::vector<double>{3, 4, 5});
  CHECK(state_of(t.dense, "weight").dtype() == DType::float32);
  t.weight.fill_(9);
  CHECK(t.loaded() == std::vector<double>{3, 4, 5});
}

TEST_CASE("load_state: strict writes nothing if a name is missing") {
  Target t;
  CHECK(load_state(t.dense, {{"weight", t.weight}}).missing == Names{"bias"});
  CHECK(t.loaded() == std::vector<double>{0, 0, 0});
}

TEST_CASE("load_state: strict writes nothing if a name is unexpected and allow_unexpected writes the rest") {
  Target t;
  const std::vector<NamedTensor> sources{{"weight", t.weight}, {"bias", t.bias}, {"extra", t.bias}};
  CHECK(load_state(t.dense, sources).unexpected == Names{"extra"});
  CHECK(t.loaded() == std::vector<double>{0, 0, 0});
  CHECK(load_state(t.dense, sources, Strictness::allow_unexpected).unexpected == Names{"extra"});
  CHECK(t.loaded() == std::vector<double>{3, 4, 5});
}

TEST_CASE("load_state: shapes must agree even where the number of elements does") {
  Target t;
  const Tensor turned = Tensor::ones(t.context, {2, 1});
  const std::vector<NamedTensor> sources{{"weight", turned}, {"bias", t.bias}};
  for (const auto strictness : {Strictness::strict, Strictness::allow_unexpected}) {
    CHECK(load_state(t.dense, sources, strictness).shape == Names{"weight: got (2, 1), expected (1, 2)"});
    CHECK(t.loaded() == std::vector<double>{0, 0, 0});
  }
  CHECK_FALSE(load_state(t.dense, sources, Strictness::matching).empty());
  CHECK(t.loaded() == std::vector<double>{0, 0, 5});
}

TEST_CASE("load_state: a name that occurs twice is refused") {
  Target t;
  CHECK_THROWS_WITH(load_state(t.dense, {{"bias", t.bias}, {"bias", t.bias}}), Catch::Contains("twice"));
}

TEST_CASE("StateMismatch: the sentence names what differs and counts the rest") {
  StateMismatch mismatch;
  CHECK(to_string(mismatch).empty());
  mismatch.missing = {"a", "b", "c"};
  mismatch.unexpected = {"d"};
  CHECK(to_string(mismatch, 2) == "3 missing: a, b, and 1 more; 1 unexpected: d");
}
