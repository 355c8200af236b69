#include "models/detail/report_curves.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace dg {
namespace {

// Only what is finite.
MetricsColumn finite_part(const MetricsColumn& column) {
  MetricsColumn part{column.name, {}, {}};
  for (std::size_t i = 0; i < column.values.size(); ++i) {
    if (!std::isfinite(column.values[i])) continue;
    part.steps.push_back(column.steps[i]);
    part.values.push_back(column.values[i]);
  }
  return part;
}

Curve curve_of(const MetricsColumn& column, const std::string& name, int colour) {
  Curve curve = thinned(column);
  curve.name = name;
  curve.colour = colour;
  return curve;
}

// The columns whose names begin with `prefix`, and their sum where there are several.
Chart loss_chart(const std::vector<MetricsColumn>& columns, const std::string& title,
                 std::string_view prefix) {
  Chart chart{title, true, {}};
  std::vector<const MetricsColumn*> parts;
  for (const MetricsColumn& column : columns) {
    if (column.name.starts_with(prefix) && !column.values.empty()) parts.push_back(&column);
  }
  if (parts.size() > 1) chart.curves.push_back(curve_of(sum_of(parts, "sum"), "sum", 0));
  int colour = parts.size() > 1 ? 1 : 0;
  for (const MetricsColumn* part : parts)
    chart.curves.push_back(curve_of(*part, part->name.substr(prefix.size()), colour++));
  return chart;
}

Chart score_chart(const std::vector<MetricsColumn>& columns, const std::string& title,
                  const std::string& metric) {
  Chart chart{title, false, {}};
  for (const auto& [kind, colour] : {std::pair{"restored", 0}, std::pair{"blurred", kReference}}) {
    const MetricsColumn* column = find_column(columns, metric + "_" + kind);
    if (column != nullptr && !column->values.empty()) chart.curves.push_back(curve_of(*column, kind, colour));
  }
  return chart;
}

Chart single_chart(const MetricsColumn& column, const std::string& title, bool noisy) {
  Chart chart{title, noisy, {}};
  if (!column.values.empty()) chart.curves.push_back(curve_of(column, title, 0));
  return chart;
}

// ---- JSON ----

void put_numbers(std::string& json, const char* key, const std::vector<double>& values, int digits) {
  json += std::string(",\"") + key + "\":[";
  std::array<char, 32> text{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), values[i], std::chars_format::general, digits);
    if (i > 0) json += ',';
    json.append(text.data(), end.ptr);
  }
  json += ']';
}

// Control characters, quotes and "<" as \u00xx; bytes that are no UTF-8 stay, and show as U+FFFD.
std::string json_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code >= 0x20 && c != '"' && c != '\\' && c != '<') {
      json += c;
    } else {
      json += "\\u00";
      json += kDigits[code >> 4U];
      json += kDigits[code & 15U];
    }
  }
  return json + '"';
}

}  // namespace

Curve thinned(const MetricsColumn& column, std::size_t points) {
  const MetricsColumn all = finite_part(column);
  const std::size_t count = all.values.size();
  const std::size_t joined = (count + points - 1) / points;
  Curve curve;
  curve.name = column.name;
  for (std::size_t begin = 0; begin < count; begin += joined) {
    const std::size_t end = std::min(begin + joined, count);
    double sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) sum += all.values[i];
    curve.step.push_back(static_cast<double>(all.steps[begin + (end - begin) / 2]));
    curve.mean.push_back(sum / static_cast<double>(end - begin));
    if (joined == 1) continue;
    const auto [low, high] = std::minmax_element(all.values.begin() + static_cast<std::ptrdiff_t>(begin),
                                                 all.values.begin() + static_cast<std::ptrdiff_t>(end));
    curve.low.push_back(*low);
    curve.high.push_back(*high);
  }
  return curve;
}

MetricsColumn sum_of(const std::vector<const MetricsColumn*>& columns, const std::string& name) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();
  MetricsColumn total{name, {}, {}};
  std::vector<std::size_t> next(columns.size(), 0);
  while (true) {
    std::int64_t step = kNone;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (next[c] < columns[c]->steps.size()) step = std::min(step, columns[c]->steps[next[c]]);
    }
    if (step == kNone) return total;
    double sum = 0.0;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (next[c] < columns[c]->steps.size() && columns[c]->steps[next[c]] == step)
        sum += columns[c]->values[next[c]++];
    }
    total.steps.push_back(step);
    total.values.push_back(sum);
  }
}

std::vector<Chart> charts_of(const std::vector<MetricsColumn>& columns) {
  std::vector<Chart> charts{loss_chart(columns, "Generator loss", "g_"),
                            loss_chart(columns, "Discriminator loss", "d_"),
                            score_chart(columns, "PSNR of held-out pairs, dB", "psnr"),
                            score_chart(columns, "SSIM of held-out pairs", "ssim")};
  for (const MetricsColumn& column : columns) {
    const std::string& name = column.name;
    if (name == "learning_rate") charts.push_back(single_chart(column, "Learning rate", false));
    if (name == "images_per_second") charts.push_back(single_chart(column, "Images per second", true));
    const bool known = name.starts_with("g_") || name.starts_with("d_") || name.starts_with("psnr_") ||
                       name.starts_with("ssim_") || name == "learning_rate" || name == "images_per_second" ||
                       name == "epoch" || name == "seconds";
    if (!known) charts.push_back(single_chart(column, name, true));
  }
  for (Chart& chart : charts)
    std::erase_if(chart.curves, [](const Curve& curve) { return curve.step.empty(); });
  std::erase_if(charts, [](const Chart& chart) { return chart.curves.empty(); });
  return charts;
}

std::string to_json(const std::vector<Chart>& charts) {
  std::string json = "[";
  for (const Chart& chart : charts) {
    json += json.size() > 1 ? ",\n" : "";
    json += "{\"title\":" + json_text(chart.title) + ",\"noisy\":" + (chart.noisy ? "true" : "false") +
            ",\"curves\":[";
    for (const Curve& curve : chart.curves) {
      if (json.back() != '[') json += ",\n";
      json += "{\"name\":" + json_text(curve.name) + ",\"colour\":" + std::to_string(curve.colour);
      put_numbers(json, "x", curve.step, 12);
      put_numbers(json, "y", curve.mean, 6);
      put_numbers(json, "low", curve.low, 6);
      put_numbers(json, "high", curve.high, 6);
      json += '}';
    }
    json += "]}";
  }
  return json + "]";
}

const MetricsColumn* find_column(const std::vector<MetricsColumn>& columns, std::string_view name) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const MetricsColumn& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace dg
