// Copying named tensors: compare everything first, write afterwards.
#include "layers/state.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

namespace dg {

namespace {

std::map<std::string, Tensor> index_by_name(const std::vector<NamedTensor>& tensors, const char* side) {
  std::map<std::string, Tensor> index;
  for (const NamedTensor& entry : tensors) {
    check(entry.tensor.defined(), "copy_state: '", entry.name, "' among the ", side,
          " is undefined, give it a tensor");
    check(index.emplace(entry.name, entry.tensor).second, "copy_state: the name '", entry.name,
          "' occurs twice among the ", side, ", give each tensor its own name");
  }
  return index;
}

void print_list(std::ostream& out, const char* title, const std::vector<std::string>& names,
                std::size_t limit) {
  if (names.empty()) return;
  out << (out.tellp() > 0 ? "; " : "") << names.size() << " " << title << ": ";
  for (std::size_t i = 0; i < std::min(names.size(), limit); ++i) {
    out << (i > 0 ? ", " : "") << names[i];
  }
  if (names.size() > limit) out << ", and " << names.size() - limit << " more";
}

bool may_write(const StateMismatch& mismatch, Strictness strictness) {
  switch (strictness) {
    case Strictness::strict: return mismatch.empty();
    case Strictness::allow_unexpected: return mismatch.missing.empty() && mismatch.shape.empty();
    case Strictness::matching: return true;
  }
  fail("copy_state: unknown strictness ", static_cast<int>(strictness));
}

}  // namespace

std::string to_string(const StateMismatch& mismatch, std::size_t limit) {
  std::ostringstream out;
  print_list(out, "missing", mismatch.missing, limit);
  print_list(out, "unexpected", mismatch.unexpected, limit);
  print_list(out, "of another shape", mismatch.shape, limit);
  return out.str();
}

StateMismatch copy_state(const std::vector<NamedTensor>& targets, const std::vector<NamedTensor>& sources,
                         Strictness strictness) {
  const std::map<std::string, Tensor> wanted = index_by_name(targets, "targets");
  const std::map<std::string, Tensor> given = index_by_name(sources, "sources");

  StateMismatch mismatch;
  std::vector<std::pair<Tensor, Tensor>> fitting;  // target, source
  for (const NamedTensor& target : targets) {
    const auto found = given.find(target.name);
    if (found == given.end()) {
      mismatch.missing.push_back(target.name);
    } else if (found->second.shape() != target.tensor.shape()) {
      mismatch.shape.push_back(target.name + ": got " + to_string(found->second.shape()) + ", expected " +
                               to_string(target.tensor.shape()));
    } else {
      fitting.emplace_back(target.tensor, found->second);
    }
  }
  for (const NamedTensor& source : sources) {
    if (!wanted.contains(source.name)) mismatch.unexpected.push_back(source.name);
  }

  if (may_write(mismatch, strictness)) {
    for (auto& [target, source] : fitting) {
      target.copy_from(source);
    }
  }
  return mismatch;
}

StateMismatch load_state(Module& module, const std::vector<NamedTensor>& sources, Strictness strictness) {
  return copy_state(module.state(), sources, strictness);
}

}  // namespace dg
