#include "apps/deblur_report.h"

#include <cmath>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "apps/common.h"
#include "kernels/host_memory.h"

namespace dg::apps {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity; float() of Python and Number() of JavaScript read this one.
Json number(double value) { return std::isinf(value) ? Json("Infinity") : Json(value); }

Json scores_json(double blurred, double restored) {
  return {{"blurred", number(blurred)}, {"restored", number(restored)}};
}

void add_scores(Json& to, const Comparison& scores) {
  to["psnr"] = scores_json(scores.blurred.psnr, scores.restored.psnr);
  if (scores.blurred.ssim && scores.restored.ssim)
    to["ssim"] = scores_json(*scores.blurred.ssim, *scores.restored.ssim);
}

void add_plan(Json& to, const RestorePlan& plan) {
  to["tile_rows"] = plan.tile_rows;
  to["estimated_peak_bytes"] = plan.peak_bytes;
}

Json picture_json(const PictureReport& p, bool dry_run) {
  Json json{{"input", p.input}};
  if (!p.failure.empty()) {
    json["error"] = p.failure;
    return json;
  }
  json["output"] = p.output;
  if (p.width > 0) {
    json["width"] = p.width;
    json["height"] = p.height;
    json["channels"] = p.channels;
    json["bit_depth"] = p.bit_depth;
  }
  if (p.plan) add_plan(json, *p.plan);
  if (dry_run) {
    if (p.plan) json["fits"] = p.plan->fits;
    return json;
  }
  json["seconds"] = {
      {"decode", p.decode_seconds}, {"restore", p.restore_seconds}, {"encode", p.encode_seconds}};
  json["batch"] = p.batch;
  json["peak_bytes"] = p.peak_bytes;
  if (p.scores) add_scores(json, *p.scores);
  if (!p.notes.empty()) json["notes"] = p.notes;
  return json;
}

Json run_json(const PipelineReport& run) {
  const auto stage = [](const StageTime& time) {
    return Json{{"busy", time.busy}, {"waiting", time.waiting}};
  };
  return {{"decode", stage(run.decode)}, {"restore", stage(run.restore)}, {"encode", stage(run.encode)}};
}

Json head_json(const DeblurArguments& a) {
  return {{"program", version_line(kDeblurProgram)},
          {"weights", a.weights.string()},
          {"device", a.device},
          {"precision", name_of(a.precision)},
          {"options",
           {{"tile", a.restorer.tile_rows},
            {"max_memory", a.restorer.max_memory},
            {"self_ensemble", a.restorer.self_ensemble},
            {"blend", a.restorer.blend},
            {"batch", a.batch}}}};
}

// A name may hold any bytes; JSON only takes UTF-8.
std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string stage_line(const char* name, const StageTime& time, std::int64_t frames) {
  return fmt::format("  {:<8}{:8.2f} frames/s   busy {:.2f} s, waiting {:.2f} s\n", name,
                     static_cast<double>(frames) / time.busy, time.busy, time.waiting);
}

}  // namespace

// ---- console ----

Console::Console(const DeblurArguments& arguments)
    : out_(STDOUT_FILENO, "standard output"),
      text_on_stdout_(!arguments.json && arguments.plan.output != kStandardStream),
      quiet_(arguments.quiet) {}

void Console::result(const std::string& line) {
  if (text_on_stdout_) {
    out_.write(line + "\n");
  } else {
    fmt::print(stderr, "{}\n", line);
  }
}

void Console::say(const std::string& line) {
  if (!quiet_) result(line);
}

void Console::document(const std::string& text) { out_.write(text); }

// ---- pictures ----

DeblurReport::DeblurReport(const DeblurArguments& arguments, Console& console, std::int64_t pictures)
    : arguments_(arguments), console_(console), planned_(pictures) {}

void DeblurReport::add(PictureReport picture) {
  pictures_.push_back(std::move(picture));
  const PictureReport& p = pictures_.back();
  const auto done = static_cast<std::int64_t>(pictures_.size());
  if (!p.failure.empty()) {
    tell(kDeblurProgram, p.failure);
    return;
  }
  ++restored_;
  if (p.scores) scores_.push_back(*p.scores);
  if (arguments_.quiet) return;
  for (const std::string& note : p.notes) tell(kDeblurProgram, "note: " + note);
  std::string line = fmt::format("[{}/{}] {} -> {}  {:.2f} s", done, planned_, p.input, p.output,
                                 p.decode_seconds + p.restore_seconds + p.encode_seconds);
  if (p.plan && p.plan->tile_rows > 0) line += fmt::format("  bands of {} rows", p.plan->tile_rows);
  if (p.scores) line += "  " + text_of(*p.scores);
  if (done < planned_) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    const auto left = static_cast<double>(planned_ - done) / static_cast<double>(done) * passed.count();
    line += fmt::format("  {} left", text_of_duration(left));
  }
  console_.say(line);
}

