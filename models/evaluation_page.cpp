// The page is complete without its script, which only moves the sliders and sorts the table.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>

#include "models/detail/evaluation_histogram.h"
#include "models/detail/evaluation_page_assets.h"
#include "models/detail/html.h"
#include "models/detail/page_assets.h"
#include "models/evaluation_files.h"

namespace dg {
namespace {

using html::escaped;
using html::number;

// ---- head ----

void write_facts(std::ostringstream& page, const Evaluation& evaluation, const EvaluationFacts& facts) {
  const EvaluationProtocol& protocol = evaluation.protocol;
  page << "<dl><dt>data</dt><dd>" << escaped(evaluation.data) << "</dd><dt>protocol</dt><dd>"
       << escaped(protocol.name) << ": " << escaped(protocol.summary);
  if (protocol.width > 0) page << ", filter " << name_of(protocol.filter);
  page << "</dd>";
  for (const auto& [name, value] : facts)
    page << "<dt>" << escaped(name) << "</dt><dd>" << escaped(value) << "</dd>";
  page << "</dl>\n";
  if (!evaluation.finished()) {
    page << "<p class=\"bad\">Stopped after " << evaluation.images.size() + evaluation.failures.size()
         << " of " << evaluation.requested << " images.</p>\n";
  }
  for (const std::string& failure : evaluation.failures)
    page << "<p class=\"bad\">" << escaped(failure) << "</p>\n";
}

// ---- tables of means ----

void write_score_cells(std::ostringstream& page, const std::vector<MeanScore>& means,
                       const std::vector<std::string>& metrics) {
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    page << "<td>" << number(means[m].blurred, score_digits(metrics[m])) << " → "
         << number(means[m].restored, score_digits(metrics[m])) << "</td>";
  }
}

void write_means(std::ostringstream& page, const Evaluation& evaluation) {
  const std::vector<std::string>& metrics = evaluation.protocol.metrics;
  const std::vector<MeanScore> means = mean_scores(evaluation);
  page << "<h2>Mean of the images</h2>\n<table><thead><tr><th>metric</th><th>blurred</th><th>restored</th>"
          "<th>gain</th><th>images</th></tr></thead><tbody>\n";
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    const int digits = score_digits(metrics[m]);
    page << "<tr><td>" << escaped(metrics[m]) << "</td><td>" << number(means[m].blurred, digits)
         << "</td><td><b>" << number(means[m].restored, digits) << "</b></td><td>"
         << number(gain({means[m].blurred, means[m].restored}), digits) << "</td><td>" << means[m].images
         << "</td></tr>\n";
  }
  page << "</tbody></table>\n";
}

void write_seconds(std::ostringstream& page, const Evaluation& evaluation) {
  const SecondsSpread seconds = seconds_spread(evaluation);
  page << "<h2>Seconds per "
          "image</h2>\n<table><thead><tr><th>stage</th><th>median</th><th>quartiles</th><th>range</th>"
          "<th>images</th></tr></thead><tbody>\n";
  for (const auto& [name, spread] :
       {std::pair{"decode (both pictures)", &seconds.decode}, std::pair{"restore", &seconds.restore},
        std::pair{"encode (PNG)", &seconds.encode}}) {
    if (!*spread) continue;
    const Spread& s = **spread;
    page << "<tr><td>" << name << "</td><td>" << number(s.median, 4) << "</td><td>"
         << number(s.first_quartile, 4) << " … " << number(s.third_quartile, 4) << "</td><td>"
         << number(s.minimum, 4) << " … " << number(s.maximum, 4) << "</td><td>" << s.count << "</td></tr>\n";
  }
  page << "</tbody></table>\n";
}

void write_sequences(std::ostringstream& page, const Evaluation& evaluation) {
  const std::vector<SequenceScores> sequences = sequence_scores(evaluation);
  if (sequences.size() < 2) return;
  page << "<h2>Sequences</h2>\n<div class=\"scroll\"><table><thead><tr><th>sequence</th><th>images</th>";
  for (const std::string& metric : evaluation.protocol.metrics) page << "<th>" << escaped(metric) << "</th>";
  page << "</tr></thead><tbody>\n";
  for (const SequenceScores& sequence : sequences) {
    page << "<tr><td>" << (sequence.name.empty() ? "(none)" : escaped(sequence.name)) << "</td><td>"
         << sequence.images << "</td>";
    write_score_cells(page, sequence.scores, evaluation.protocol.metrics);
    page << "</tr>\n";
  }
  page << "</tbody></table></div>\n";
}

// ---- pictures ----

