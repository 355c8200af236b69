#include "models/report.h"

#include <algorithm>
#include <cmath>
#include <locale>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "data/folder_lock.h"
#include "data/metrics_log.h"
#include "kernels/check.h"
#include "models/checkpoint.h"
#include "models/detail/html.h"
#include "models/detail/page_assets.h"
#include "models/detail/report_assets.h"
#include "models/detail/report_curves.h"
#include "models/detail/report_pictures.h"
#include "models/run_folder.h"
#include "models/train_options.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using html::escaped;
using html::number;

// Everything that the page is made of.
struct Run {
  RunFolder folder;
  bool under_way = false;
  Json config;  // null: there is none
  std::vector<MetricsColumn> columns;
  std::optional<RunStatus> status;
  ReportPictures pictures;
  std::int64_t step = 0;  // the newest one known
};

Json parsed_config(const RunFolder& folder) {
  Json config = Json::parse(read_text_file(folder.config()), nullptr, false);
  check(config.is_object(), folder.config().string(), ": expected a JSON object of options");
  return config;
}

Run look_at(const fs::path& path, bool under_way) {
  Run run;
  run.folder.path = path;
  run.under_way = under_way;
  if (fs::exists(run.folder.config())) run.config = parsed_config(run.folder);
  if (fs::exists(run.folder.metrics())) run.columns = read_metrics_csv(run.folder.metrics());
  run.status = read_status(run.folder);
  run.pictures = report_pictures(run.folder, run.columns);
  if (run.status) run.step = run.status->step;
  for (const MetricsColumn& column : run.columns) {
    if (!column.steps.empty()) run.step = std::max(run.step, column.steps.back());
  }
  return run;
}

// ---- how it stands ----

// The clock of metrics.csv starts anew when a run is resumed.
double seconds_trained(const Run& run) {
  const MetricsColumn* clock = find_column(run.columns, "seconds");
  if (clock == nullptr) return 0.0;
  double total = 0.0;
  double last = 0.0;
  for (const double value : clock->values) {
    if (value < last) total += last;
    last = value;
  }
  return total + last;
}

std::string newest(const Run& run, const char* column_name, int digits) {
  const MetricsColumn* column = find_column(run.columns, column_name);
  if (column == nullptr || column->values.empty()) return "–";
  return number(column->values.back(), digits);
}

// A killed process leaves a status that says training.
std::string state_of(const Run& run) {
  if (run.under_way) return "training";
  if (!run.status) return "unknown";
  return run.status->state == RunState::training ? "ended without a word (killed?)"
                                                 : name_of(run.status->state);
}

void write_state(std::ostringstream& page, const Run& run) {
  const std::int64_t total = run.status ? run.status->total_steps : 0;
  page << "<p><b>" << state_of(run) << "</b>, step <b>" << run.step << "</b>";
  if (total > 0) page << " of " << total;
  page << ", " << clock_text(seconds_trained(run)) << " trained";
  if (run.under_way && run.status && total > 0)
    page << ", about " << clock_text(run.status->seconds_left) << " left";
  if (run.status)
    page << " <span class=\"faint\">(" << run.status->updated << " UTC<span id=\"age\"></span>)</span>";
  page << "</p>\n";
  if (total > 0) {
    page << "<progress max=\"" << total << "\" value=\"" << std::min(run.step, total)
         << "\" aria-label=\"steps made\"></progress>\n";
  }
  for (const std::string& problem : run.pictures.problems)
    page << "<p class=\"bad\">" << escaped(problem) << "</p>\n";
}

// Values of metrics.csv that are no numbers, which the curves leave out.
std::size_t count_not_finite(const Run& run) {
  std::size_t count = 0;
  for (const MetricsColumn& column : run.columns)
    for (const double value : column.values) count += std::isfinite(value) ? 0 : 1;
  return count;
}

void write_scores(std::ostringstream& page, const Run& run) {
  const MetricsColumn* scores = find_column(run.columns, "psnr_restored");
  if (scores == nullptr || scores->values.empty()) return;
  const auto best = std::max_element(scores->values.begin(), scores->values.end());
  page << "<dt>held-out pairs</dt><dd>PSNR " << newest(run, "psnr_blurred", 2) << " → <b>"
       << newest(run, "psnr_restored", 2) << "</b> dB, SSIM " << newest(run, "ssim_blurred", 4) << " → <b>"
       << newest(run, "ssim_restored", 4) << "</b> at step " << scores->steps.back() << "; the best PSNR is "
       << number(*best, 2) << " dB at step "
       << scores->steps[static_cast<std::size_t>(best - scores->values.begin())] << "</dd>";
}

