#include "data/metrics_log.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "data/atomic_file.h"
#include "data/input_file.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

// The shortest text that reads back as the same number.
std::string shortest(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : "nan";
}

// Complete lines of a file; nothing if there is none.
std::vector<std::string> complete_lines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(file, line)) {
    if (file.eof()) break;  // no newline behind it: a killed process was writing
    lines.push_back(line);
  }
  return lines;
}

std::int64_t step_of_csv(const std::string& line) {
  std::int64_t step = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), step);
  return error == std::errc() ? step : -1;
}

std::int64_t step_of_json(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  return json.is_object() && json.contains("step") && json["step"].is_number_integer()
             ? json["step"].get<std::int64_t>()
             : -1;
}

template <typename StepOf>
void keep_lines(const fs::path& path, std::size_t header_lines, std::int64_t last_step,
                const StepOf& step_of) {
  if (!fs::exists(path)) return;
  const std::vector<std::string> lines = complete_lines(path);
  std::string kept;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::int64_t step = i < header_lines ? 0 : step_of(lines[i]);
    if (step >= 0 && step <= last_step) kept += lines[i] + "\n";
  }
  write_file_atomically(path, std::as_bytes(std::span(kept)));
}

}  // namespace

MetricsLog::MetricsLog(fs::path folder, std::vector<std::string> columns, std::int64_t keep_up_to_step)
    : folder_(std::move(folder)), columns_(std::move(columns)) {
  const fs::path csv = folder_ / "metrics.csv";
  const fs::path json_lines = folder_ / "metrics.jsonl";
  std::string header = "step";
  for (const std::string& column : columns_) header += "," + column;

  const std::vector<std::string> existing = complete_lines(csv);
  check(existing.empty() || existing.front() == header, csv.string(), ": its columns are '",
        existing.empty() ? "" : existing.front(), "', this program writes '", header,
        "'; move the file away");
  keep_lines(csv, 1, keep_up_to_step, step_of_csv);
  keep_lines(json_lines, 0, keep_up_to_step, step_of_json);

  csv_.open(csv, std::ios::app);
  json_lines_.open(json_lines, std::ios::app);
  if (existing.empty()) csv_ << header << "\n" << std::flush;
  check(csv_.good() && json_lines_.good(), folder_.string(),
        ": metrics.csv and metrics.jsonl cannot be written; check permissions and free space");
}

void MetricsLog::write(const MetricsRow& row) {
  nlohmann::ordered_json json;
  json["step"] = row.step;
  std::vector<std::string> cells(columns_.size());
  for (const auto& [name, value] : row.values) {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    check(found != columns_.end(), "metrics log: unknown column '", name, "'");
    cells[static_cast<std::size_t>(found - columns_.begin())] = shortest(value);
    // JSON has no NaN and no infinity: they become null.
    json[name] = std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
  }
  csv_ << row.step;
  for (const std::string& cell : cells) csv_ << ',' << cell;
  csv_ << '\n' << std::flush;
  json_lines_ << json.dump() << '\n' << std::flush;
  check(csv_.good() && json_lines_.good(), folder_.string(),
        ": metrics could not be written; is the disk full? Free some space and resume the run");
}

namespace {

// The part of `line` up to the next comma, which is removed with it; nothing behind the last.
std::optional<std::string_view> next_cell(std::optional<std::string_view>& line) {
  if (!line) return std::nullopt;
  const std::size_t comma = line->find(',');
  const std::string_view cell = line->substr(0, comma);
  line = comma == std::string_view::npos ? std::nullopt : std::optional(line->substr(comma + 1));
  return cell;
}

template <typename T>
bool reads_as(std::string_view cell, T& value) {
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size();
}

}  // namespace

std::vector<MetricsColumn> read_metrics_csv(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<MetricsColumn> columns;
  for (std::size_t number = 1;; ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return columns;
    std::optional<std::string_view> line = text.substr(0, end);
    text.remove_prefix(end + 1);

    const std::optional<std::string_view> first = next_cell(line);
    if (number == 1) {
      check(first == "step", path.string(), ": its first column is '", *first, "', expected 'step'");
      while (const auto name = next_cell(line)) columns.push_back({std::string(*name), {}, {}});
      continue;
    }
    std::int64_t step = 0;
    check(reads_as(*first, step), path.string(), ": line ", number, " begins with '", *first,
          "', expected the number of a step");
    for (MetricsColumn& column : columns) {
      const std::optional<std::string_view> cell = next_cell(line);
      check(cell.has_value(), path.string(), ": line ", number, " ends before the column '", column.name,
            "'");
      if (cell->empty()) continue;
      double value = 0.0;
      check(reads_as(*cell, value), path.string(), ": line ", number, " has '", *cell, "' as ", column.name,
            ", expected a number");
      column.steps.push_back(step);
      column.values.push_back(value);
    }
  }
}

}  // namespace dg