void write_case(std::ostringstream& page, const Evaluation& evaluation, const GalleryCase& shown) {
  const EvaluatedImage& image = evaluation.images[shown.index];
  const std::string name = escaped(image.name);
  page << "<figure>"
       << html::comparison(image.name, shown.width, shown.height, shown.blurred, {&shown.restored, 1},
                           shown.sharp)
       << "\n<figcaption>" << name << "<br>";
  for (std::size_t m = 0; m < image.scores.size(); ++m) {
    const std::string& metric = evaluation.protocol.metrics[m];
    page << (m == 0 ? "<b>" : ", ") << escaped(metric) << " "
         << number(image.scores[m].blurred, score_digits(metric)) << " → "
         << number(image.scores[m].restored, score_digits(metric)) << (m == 0 ? "</b>" : "");
  }
  page << "<br><span class=\"faint\">";
  if (shown.width < image.width || shown.height < image.height) {
    page << shown.width << "×" << shown.height << " pixels at " << shown.x << ", " << shown.y << " of "
         << image.width << "×" << image.height << ", ";
  }
  page << "blurred | </span>" << html::kRightSideChoice << "</figcaption></figure>\n";
}

void write_cases(std::ostringstream& page, const Evaluation& evaluation, const std::string& title,
                 const std::vector<const GalleryCase*>& cases) {
  if (cases.empty()) return;
  // Columns as wide as the pictures, which are never enlarged; captions need some room of their own.
  std::int64_t width = 240;
  for (const GalleryCase* shown : cases) width = std::max(width, shown->width);
  page << "<h2>" << title << "</h2>\n<div class=\"cases\" style=\"--case:" << width << "px\">\n";
  for (const GalleryCase* shown : cases) write_case(page, evaluation, *shown);
  page << "</div>\n";
}

void write_histograms(std::ostringstream& page, const Evaluation& evaluation) {
  page << "<h2>Histograms</h2>\n<p><span class=\"key of-blurred\">blurred</span> &nbsp; "
          "<span class=\"key of-restored\">restored</span></p>\n<div class=\"histograms\">\n"
       << gain_histogram(evaluation, 0);
  for (std::size_t m = 0; m < evaluation.protocol.metrics.size(); ++m) page << score_histogram(evaluation, m);
  page << "</div>\n";
}

// ---- all images ----

// For sorting: the number in full.
std::string value_attribute(std::optional<double> value) {
  if (!value) return " data-value=\"\"";
  if (std::isinf(*value)) return *value > 0 ? " data-value=\"Infinity\"" : " data-value=\"-Infinity\"";
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, *value);
  return " data-value=\"" + std::string(text, result.ptr) + "\"";
}

void write_images(std::ostringstream& page, const Evaluation& evaluation, const EvaluationGallery& gallery) {
  const std::vector<std::string>& metrics = evaluation.protocol.metrics;
  page << "<h2>Images</h2>\n<p class=\"faint\">blurred → restored; a click on a heading sorts by the "
          "restored value. "
          "Thumbnails: blurred, restored, sharp.</p>\n<div class=\"scroll\"><table id=\"images\"><thead><tr>"
          "<th data-kind=\"text\"><button>name</button></th><th></th>"
       << "<th><button>gain, " << escaped(metrics[0]) << "</button></th>";
  for (const std::string& metric : metrics) page << "<th><button>" << escaped(metric) << "</button></th>";
  page << "<th><button>seconds</button></th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < evaluation.images.size(); ++i) {
    const EvaluatedImage& image = evaluation.images[i];
    const std::string name = escaped(image.name);
    const std::optional<double> gained = gain(image.scores[0]);
    page << "<tr><td data-value=\"" << name << "\">" << name << "</td><td>";
    if (const Jpeg& thumbnail = gallery.thumbnail(i); !thumbnail.empty())
      page << "<img alt=\"\" src=\"" << html::jpeg_uri(thumbnail) << "\">";
    page << "</td><td" << value_attribute(gained) << ">" << number(gained, score_digits(metrics[0]))
         << "</td>";
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      page << "<td" << value_attribute(image.scores[m].restored) << ">"
           << number(image.scores[m].blurred, score_digits(metrics[m])) << " → "
           << number(image.scores[m].restored, score_digits(metrics[m])) << "</td>";
    }
    page << "<td" << value_attribute(image.seconds.restore) << ">" << number(image.seconds.restore, 3)
         << "</td></tr>\n";
  }
  page << "</tbody></table></div>\n";
}

}  // namespace

std::string evaluation_page(const Evaluation& evaluation, const EvaluationFacts& facts,
                            const EvaluationGallery& gallery) {
  std::ostringstream page;
  page.imbue(std::locale::classic());
  page << html::head("Deblurring, measured", kEvaluationPageStyle) << "<h1>Deblurring, measured</h1>\n";
  write_facts(page, evaluation, facts);
  if (!evaluation.images.empty()) {
    write_means(page, evaluation);
    write_seconds(page, evaluation);
    write_sequences(page, evaluation);
    const std::string metric = escaped(evaluation.protocol.metrics[0]);
    write_cases(page, evaluation, "Gained most in " + metric, gallery.best());
    write_cases(page, evaluation, "Gained least, or lost", gallery.worst());
    write_histograms(page, evaluation);
    write_images(page, evaluation, gallery);
  }
  page << "<script>" << kPageScript << kEvaluationPageScript << "</script>\n</body></html>\n";
  return page.str();
}

}  // namespace dg
