// metrics.json, metrics.csv and report.html of an evaluation.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "models/evaluation_gallery.h"
#include "models/evaluation_summary.h"

namespace dg {

// What the figures depend on besides the protocol and the data: weights, device, precision, ... In order.
using EvaluationFacts = std::vector<std::pair<std::string, std::string>>;

// The summary: protocol, data, facts, means, seconds; no single images.
std::string evaluation_summary_json(const Evaluation& evaluation, const EvaluationFacts& facts);

// The summary, every sequence and every image. Values that are missing (a picture smaller than the window) are null,
// infinite ones the string "Infinity", which JavaScript's Number() and Python's float() read.
std::string evaluation_json(const Evaluation& evaluation, const EvaluationFacts& facts);

// One line per image; "inf" where PSNR is infinite, empty where a value is missing.
std::string evaluation_csv(const Evaluation& evaluation);

// One page without outside resources: means, seconds, histograms, cases with a before/after slider, the table of images.
std::string evaluation_page(const Evaluation& evaluation, const EvaluationFacts& facts,
                            const EvaluationGallery& gallery);

// All three into the folder, which is created. Each file appears whole or not at all. Throws Error where they cannot be
// written.
void write_evaluation(const std::filesystem::path& folder, const Evaluation& evaluation,
                      const EvaluationFacts& facts, const EvaluationGallery& gallery);

}  // namespace dg