void write_facts(std::ostringstream& page, const Run& run) {
  page << "<dl>";
  write_scores(page, run);
  page << "<dt>speed</dt><dd>" << newest(run, "images_per_second", 2) << " images a second</dd>";
  const std::vector<CheckpointFile> checkpoints = list_checkpoints(run.folder.checkpoints());
  page << "<dt>newest checkpoint</dt><dd>"
       << (checkpoints.empty() ? "none yet" : escaped(checkpoints.back().path.filename().string()))
       << "</dd>";
  if (run.status) {
    page << "<dt>host</dt><dd>" << escaped(run.status->host) << "</dd><dt>device</dt><dd>"
         << escaped(run.status->device) << "</dd><dt>version</dt><dd>deblurgan "
         << escaped(run.status->version) << "</dd>";
  }
  if (fs::exists(run.folder.command())) {
    page << "<dt>command</dt><dd><code>" << escaped(read_text_file(run.folder.command())) << "</code></dd>";
  }
  page << "</dl>\n";
  if (const std::size_t count = count_not_finite(run); count > 0) {
    page << "<p class=\"bad\">" << count
         << " logged values are infinite or not a number; the curves leave them out.</p>\n";
  }
}

// ---- curves and pictures ----

void write_charts(std::ostringstream& page, const std::vector<Chart>& charts) {
  if (charts.empty()) return;
  page
      << "<h2>Curves</h2>\n<p><label>smoothing <input id=\"smoothing\" type=\"range\" min=\"0\" "
         "max=\"0.99\" step=\"0.01\" value=\"0.6\"></label> <span class=\"faint\">of losses and speed; pale: "
         "the values themselves, or their range where many share a point</span></p>\n"
         "<noscript><p>The curves need JavaScript; metrics.csv holds the numbers.</p></noscript>\n"
         "<div class=\"charts\">\n";
  for (const Chart& chart : charts) {
    page << "<figure class=\"chart\"><div class=\"title\"><b>" << escaped(chart.title)
         << "</b> <button class=\"log\" aria-pressed=\"false\">log</button></div><svg role=\"img\" "
            "aria-label=\""
         << escaped(chart.title) << "\"></svg><figcaption class=\"legend\"></figcaption></figure>\n";
  }
  page << "</div>\n";
}

// The score of `metric` at a step, "24.11 → 26.20".
std::string scores_at(const Run& run, const std::string& metric, std::int64_t step, int digits) {
  const auto at_step = [&](const std::string& kind) -> std::optional<double> {
    const MetricsColumn* column = find_column(run.columns, metric + "_" + kind);
    if (column == nullptr) return std::nullopt;
    const auto found = std::find(column->steps.begin(), column->steps.end(), step);
    if (found == column->steps.end()) return std::nullopt;
    return column->values[static_cast<std::size_t>(found - column->steps.begin())];
  };
  return number(at_step("blurred"), digits) + " → " + number(at_step("restored"), digits);
}

void write_pictures(std::ostringstream& page, const Run& run) {
  const ReportPictures& pictures = run.pictures;
  if (pictures.pairs.empty()) return;
  const std::size_t last = pictures.steps.size() - 1;
  page << "<h2>Held-out pictures</h2>\n<p><label>restored at step <input id=\"when\" type=\"range\" "
          "min=\"0\" max=\""
       << last << "\" value=\"" << last << "\"" << (last == 0 ? " disabled" : "") << "></label> ";
  for (std::size_t i = 0; i < pictures.steps.size(); ++i) {  // newest first, as the pictures
    const std::int64_t step = pictures.steps[i];
    page << "<span class=\"scores\"" << (i == 0 ? "" : " hidden") << "><b>" << step
         << "</b> <span class=\"faint\">mean of all pairs: PSNR " << scores_at(run, "psnr", step, 2)
         << " dB, SSIM " << scores_at(run, "ssim", step, 4) << "</span></span>";
  }
  // Small ones are enlarged, for there is nothing to be seen in 64 pixels; captions need some room of their own.
  const std::int64_t scale = std::max<std::int64_t>(1, 320 / pictures.pairs[0].width);
  page << "</p>\n<div class=\"cases\" style=\"--case:"
       << std::max<std::int64_t>(240, scale * pictures.pairs[0].width) << "px\">\n";
  for (std::size_t i = 0; i < pictures.pairs.size(); ++i) {
    const ReportPair& pair = pictures.pairs[i];
    const std::string name = "pair " + std::to_string(i + 1);
    page << "<figure>"
         << html::comparison(name, scale * pair.width, scale * pair.height, pair.blurred, pair.restored,
                             pair.sharp)
         << "\n<figcaption>" << name << " <span class=\"faint\">";
    if (pair.width < pictures.whole_side)
      page << "(the middle of " << pictures.whole_side << "×" << pictures.whole_side << " pixels) ";
    if (scale > 1) page << "(" << scale << " times enlarged) ";
    page << "blurred | </span>" << html::kRightSideChoice << "</figcaption></figure>\n";
  }
  page << "</div>\n";
}

