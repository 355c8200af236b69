// From scores to means, files and the page.
#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "models/detail/html.h"
#include "models/evaluation_files.h"
#include "tests/data/temp_folder.h"
#include "tests/models/evaluation_fixture.h"

using namespace dg;
using Catch::Contains;
using dg::test::formula_pair;
using dg::test::scored;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Three images of two sequences; b is too small for SSIM, c is restored perfectly.
Evaluation three_images() {
  Evaluation evaluation;
  evaluation.protocol = test::with_metrics({"psnr:rgb", "ssim:uniform7"}).protocol;
  evaluation.data = "fixed pairs";
  evaluation.requested = 3;
  evaluation.images = {scored("x/a", {{20.0, 22.0}, {0.5, 0.75}}), scored("x/b", {{30.0, 27.0}, {}}),
                       scored("y/<c>, \"d\"", {{25.0, kInfinity}, {0.25, 1.0}})};
  for (std::size_t i = 0; i < 3; ++i)
    evaluation.images[i].seconds = {0.5, static_cast<double>(i + 1), std::nullopt};
  return evaluation;
}

MeasuredPair measured(const std::string& name, double gained) {
  const Sample sample = formula_pair(name);
  MeasuredPair pair;
  pair.image = scored(name, {{20.0, 20.0 + gained}});
  pair.blurred = sample.blurred;
  pair.restored = sample.blurred;
  pair.sharp = sample.sharp;
  return pair;
}

std::vector<double> gains(const std::vector<const GalleryCase*>& cases) {
  std::vector<double> values;
  for (const GalleryCase* one : cases) values.push_back(one->gain);
  return values;
}

}  // namespace

TEST_CASE("evaluation report: means are over the images that have a value") {
  const std::vector<MeanScore> means = mean_scores(three_images());
  CHECK(means[0].images == 3);
  CHECK(*means[0].blurred == Approx(25.0));
  CHECK(means[0].restored == kInfinity);
  CHECK(means[1].images == 2);
  CHECK(*means[1].blurred == Approx(0.375));
  CHECK(*means[1].restored == Approx(0.875));
}

TEST_CASE("evaluation report: each sequence has its own means") {
  const std::vector<SequenceScores> sequences = sequence_scores(three_images());
  REQUIRE(sequences.size() == 2);
  CHECK(sequences[0].name == "x");
  CHECK(sequences[0].images == 2);
  CHECK(*sequences[0].scores[0].restored == Approx(24.5));
  CHECK(sequences[1].name == "y");
  CHECK(*sequences[1].scores[1].restored == Approx(1.0));
}

TEST_CASE("evaluation report: quartiles are interpolated") {
  const auto spread = spread_of({4.0, 1.0, 3.0, 2.0});
  REQUIRE(spread);
  CHECK(spread->median == 2.5);
  CHECK(spread->first_quartile == 1.75);
  CHECK(spread->third_quartile == 3.25);
  CHECK(spread->minimum == 1.0);
  CHECK(spread->maximum == 4.0);
  CHECK(spread_of({7.0})->median == 7.0);
  CHECK_FALSE(spread_of({}));
  const SecondsSpread seconds = seconds_spread(three_images());
  CHECK(seconds.restore->median == 2.0);
  CHECK_FALSE(seconds.encode);
}

TEST_CASE("evaluation report: the gain of two perfect pictures is 0, not a NaN") {
  CHECK(gain({kInfinity, kInfinity}) == 0.0);
  CHECK(gain({20.0, kInfinity}) == kInfinity);
  CHECK_FALSE(gain({20.0, std::nullopt}));
}

TEST_CASE("evaluation report: JSON holds everything, infinity as a string and missing values as null") {
  const auto json = nlohmann::json::parse(evaluation_json(three_images(), {{"device", "cpu"}}));
  CHECK(json["complete"] == true);
  CHECK(json["facts"]["device"] == "cpu");
  CHECK(json["protocol"]["metrics"] == nlohmann::json({"psnr:rgb", "ssim:uniform7"}));
  CHECK(json["mean"]["psnr:rgb"]["restored"] == "Infinity");
  CHECK(json["mean"]["psnr:rgb"]["blurred"] == 25.0);
  CHECK(json["mean"]["ssim:uniform7"]["images"] == 2);
  CHECK(json["sequences"].size() == 2);
  CHECK(json["images"][1]["scores"]["ssim:uniform7"]["restored"].is_null());
  CHECK(json["images"][2]["name"] == "y/<c>, \"d\"");
  CHECK(json["seconds_per_image"]["restore"]["median"] == 2.0);
  CHECK(json["seconds_per_image"]["encode"].is_null());
  const auto summary = nlohmann::json::parse(evaluation_summary_json(three_images(), {}));
  CHECK(summary["mean"] == json["mean"]);
  CHECK_FALSE(summary.contains("images"));
}

TEST_CASE("evaluation report: names that are no UTF-8 do not stop the report") {
  Evaluation evaluation = three_images();
  evaluation.images[0].name = "caf\xe9";
  CHECK_NOTHROW(nlohmann::json::parse(evaluation_json(evaluation, {})));
}

TEST_CASE("evaluation report: CSV has one line per image") {
  CHECK(evaluation_csv(three_images()) ==
        "name,sequence,width,height,psnr:rgb blurred,psnr:rgb restored,ssim:uniform7 blurred,ssim:uniform7 "
        "restored,"
        "decode seconds,restore seconds,encode seconds\n"
        "x/a,x,40,30,20,22,0.5,0.75,0.5,1,\n"
        "x/b,x,40,30,30,27,,,0.5,2,\n"
        "\"y/<c>, \"\"d\"\"\",y,40,30,25,inf,0.25,1,0.5,3,\n");
}

