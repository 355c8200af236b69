#include "models/evaluation_files.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>

#include "data/atomic_file.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json number(std::optional<double> value) {
  if (!value) return nullptr;
  if (std::isinf(*value)) return *value > 0 ? "Infinity" : "-Infinity";
  return *value;
}

Json pair_json(const PairScore& score) {
  return {{"blurred", number(score.blurred)}, {"restored", number(score.restored)}};
}

Json means_json(const std::vector<MeanScore>& means, const std::vector<std::string>& metrics) {
  Json json = Json::object();
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    json[metrics[m]] = pair_json({means[m].blurred, means[m].restored});
    json[metrics[m]]["images"] = means[m].images;
  }
  return json;
}

Json spread_json(const std::optional<Spread>& spread) {
  if (!spread) return nullptr;
  return {{"median", spread->median},
          {"first_quartile", spread->first_quartile},
          {"third_quartile", spread->third_quartile},
          {"minimum", spread->minimum},
          {"maximum", spread->maximum},
          {"images", spread->count}};
}

Json protocol_json(const EvaluationProtocol& protocol) {
  Json json = {{"name", protocol.name}, {"summary", protocol.summary}, {"metrics", protocol.metrics}};
  json["rounding_to_8_bits"] = protocol.truncate ? "cut off" : "nearest";
  if (protocol.width > 0) {
    json["resized_to"] = {protocol.width, protocol.height};
    json["resize_filter"] = std::string("Pillow ") + name_of(protocol.filter);
  }
  return json;
}

Json summary_json(const Evaluation& evaluation, const EvaluationFacts& facts) {
  const SecondsSpread seconds = seconds_spread(evaluation);
  Json json = {{"format", "deblurgan-eval"}, {"version", 1}, {"data", evaluation.data}};
  for (const auto& [name, value] : facts) json["facts"][name] = value;
  json["protocol"] = protocol_json(evaluation.protocol);
  json["complete"] = evaluation.finished() && evaluation.failures.empty();
  json["images_requested"] = evaluation.requested;
  json["images_measured"] = evaluation.images.size();
  json["failures"] = evaluation.failures;
  json["mean"] = means_json(mean_scores(evaluation), evaluation.protocol.metrics);
  json["seconds_per_image"] = {{"decode", spread_json(seconds.decode)},
                               {"restore", spread_json(seconds.restore)},
                               {"encode", spread_json(seconds.encode)}};
  return json;
}

Json image_json(const EvaluatedImage& image, const std::vector<std::string>& metrics) {
  Json json = {
      {"name", image.name}, {"sequence", image.sequence}, {"width", image.width}, {"height", image.height}};
  for (std::size_t m = 0; m < metrics.size(); ++m) json["scores"][metrics[m]] = pair_json(image.scores[m]);
  json["seconds"] = {{"decode", image.seconds.decode},
                     {"restore", number(image.seconds.restore)},
                     {"encode", number(image.seconds.encode)}};
  return json;
}

// File names are bytes: those that are no UTF-8 get U+FFFD instead of an exception.
std::string dump(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// The shortest text that reads back as the same number; "inf"; nothing.
std::string csv_number(std::optional<double> value) {
  if (!value) return {};
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, *value);
  return {text, result.ptr};
}

// RFC 4180.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

void write_text(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace

std::string evaluation_summary_json(const Evaluation& evaluation, const EvaluationFacts& facts) {
  return dump(summary_json(evaluation, facts));
}

std::string evaluation_json(const Evaluation& evaluation, const EvaluationFacts& facts) {
  const std::vector<std::string>& metrics = evaluation.protocol.metrics;
  Json json = summary_json(evaluation, facts);
  json["sequences"] = Json::array();
  for (const SequenceScores& sequence : sequence_scores(evaluation)) {
    json["sequences"].push_back({{"name", sequence.name},
                                 {"images", sequence.images},
                                 {"mean", means_json(sequence.scores, metrics)}});
  }
  json["images"] = Json::array();
  for (const EvaluatedImage& image : evaluation.images) json["images"].push_back(image_json(image, metrics));
  return dump(json);
}

std::string evaluation_csv(const Evaluation& evaluation) {
  std::string csv = "name,sequence,width,height";
  for (const std::string& metric : evaluation.protocol.metrics)
    csv.append(",").append(metric).append(" blurred,").append(metric).append(" restored");
  csv += ",decode seconds,restore seconds,encode seconds\n";
  const auto add_number = [&](std::optional<double> value) { csv.append(",").append(csv_number(value)); };
  for (const EvaluatedImage& image : evaluation.images) {
    csv.append(csv_text(image.name)).append(",").append(csv_text(image.sequence));
    csv.append(",").append(std::to_string(image.width)).append(",").append(std::to_string(image.height));
    for (const PairScore& score : image.scores) {
      add_number(score.blurred);
      add_number(score.restored);
    }
    add_number(image.seconds.decode);
    add_number(image.seconds.restore);
    add_number(image.seconds.encode);
    csv += "\n";
  }
  return csv;
}

void write_evaluation(const fs::path& folder, const Evaluation& evaluation, const EvaluationFacts& facts,
                      const EvaluationGallery& gallery) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message(), "; choose another folder");
  write_text(folder / "metrics.json", evaluation_json(evaluation, facts));
  write_text(folder / "metrics.csv", evaluation_csv(evaluation));
  write_text(folder / "report.html", evaluation_page(evaluation, facts, gallery));
}

}  // namespace dg