// ---- configuration, networks, messages ----

// The options as the preset has them; empty for a preset that this version does not know.
Json preset_config(const Json& config) {
  const auto preset = config.find("preset");
  if (preset == config.end() || !preset->is_string()) return Json::object();
  for (const Preset& known : all_presets())
    if (known.name == preset->get<std::string>()) return Json::parse(to_json(train_options_for(known)));
  return Json::object();
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void write_configuration(std::ostringstream& page, const Run& run) {
  if (run.config.is_null()) return;
  const Json preset = preset_config(run.config);
  std::ostringstream same;
  page << "<h2>Configuration</h2>\n<dl class=\"options\">";
  for (const auto& [key, value] : run.config.items()) {
    const bool as_preset = preset.contains(key) && preset[key] == value && key != "preset";
    (as_preset ? same : page) << "<dt>" << escaped(key) << "</dt><dd>" << escaped(text_of(value)) << "</dd>";
  }
  page << "</dl>\n<details><summary>as the preset has them</summary><dl class=\"options\">" << same.str()
       << "</dl></details>\n";
  if (fs::exists(run.folder.networks())) {
    page << "<details><summary>networks</summary><pre class=\"scroll\">"
         << escaped(read_text_file(run.folder.networks())) << "</pre></details>\n";
  }
}

void write_notes(std::ostringstream& page, const Run& run) {
  if (!run.status || run.status->notes.empty()) return;
  page << "<h2>Messages</h2>\n<dl>";
  for (const RunNote& note : run.status->notes) {
    const bool bad = note.text.starts_with("warning") || note.text.starts_with("error");
    page << "<dt>" << escaped(note.time) << "</dt><dd" << (bad ? " class=\"bad\"" : "") << ">"
         << escaped(note.text) << "</dd>";
  }
  page << "</dl>\n";
}

// "runs/first" is "first", and so is "runs/first/".
std::string name_of_run(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace

std::string report_page(const fs::path& run_folder, bool under_way) {
  const Run run = look_at(run_folder, under_way);
  const std::string name = name_of_run(run_folder);
  std::ostringstream page;
  page.imbue(std::locale::classic());
  page << html::head("Training: " + name, kReportStyle) << "<h1>Training: " << escaped(name) << "</h1>\n";
  write_state(page, run);
  write_facts(page, run);
  const std::vector<Chart> charts = charts_of(run.columns);
  write_charts(page, charts);
  write_pictures(page, run);
  write_configuration(page, run);
  write_notes(page, run);
  page << "<script type=\"application/json\" id=\"run\">{\"under_way\":" << (under_way ? "true" : "false")
       << ",\"updated\":\"" << (run.status ? escaped(run.status->updated) : "")
       << "\",\"charts\":" << to_json(charts) << "}</script>\n<script>" << kPageScript << kReportScript
       << "</script>\n</body></html>\n";
  return page.str();
}

void write_report(const fs::path& run_folder, bool under_way) {
  write_text_file(RunFolder{run_folder}.report(), report_page(run_folder, under_way));
}

void write_report(const fs::path& run_folder) {
  check(fs::exists(RunFolder{run_folder}.config()), run_folder.string(),
        ": holds no run: there is no config.json");
  bool under_way = false;
  try {
    const FolderLock lock(run_folder);
  } catch (const Error&) {  // somebody holds it
    under_way = true;
  }
  write_report(run_folder, under_way);
}

}  // namespace dg
