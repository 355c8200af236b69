// report.html of a run, from a run folder that is made up, up to 100,000 steps; tests/apps/report_page_test.py looks at it
// in a browser.
#include "models/report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/image_io.h"
#include "models/detail/report_curves.h"
#include "models/detail/report_pictures.h"
#include "models/run_folder.h"
#include "models/train_options.h"
#include "tests/models/trainer_fixture.h"

using namespace dg;
using namespace dg::test;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

MetricsColumn column_of(std::size_t count) {
  MetricsColumn column{"loss", {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    column.steps.push_back(static_cast<std::int64_t>(10 * i));
    column.values.push_back(std::sin(static_cast<double>(i)));
  }
  return column;
}

// Noise, which JPEG cannot make small: `rows` pairs of `side` pixels.
Image noise_strip(std::int64_t side, std::int64_t rows) {
  std::uint32_t seed = 1;
  Image image{3 * side, rows * side, 3, 8, {}};
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    image.pixels.push_back(static_cast<std::uint16_t>(seed >> 24U));
  }
  return image;
}

// A run folder whose table goes to `steps`, with `validations` strips of 4 pairs.
void make_run(const RunFolder& run, std::int64_t steps, std::int64_t validations, std::int64_t side) {
  run.create();
  TrainOptions options = tiny_training();
  options.data = {{"/data/<b>&\"photos\"", 1.0}};
  write_text(run.config(), to_json(options));
  std::ofstream csv(run.metrics());
  csv << "step,epoch,learning_rate,images_per_second,seconds,g_content,g_adversarial,d_real,d_fake,psnr_"
         "blurred,"
         "psnr_restored,ssim_blurred,ssim_restored\n";
  const std::int64_t every = std::max<std::int64_t>(1, steps / validations);
  for (std::int64_t step = 1; step <= steps; ++step) {
    const double x = static_cast<double>(step);
    csv << step << ",0,0.0001," << 40.0 + std::sin(x * 7.0) << ',' << x / 10.0 << ',' << 10.0 / std::sqrt(x)
        << ',' << 0.1 + std::sin(x) / 100.0 << ',' << std::cos(x) << ',' << std::cos(x * 1.1) << ",,,,\n";
    if (step % every != 0) continue;
    csv << step << ",,,,,,,,,24.5," << 24.0 + x / static_cast<double>(steps) << ",0.75,0.8\n";
    if (step == every) {
      write_image(run.strip(step), noise_strip(side, 4));
    } else {
      fs::copy_file(run.strip(every), run.strip(step));
    }
  }
}

// What the page's script is given.
nlohmann::json data_of(const std::string& page) {
  const std::string opening = "<script type=\"application/json\" id=\"run\">";
  const std::size_t begin = page.find(opening) + opening.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

}  // namespace

TEST_CASE("report curves: a short column stays as it is") {
  const Curve curve = thinned(column_of(5), 5);
  CHECK(curve.step == std::vector<double>{0, 10, 20, 30, 40});
  CHECK(curve.mean == column_of(5).values);
  CHECK(curve.low.empty());
}

TEST_CASE("report curves: joining keeps the extremes and the mean") {
  MetricsColumn column = column_of(10007);
  column.values[4321] = 100.0;
  column.values[9876] = -100.0;
  const Curve curve = thinned(column, 1000);
  CHECK(curve.mean.size() <= 1000);
  CHECK(curve.mean.size() > 500);
  CHECK(*std::max_element(curve.high.begin(), curve.high.end()) == 100.0);
  CHECK(*std::min_element(curve.low.begin(), curve.low.end()) == -100.0);
  CHECK(std::is_sorted(curve.step.begin(), curve.step.end()));
  // 10,007 = 909 x 11 + 8
  REQUIRE(curve.mean.size() == 910);
  const double sum =
      11.0 * std::accumulate(curve.mean.begin(), curve.mean.end() - 1, 0.0) + 8.0 * curve.mean.back();
  CHECK(sum == Approx(std::accumulate(column.values.begin(), column.values.end(), 0.0)));
}

TEST_CASE("report curves: values that are not finite are left out") {
  MetricsColumn column = column_of(4);
  column.values[1] = std::nan("");
  column.values[2] = std::numeric_limits<double>::infinity();
  CHECK(thinned(column).step == std::vector<double>{0, 30});
  column.values = {NAN, NAN, NAN, NAN};
  column.name = "g_content";
  CHECK(charts_of({column}).empty());
}

TEST_CASE("report curves: a sum is over the columns that have the step") {
  const MetricsColumn a{"g_content", {1, 2, 3}, {1, 2, 3}};
  const MetricsColumn b{"g_adversarial", {2, 3, 4}, {10, 20, 30}};
  const MetricsColumn total = sum_of({&a, &b}, "sum");
  CHECK(total.steps == std::vector<std::int64_t>{1, 2, 3, 4});
  CHECK(total.values == std::vector<double>{1, 12, 23, 30});
}

