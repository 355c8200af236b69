// One pair at a time: protocols, sizes, rounding, and where restored pictures come from.
#include "models/evaluation.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "data/image_io.h"
#include "data/metrics.h"
#include "tests/data/temp_folder.h"
#include "tests/models/evaluation_fixture.h"
#include "tests/models/tiny_network.h"

using namespace dg;
using dg::test::FixedPairs;
using dg::test::formula_pair;
using dg::test::TempFolder;
using dg::test::with_metrics;

namespace {

MeasuredPair measure_one(const Sample& sample, const Restoration& restoration,
                         const EvaluationOptions& options) {
  const FixedPairs source({sample});
  return Evaluator(source, restoration, options).measure(0);
}

Restoration always(const FloatImage& image, bool computed = true) {
  return {[image](const Sample&) { return image; }, computed};
}

EvaluationOptions keras_256() {
  EvaluationOptions options;
  options.protocol = find_protocol("keras-256");
  return options;
}

FloatImage squeezed(const FloatImage& image, PillowFilter filter) {
  return to_float(resize_as_pillow(to_integer(image), 256, 256, filter));
}

}  // namespace

TEST_CASE("evaluation: every metric of every protocol is one that can be computed") {
  for (const std::string& name : protocol_names()) {
    CAPTURE(name);
    const EvaluationProtocol protocol = find_protocol(name);
    CHECK(protocol.name == name);
    CHECK_FALSE(protocol.summary.empty());
    CHECK_FALSE(protocol.metrics.empty());
    for (const std::string& metric : protocol.metrics) CHECK(metric_minimum_side(metric) >= 1);
  }
  CHECK(find_protocol("full").metrics == metric_names());
  CHECK_THROWS_WITH(find_protocol("set5"), Catch::Contains("'set5'") && Catch::Contains("gopro"));
}

TEST_CASE("evaluation: scores are those of the metrics, before and after", "[threads]") {
  const Sample sample = formula_pair("a", 180, 177);
  FloatImage better = sample.sharp;
  better.at(3, 4, 1) += 0.25F;
  const bool parallel = GENERATE(false, true);
  EvaluationOptions options = with_metrics(metric_names());
  options.score_in_parallel = parallel;
  const MeasuredPair pair = measure_one(sample, always(better), options);
  REQUIRE(pair.image.scores.size() == metric_names().size());
  for (std::size_t m = 0; m < metric_names().size(); ++m) {
    CAPTURE(metric_names()[m]);
    CHECK(pair.image.scores[m].blurred == metric(metric_names()[m], sample.blurred, sample.sharp));
    CHECK(pair.image.scores[m].restored == metric(metric_names()[m], quantize8(better), sample.sharp));
  }
  CHECK(pair.image.name == "a");
  CHECK(pair.image.width == 180);
  CHECK(pair.image.height == 177);
}

TEST_CASE("evaluation: a picture below a metric's window has no score of it") {
  const MeasuredPair pair = measure_one(formula_pair("a", 9, 20), test::identity(),
                                        with_metrics({"psnr:rgb", "ssim:uniform7", "ssim:gauss2d-valid"}));
  CHECK(pair.image.scores[0].restored.has_value());
  CHECK(pair.image.scores[1].blurred.has_value());
  CHECK_FALSE(pair.image.scores[2].blurred.has_value());
  CHECK_FALSE(pair.image.scores[2].restored.has_value());
}

TEST_CASE("evaluation: a perfect picture has infinite PSNR") {
  const Sample sample = formula_pair("a");
  const MeasuredPair pair = measure_one(sample, always(sample.sharp), with_metrics({"psnr:rgb"}));
  CHECK(pair.image.scores[0].restored == std::numeric_limits<double>::infinity());
}

TEST_CASE("evaluation: results are rounded to 8 bits, and cut off by keras-256") {
  const FloatImage grey = to_float(Image{256, 256, 3, 8, std::vector<std::uint16_t>(256 * 256 * 3, 100)});
  FloatImage restored = grey;
  for (float& value : restored.pixels) value = 99.7F / 255.0F;
  const Sample sample{grey, grey, "a"};
  CHECK(measure_one(sample, always(restored), with_metrics({"psnr:rgb"})).restored.pixels == grey.pixels);
  const MeasuredPair pair = measure_one(sample, always(restored), keras_256());
  CHECK(pair.restored.at(0, 0, 0) == 99.0F / 255.0F);
  CHECK(*pair.image.scores[0].restored == Approx(20.0 * std::log10(255.0)).epsilon(1e-6));
}

