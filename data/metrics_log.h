// A table of numbers that grows while a program runs:
// metrics.csv for spreadsheets, metrics.jsonl for programs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace dg {

// One row: the step it belongs to, and named values in a fixed order.
// A value that a row does not have stays empty in the CSV and is left out of the JSON.
struct MetricsRow {
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> values;
};

class MetricsLog {
 public:
  // Opens both files in `folder`. Rows of steps beyond `keep_up_to_step` are removed, as is a line that
  // a killed process left unfinished: what a resumed run is about to write again. Columns are those that rows
  // may name. Throws Error if the files cannot be written or belong to another set of columns.
  MetricsLog(std::filesystem::path folder, std::vector<std::string> columns, std::int64_t keep_up_to_step);

  // Appends and flushes, so that a reader beside sees it at once.
  // Throws Error for an unknown column or a full disk.
  void write(const MetricsRow& row);

 private:
  std::filesystem::path folder_;
  std::vector<std::string> columns_;
  std::ofstream csv_;
  std::ofstream json_lines_;
};

// A column of metrics.csv: the rows that have a value there, in their order.
struct MetricsColumn {
  std::string name;
  std::vector<std::int64_t> steps;
  std::vector<double> values;  // may be NaN or infinite
};

// The columns behind `step`, named as in the header, without the line that a killed process left unfinished. Throws
// Error naming the file if it is missing, or the line that is not a row of such a table.
std::vector<MetricsColumn> read_metrics_csv(const std::filesystem::path& path);

}  // namespace dg