TEST_CASE("report curves: a chart for each kind of column, also for a strange one") {
  const auto column = [](const char* name) { return MetricsColumn{name, {1}, {2.0}}; };
  const std::vector<Chart> charts = charts_of({column("epoch"), column("g_content"), column("psnr_blurred"),
                                               column("psnr_restored"), column("</script>\"\n")});
  REQUIRE(charts.size() == 3);
  CHECK(charts[0].curves.at(0).name == "content");
  CHECK(charts[1].curves.at(0).name == "restored");
  CHECK(charts[1].curves.at(1).colour == kReference);
  const std::string json = to_json(charts);
  CHECK(json.find('<') == std::string::npos);
  CHECK(nlohmann::json::parse(json)[2]["title"] == "</script>\"\n");
}

TEST_CASE("report: a run of 100,000 logged steps with large pictures stays below 3 MB") {
  const TempFolder folder;
  const RunFolder run{folder / "long"};
  make_run(run, 100'000, 3, 336);
  const std::string page = report_page(run.path, true);
  CHECK(page.size() < 3'000'000);
  const nlohmann::json data = data_of(page);
  CHECK(data["under_way"] == true);
  REQUIRE(data["charts"].size() == 6);
  for (const nlohmann::json& chart : data["charts"])
    for (const nlohmann::json& curve : chart["curves"]) CHECK(curve["x"].size() <= kCurvePoints);
  CHECK(data["charts"][0]["curves"][0]["x"].size() == kCurvePoints);
  CHECK_THAT(page,
             Contains("step <b>100000</b>") && Contains("</html>") && Contains("(the middle of 336×336"));
  for (const char* outside : {"http:", "https:", "src=\"/", "@import"}) CHECK_THAT(page, !Contains(outside));
}

TEST_CASE("report: names cannot become markup") {
  const TempFolder folder;
  const RunFolder run{folder / "<i>run"};
  make_run(run, 4, 2, 16);
  write_text(run.command(), "deblurgan-train --data '<script>alert(1)</script>'\n");
  RunStatus status;
  status.host = "<host>";
  status.device = "a & b";
  status.notes = {{"now", "warning: </dd><b>"}, {"now", "caf\xe9"}};
  write_status(run, status);
  const std::string page = report_page(run.path, false);
  CHECK_THAT(page, Contains("&lt;i&gt;run") && Contains("&lt;host&gt;") && Contains("a &amp; b") &&
                       Contains("&lt;script&gt;alert") && Contains("/data/&lt;b&gt;&amp;"));
  for (const char* markup : {"<i>", "<host>", "<script>alert", "</dd><b>", "/data/<b>"})
    CHECK_THAT(page, !Contains(markup));
}

TEST_CASE("report: newest pictures first, those of steps that were taken back not at all") {
  const TempFolder folder;
  const RunFolder run{folder.path()};
  make_run(run, 9, 9, 16);
  write_image(run.strip(10), noise_strip(16, 4));  // its row went when the run was resumed at step 9
  fs::resize_file(run.strip(8), 100);
  const ReportPictures pictures = report_pictures(run, read_metrics_csv(run.metrics()), {.steps = 3});
  CHECK(pictures.steps == std::vector<std::int64_t>{9, 7, 6});
  REQUIRE(pictures.problems.size() == 1);
  CHECK_THAT(pictures.problems[0], Contains("step-00000008.png"));
  REQUIRE(pictures.pairs.size() == 4);
  CHECK(pictures.pairs[3].restored.size() == 3);
  CHECK(pictures.pairs[3].width == 16);
  // The budget counts, but the newest are shown whatever they take.
  CHECK(report_pictures(run, read_metrics_csv(run.metrics()), {.budget = 1}).steps ==
        std::vector<std::int64_t>{9});
  CHECK_THAT(report_page(run.path, false), Contains("step-00000008.png") && Contains("class=\"bad\""));
}

TEST_CASE("report: the three parts of a strip are told apart, and large ones cropped to the middle") {
  const TempFolder folder;
  const RunFolder run{folder.path()};
  make_run(run, 1, 1, 48);
  Image strip{3 * 48, 48, 3, 8, std::vector<std::uint16_t>(3 * 48 * 48 * 3, 0)};
  for (std::int64_t y = 16; y < 32; ++y)  // grey levels 50, 100 and 150 in the middle of each part
    for (std::int64_t x = 0; x < 3 * 48; ++x)
      if (x % 48 >= 16 && x % 48 < 32)
        std::fill_n(strip.pixels.begin() + (y * 144 + x) * 3, 3,
                    static_cast<std::uint16_t>(50 * (x / 48 + 1)));
  write_image(run.strip(1), strip);
  const ReportPictures pictures = report_pictures(run, read_metrics_csv(run.metrics()), {.side = 16});
  const ReportPair& pair = pictures.pairs.at(0);
  int level = 50;
  for (const auto* jpeg : {&pair.blurred, &pair.restored.at(0), &pair.sharp}) {
    const Image part = decode_image(*jpeg, "part");
    CHECK(part.width == 16);
    for (const std::uint16_t value : part.pixels) REQUIRE(std::abs(value - level) <= 1);
    level += 50;
  }
}

TEST_CASE("report: what differs from the preset stands first, a run without anything is a page") {
  const TempFolder folder;
  const RunFolder run{folder / "bare"};
  fs::create_directories(run.path);
  CHECK_THAT(error_of([&] { write_report(run.path); }), Contains("bare: holds no run"));
  write_text(run.config(), R"({"preset": "small", "lr": 0.5, "batch_size": 4, "from_tomorrow": [1]})");
  write_report(run.path);
  const std::string page = read_text(run.report());
  CHECK_THAT(page, Contains("unknown") && Contains("</html>"));
  const std::size_t rest = page.find("<details>");
  CHECK(page.find("<dt>lr</dt><dd>0.5</dd>") < rest);
  CHECK(page.find("from_tomorrow") < rest);
  const std::size_t batch = page.find("<dt>batch_size</dt>");
  CHECK(batch > rest);
  CHECK(batch != std::string::npos);
  write_text(run.config(), "[]");
  CHECK_THAT(error_of([&] { write_report(run.path); }), Contains("config.json"));
}

TEST_CASE("report: the trainer writes it, and says how the run ended") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.validate_every = 2;
  train(options, folder / "run", stop_after(3));
  const RunFolder run{folder / "run"};
  CHECK_THAT(read_text(run.report()), Contains("<b>stopped</b>, step <b>3</b> of 4"));
  CHECK(data_of(read_text(run.report()))["under_way"] == false);
  resume(run.path);
  const std::string page = read_text(run.report());
  CHECK_THAT(page, Contains("<b>finished</b>, step <b>4</b> of 4") && Contains("restored at step") &&
                       Contains("step-00000004.safetensors") && Contains("resumed at step 3"));
  resume(run.path);  // nothing is left to do
  const RunStatus status = read_status(run).value();
  CHECK(status.state == RunState::finished);
  CHECK(status.total_steps == 4);
  CHECK_FALSE(status.host.empty());
  CHECK_FALSE(status.device.empty());
  CHECK_THAT(read_text(run.networks()), Contains("Generator") && Contains("Discriminator"));

  change_config(run.path, [](TrainOptions& o) {
    o.learning_rate = 1e20;
    o.steps = 9;
  });
  CHECK_THAT(error_of([&] { resume(run.path); }), Contains("diverged"));
  CHECK_THAT(read_text(run.report()),
             Contains("<b>failed</b>") && Contains("error: training diverged at step"));
}