void DeblurReport::foretell(PictureReport picture) {
  pictures_.push_back(std::move(picture));
  const PictureReport& p = pictures_.back();
  if (!p.failure.empty()) {
    tell(kDeblurProgram, p.failure);
    return;
  }
  if (!p.plan || p.plan->fits) ++restored_;
  if (arguments_.json) return;
  std::string line = fmt::format("[{}/{}] {} -> {}", pictures_.size(), planned_, p.input, p.output);
  if (p.plan) line += fmt::format("  {}x{}  {}", p.width, p.height, text_of_plan(*p.plan));
  console_.result(line);
}

void DeblurReport::finish(const std::optional<PipelineReport>& run, const std::string& ended) {
  if (!scores_.empty() && ended.empty()) {
    console_.result(fmt::format("mean of {} pictures, blurred -> restored (psnr:rgb, ssim:gauss2d-valid): {}",
                                scores_.size(), text_of(mean_of(scores_))));
  }
  if (arguments_.json) console_.document(json(run, ended));
}

std::string DeblurReport::json(const std::optional<PipelineReport>& run, const std::string& ended) const {
  Json json = head_json(arguments_);
  json["network"] = network;
  json["dry_run"] = arguments_.dry_run;
  json["pictures"] = Json::array();
  for (const PictureReport& picture : pictures_)
    json["pictures"].push_back(picture_json(picture, arguments_.dry_run));
  Json summary{{"pictures", planned_},
               {"restored", arguments_.dry_run ? 0 : restored_},
               {"failed", failed()},
               {"complete", ended.empty()}};
  if (!ended.empty()) summary["ended"] = ended;
  if (run) {
    summary["seconds"] = run->seconds;
    summary["stages"] = run_json(*run);
  }
  summary["peak_bytes"] = peak_resident_memory();
  if (!scores_.empty()) add_scores(summary, mean_of(scores_));
  json["summary"] = std::move(summary);
  return dumped(json);
}

// ---- films ----

std::string text_of(const FilmReport& film) {
  const PipelineReport& run = film.run;
  if (run.restored == 0) return "no frames";
  return fmt::format("{} frames of {}x{} in {:.2f} s, {:.2f} frames/s; {}\n", run.restored, film.width,
                     film.height, run.seconds, static_cast<double>(run.restored) / run.seconds,
                     text_of_plan(film.plan)) +
         stage_line("decode", run.decode, run.restored) + stage_line("restore", run.restore, run.restored) +
         stage_line("encode", run.encode, run.restored);
}

std::string json_of(const FilmReport& film, const DeblurArguments& arguments) {
  Json json = head_json(arguments);
  json["dry_run"] = arguments.dry_run;
  Json video{{"input", film.input}, {"output", film.output}, {"width", film.width}, {"height", film.height}};
  add_plan(video, film.plan);
  if (!arguments.dry_run) {
    video["frames"] = film.run.restored;
    video["seconds"] = film.run.seconds;
    video["stages"] = run_json(film.run);
  }
  video["peak_bytes"] = peak_resident_memory();
  json["video"] = std::move(video);
  return dumped(json);
}

// ---- words ----

std::string text_of_bytes(std::int64_t bytes) {
  constexpr double kMebi = 1024.0 * 1024.0;
  const double mebi = static_cast<double>(bytes) / kMebi;
  return mebi < 1000.0 ? fmt::format("{:.0f} MiB", mebi) : fmt::format("{:.1f} GiB", mebi / 1024.0);
}

std::string text_of_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string text_of_plan(const RestorePlan& plan) {
  const std::string way =
      plan.tile_rows > 0 ? fmt::format("bands of {} rows", plan.tile_rows) : std::string("whole");
  return fmt::format("{}, about {}{}", way, text_of_bytes(plan.peak_bytes),
                     plan.fits ? "" : ", more than there is");
}

}  // namespace dg::apps
