// Summaries: the context's observer sees every module's forward once.
#include "layers/summary.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>
#include <utility>

namespace dg {

namespace {

struct Seen {
  int calls = 0;
  std::string algorithm;
  Shape output;
  std::int64_t multiply_adds = 0;
  std::int64_t output_bytes = 0;
};

// Puts eval mode and an observer in place, and everything back at the end.
class Probe {
 public:
  Probe(Module& module, ModuleObserver observer)
      : context_(module.context()),
        observer_(context_.module_observer()),
        random_(context_.random().state()) {
    for (const NamedModule& entry : module.modules()) {
      modes_.emplace_back(entry.module, entry.module->training());
    }
    module.eval();
    context_.set_module_observer(std::move(observer));
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    context_.set_module_observer(std::move(observer_));
    context_.random().set_state(random_);
    // Parents come first, so that a child's own mode has the last word.
    for (const auto& [module, training] : modes_) {
      module->train(training);
    }
  }

 private:
  Context& context_;
  ModuleObserver observer_;
  PhiloxState random_;
  std::vector<std::pair<Module*, bool>> modes_;
};

DType input_dtype(const Module& module) {
  const std::vector<NamedTensor> state = module.state();
  return state.empty() ? DType::float32 : state.front().tensor.dtype();
}

std::map<const Module*, Seen> observe_forward(Module& module, const Shape& input) {
  std::map<const Module*, Seen> seen;
  const NoGrad no_grad(module.context());
  const Tensor zeros = Tensor::zeros(module.context(), input, input_dtype(module));
  observed_forward(module, zeros, [&seen](const Module& called, const Tensor& x, const Tensor& y) {
    Seen& entry = seen[&called];
    ++entry.calls;
    entry.algorithm = called.algorithm(x, y);
    entry.output = y.shape();
    entry.output_bytes = y.bytes();
    entry.multiply_adds += called.multiply_adds(x.shape(), y.shape());
  });
  return seen;
}

int depth_of(const std::string& name) {
  return name.empty() ? 0 : 1 + static_cast<int>(std::count(name.begin(), name.end(), '.'));
}

std::string mebi(std::int64_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2) << static_cast<double>(bytes) / 1048576.0;
  return out.str();
}

// 11378179 -> "11,378,179"
std::string with_commas(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string giga(std::int64_t count, double factor) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(3) << factor * static_cast<double>(count) * 1e-9;
  return out.str();
}

std::string layer_text(const SummaryRow& row) {
  const std::string kind = row.details.empty() ? row.kind : row.kind + " (" + row.details + ")";
  return std::string(static_cast<std::size_t>(2 * row.depth), ' ') + kind;
}

}  // namespace

Tensor observed_forward(Module& module, const Tensor& input, ModuleObserver observer) {
  const Probe probe(module, std::move(observer));
  return module(input);
}

Summary summary(Module& module, const Shape& input) {
  const std::map<const Module*, Seen> seen = observe_forward(module, input);
  Summary result;
  result.input = input;
  for (const NamedModule& entry : module.modules()) {
    SummaryRow row;
    row.name = entry.name;
    row.kind = entry.module->kind();
    row.details = entry.module->details();
    row.depth = depth_of(entry.name);
    if (const auto found = seen.find(entry.module); found != seen.end()) {
      row.calls = found->second.calls;
      row.algorithm = found->second.algorithm;
      row.output = found->second.output;
      row.multiply_adds = found->second.multiply_adds;
      row.output_bytes = found->second.output_bytes;
    }
    for (const auto& parameter : entry.module->own_parameters()) {
      const std::int64_t numel = parameter->tensor.numel();
      result.state_bytes += parameter->tensor.bytes();
      row.parameters += numel;
      (parameter->tensor.requires_grad() ? result.trained : result.not_trained) += numel;
    }
    for (const auto& [name, buffer] : entry.module->own_buffers()) {
      row.parameters += buffer->numel();
      result.state_bytes += buffer->bytes();
      result.not_trained += buffer->numel();
    }
    if (entry.module->children().empty()) result.output_bytes += row.output_bytes;
    result.multiply_adds += row.multiply_adds;
    result.rows.push_back(std::move(row));
  }
  result.parameters = result.trained + result.not_trained;
  return result;
}

std::string to_string(const Summary& summary) {
  const std::vector<std::string> titles{"Name",       "Layer", "Output",    "Algorithm",
                                        "Parameters", "GMAC",  "Output MiB"};
  std::vector<std::vector<std::string>> table{titles};
  for (const SummaryRow& row : summary.rows) {
    table.push_back({row.name.empty() ? "(network)" : row.name, layer_text(row),
                     row.calls > 0 ? to_string(row.output) : "not reached", row.algorithm,
                     with_commas(row.parameters), giga(row.multiply_adds, 1.0),
                     row.calls > 0 ? mebi(row.output_bytes) : ""});
  }
  std::vector<std::size_t> width(titles.size(), 0);
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i) width[i] = std::max(width[i], line[i].size());
  }
  std::size_t total_width = 2 * (width.size() - 1);
  for (const std::size_t w : width) total_width += w;
  const std::string rule(total_width, '-');

  std::ostringstream out;
  for (std::size_t row = 0; row < table.size(); ++row) {
    for (std::size_t i = 0; i < titles.size(); ++i) {
      const bool number = i >= 4;
      out << (i > 0 ? "  " : "") << (number ? std::right : std::left) << std::setw(static_cast<int>(width[i]))
          << table[row][i];
    }
    out << '\n';
    if (row == 0) out << rule << '\n';
  }
  out << rule << '\n'
      << "Input             " << to_string(summary.input) << '\n'
      << "Total parameters  " << with_commas(summary.parameters) << '\n'
      << "  trained         " << with_commas(summary.trained) << '\n'
      << "  not trained     " << with_commas(summary.not_trained) << '\n'
      << "One forward       " << giga(summary.multiply_adds, 1.0)
      << " GMAC = " << giga(summary.multiply_adds, 2.0) << " GFLOP\n"
      << "Memory            " << mebi(summary.state_bytes) << " MiB of parameters, "
      << mebi(summary.output_bytes) << " MiB of layers' outputs\n";
  return out.str();
}

}  // namespace dg