TEST_CASE("report: a run whose process was killed is not under way") {
  const TempFolder folder;
  const RunFolder run{folder.path()};
  make_run(run, 2, 1, 16);
  write_status(run, {});
  write_report(run.path);
  CHECK_THAT(read_text(run.report()), Contains("ended without a word"));
  {
    const auto trainer = Trainer::start(tiny_training(), folder / "live", "test", {});
    write_report(folder / "live");
    CHECK_THAT(read_text(folder / "live" / "report.html"), Contains("<b>training</b>"));
  }
  write_text(run.status(), "{\"state\": \"asleep\"}");
  CHECK_THAT(error_of([&] { write_report(run.path); }), Contains("status.json") && Contains("'asleep'"));
}

TEST_CASE("run log: a report that cannot be made is told once, and the training goes on") {
  const TempFolder folder;
  const auto trainer_events = [](std::vector<std::string>& messages) {
    TrainerEvents events;
    events.on_message = [&messages](const std::string& text) { messages.push_back(text); };
    return events;
  };
  std::vector<std::string> messages;
  const auto trainer = Trainer::start(tiny_training(), folder / "run", "test", trainer_events(messages));
  fs::create_directories(folder / "run" / "report.html" / "inside");
  CHECK(trainer->run().finished);
  CHECK(std::count_if(messages.begin(), messages.end(), [](const std::string& text) {
          return text.starts_with("warning: the report could not be written") &&
                 text.find("report.html") != std::string::npos;
        }) == 1);
}

TEST_CASE("run log: event files beside the table, one for each start, unless switched off") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  train(options, folder / "run", stop_after(2));
  resume(folder / "run");
  const auto files = [&](const char* name) {
    if (!fs::exists(folder / name / "tensorboard")) return std::ptrdiff_t{0};
    return std::distance(fs::directory_iterator(folder / name / "tensorboard"), fs::directory_iterator());
  };
  CHECK(files("run") == 2);
  options.tensorboard = false;
  train(options, folder / "without");
  CHECK(files("without") == 0);
}