TEST_CASE("evaluation report: a stopped evaluation says so") {
  Evaluation evaluation = three_images();
  evaluation.requested = 9;
  evaluation.failures = {"pair 'z': <gone>"};
  CHECK_FALSE(evaluation.finished());
  const auto json = nlohmann::json::parse(evaluation_json(evaluation, {}));
  CHECK(json["complete"] == false);
  CHECK(json["images_requested"] == 9);
  CHECK(json["failures"][0] == "pair 'z': <gone>");
  const std::string page = evaluation_page(evaluation, {}, EvaluationGallery());
  CHECK_THAT(page, Contains("Stopped after 4 of 9 images") && Contains("pair 'z': &lt;gone&gt;"));
}

TEST_CASE("evaluation report: the page is self-contained and shows what the scores are") {
  EvaluationGallery gallery;
  gallery.add(measured("x/a", 2.0));
  gallery.add(measured("x/b", -3.0));
  gallery.add(measured("y/<c>", kInfinity));
  const std::string page = evaluation_page(three_images(), {{"weights", "a&b"}}, gallery);
  CHECK_THAT(page,
             Contains("a&amp;b") && Contains("∞") && Contains("y/&lt;c&gt;") && Contains("type=\"range\""));
  CHECK_THAT(page,
             Contains("data-value=\"Infinity\"") && Contains("<svg") && Contains("(1 infinite, not shown)"));
  for (const char* outside : {"http:", "https:", "src=\"/", "@import", "url("})
    CHECK_THAT(page, !Contains(outside));
  CHECK_THAT(page, !Contains("<c>"));
}

TEST_CASE("evaluation report: a page without any image is a page") {
  Evaluation evaluation = three_images();
  evaluation.images.clear();
  CHECK_THAT(evaluation_page(evaluation, {}, EvaluationGallery()),
             Contains("</html>") && Contains("Stopped after 0 of 3"));
  CHECK(evaluation_csv(evaluation).starts_with("name,"));
  CHECK(nlohmann::json::parse(evaluation_json(evaluation, {}))["mean"]["psnr:rgb"]["blurred"].is_null());
}

TEST_CASE("evaluation report: three whole files, and an error where the folder cannot be") {
  const test::TempFolder folder;
  write_evaluation(folder / "new/deep", three_images(), {}, EvaluationGallery());
  for (const char* name : {"metrics.json", "metrics.csv", "report.html"}) {
    CAPTURE(name);
    CHECK(std::filesystem::file_size(folder / "new/deep" / name) > 0);
  }
  test::write_text(folder / "file", "");
  CHECK_THROWS_WITH(write_evaluation(folder / "file", three_images(), {}, EvaluationGallery()),
                    Contains("file"));
}

TEST_CASE("evaluation gallery: the ends of the order by gain are kept, none twice") {
  EvaluationGallery gallery({.cases = 2});
  gallery.add(measured("0", 1.0));
  CHECK(gains(gallery.best()) == std::vector<double>{1.0});
  CHECK(gallery.worst().empty());
  for (const double gained : {5.0, -2.0, 3.0, kInfinity, 0.0, -1.0, 2.0}) gallery.add(measured("n", gained));
  CHECK(gains(gallery.best()) == std::vector<double>{kInfinity, 5.0});
  CHECK(gains(gallery.worst()) == std::vector<double>{-2.0, -1.0});
  CHECK(gallery.best()[1]->index == 1);
}

TEST_CASE("evaluation gallery: a case shows the window that blur has changed most") {
  MeasuredPair pair = measured("a", 1.0);
  pair.blurred = pair.sharp;
  for (std::int64_t y = 22; y < 28; ++y)
    for (std::int64_t x = 30; x < 38; ++x) pair.blurred.at(y, x, 1) = 0.0F;
  EvaluationGallery gallery({.cases = 1, .case_width = 16, .case_height = 12});
  gallery.add(pair);
  const GalleryCase& shown = *gallery.best().front();
  CHECK(shown.width == 16);
  CHECK(shown.height == 12);
  CHECK(shown.x == 24);
  CHECK(shown.y == 18);
}

TEST_CASE("evaluation gallery: thumbnails up to the limit, cases only where wanted") {
  EvaluationGallery gallery({.cases = 0, .thumbnails = 2});
  for (const char* name : {"a", "b", "c"}) gallery.add(measured(name, 1.0));
  CHECK_FALSE(gallery.thumbnail(0).empty());
  CHECK_FALSE(gallery.thumbnail(1).empty());
  CHECK(gallery.thumbnail(2).empty());
  CHECK(gallery.best().empty());
}

TEST_CASE("html: base64 as in RFC 4648, section 10") {
  const auto encode = [](std::string_view text) {
    return html::base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(encode("") == "");
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foobar") == "Zm9vYmFy");
  CHECK(encode("\xff\xfe\xfd") == "//79");
}

TEST_CASE("html: text cannot become markup, numbers have fixed digits") {
  CHECK(html::escaped("<a href=\"x\">&") == "&lt;a href=&quot;x&quot;&gt;&amp;");
  CHECK(html::number(1.005, 1) == "1.0");
  CHECK(html::number(-2.25, 2) == "-2.25");
  CHECK(html::number(std::nullopt, 2) == "–");
  CHECK(html::number(kInfinity, 2) == "∞");
  CHECK(html::number(-kInfinity, 2) == "−∞");
}