TEST_CASE("evaluation: keras-256 squeezes both pictures before the network sees them") {
  const Sample sample = formula_pair("a", 300, 270);
  for (const PillowFilter filter : {PillowFilter::bicubic, PillowFilter::nearest}) {
    EvaluationOptions options = keras_256();
    options.protocol.filter = filter;
    const MeasuredPair pair = measure_one(sample, test::identity(), options);
    CHECK(pair.image.width == 256);
    CHECK(pair.sharp.pixels == squeezed(sample.sharp, filter).pixels);
    CHECK(pair.image.scores[0].blurred ==
          psnr(squeezed(sample.blurred, filter), squeezed(sample.sharp, filter)));
    CHECK(pair.image.scores[0].restored == pair.image.scores[0].blurred);
  }
  // A picture that was restored in its own size is squeezed like the others.
  CHECK(measure_one(sample, always(sample.blurred, false), keras_256()).restored.pixels ==
        squeezed(sample.blurred, PillowFilter::bicubic).pixels);
}

TEST_CASE("evaluation: a restored picture of another size is refused by name and size") {
  CHECK_THROWS_WITH(
      measure_one(formula_pair("street/7"), always(FloatImage(40, 31, 3)), with_metrics({"psnr:rgb"})),
      Catch::Contains("'street/7'") && Catch::Contains("40x31") && Catch::Contains("40x30"));
}

TEST_CASE("evaluation: seconds and the PNG are those of pictures that were computed") {
  const MeasuredPair computed = measure_one(formula_pair("a"), test::identity(), with_metrics({"psnr:rgb"}));
  CHECK(computed.image.seconds.restore.has_value());
  CHECK(computed.image.seconds.encode.has_value());
  CHECK(to_float(decode_image(computed.png, "png")).pixels == computed.restored.pixels);
  const MeasuredPair read =
      measure_one(formula_pair("a"), always(formula_pair("a").blurred, false), with_metrics({"psnr:rgb"}));
  CHECK_FALSE(read.image.seconds.restore.has_value());
  CHECK_FALSE(read.image.seconds.encode.has_value());
  CHECK(read.png.empty());
}

TEST_CASE("evaluation: a network that changes nothing scores as the blurred picture") {
  Context context({.threads = 1});
  const auto network = make_generator(context, test::tiny_generator());
  for (NamedTensor& entry : network->state()) entry.tensor.fill_(0.0);
  Restorer restorer(*network, {});
  const MeasuredPair pair =
      measure_one(formula_pair("a"), restored_by(restorer), with_metrics({"ssim:matlab3d"}));
  CHECK(pair.image.scores[0].restored == pair.image.scores[0].blurred);
}

TEST_CASE("evaluation: restored pictures are found by name, also in GOPRO_Large's folders") {
  const TempFolder folder;
  const Sample sample = formula_pair("GOPR01/000123");
  const auto put = [&](const std::string& name, const FloatImage& image) {
    std::filesystem::create_directories((folder / name).parent_path());
    write_image(folder / name, to_integer(image));
  };
  const Restoration restoration = restored_in(folder.path().string());
  CHECK_FALSE(restoration.computed);
  CHECK_THROWS_WITH(restoration.picture(sample),
                    Catch::Contains("'GOPR01/000123'") && Catch::Contains("no restored picture"));
  put("GOPR01/blur/000123.png", sample.sharp);
  CHECK(restoration.picture(sample).pixels == sample.sharp.pixels);
  put("GOPR01/000123.bmp", sample.blurred);
  CHECK(restoration.picture(sample).pixels == sample.blurred.pixels);
  put("GOPR01/000123.tga", sample.blurred);
  CHECK_THROWS_WITH(restoration.picture(sample),
                    Catch::Contains("000123.bmp") && Catch::Contains("000123.tga"));
  CHECK_THROWS_WITH(restored_in((folder / "none").string()), Catch::Contains("not a folder"));
}

TEST_CASE("evaluation: at most as many pairs as asked for") {
  const FixedPairs source({formula_pair("a"), formula_pair("b"), formula_pair("c")});
  EvaluationOptions options = with_metrics({"psnr:rgb"});
  CHECK(Evaluator(source, test::identity(), options).size() == 3);
  options.images = 2;
  CHECK(Evaluator(source, test::identity(), options).size() == 2);
  options.images = 9;
  CHECK(Evaluator(source, test::identity(), options).size() == 3);
}

TEST_CASE("evaluation: what cannot be measured is refused before the first pair") {
  const FixedPairs none({});
  const FixedPairs one({formula_pair("a")});
  CHECK_THROWS_WITH(Evaluator(none, test::identity(), with_metrics({"psnr:rgb"})),
                    Catch::Contains("no pairs"));
  CHECK_THROWS_WITH(Evaluator(one, test::identity(), with_metrics({})), Catch::Contains("no metric"));
  CHECK_THROWS_WITH(Evaluator(one, test::identity(), with_metrics({"ssim"})),
                    Catch::Contains("ssim:matlab3d"));
}

TEST_CASE("evaluation: the sequence is the folder, or the name without the frame's number") {
  CHECK(sequence_of("GOPR0384_11_00/000001") == "GOPR0384_11_00");
  CHECK(sequence_of("a/b/c") == "a/b");
  CHECK(sequence_of("GOPR0384_11_00_000001") == "GOPR0384_11_00");
  CHECK(sequence_of("GOPR0384_11_00").empty());
  CHECK(sequence_of("street_12b45").empty());
  CHECK(sequence_of("Flower").empty());
}
