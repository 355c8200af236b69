// The graph of a network, against the tables of the papers; and pictures of every preset.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "core/ops.h"
#include "data/drawing_io.h"
#include "kernels/check.h"
#include "layers/container.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/norm.h"
#include "layers/summary.h"
#include "models/architecture/graph.h"
#include "models/architecture/views.h"
#include "models/presets.h"
#include "models/residual_block.h"
#include "tests/data/svg_check.h"

using namespace dg;
using namespace dg::test;

namespace {

std::size_t count_kind(const ArchitectureGraph& graph, const std::string& kind) {
  return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                                [&](const auto& node) { return node.kind == kind; }));
}

std::vector<ArchitectureEdge> skips_of(const ArchitectureGraph& graph) {
  std::vector<ArchitectureEdge> skips = graph.edges();
  std::erase_if(skips, [](const ArchitectureEdge& edge) { return !edge.skip; });
  return skips;
}

const ArchitectureNode& node_named(const ArchitectureGraph& graph, const std::string& name) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [&](const auto& node) { return node.name == name; });
  REQUIRE(found != graph.nodes.end());
  return *found;
}

// With few channels: the layers are those of the preset.
ArchitectureGraph generator_graph(const std::string& name, std::int64_t size) {
  Context context;
  GeneratorOptions options = find_preset(name).generator;
  options.ngf = 4;
  const auto network = make_generator(context, options);
  return trace_architecture(*network, {1, size, size, 3});
}

ArchitectureGraph discriminator_graph(const std::string& name, std::int64_t size) {
  Context context;
  DiscriminatorOptions options = find_preset(name).discriminator;
  options.ndf = 4;
  options.height = options.width = size;
  const auto network = make_discriminator(context, options);
  return trace_architecture(*network, {1, size, size, 3});
}

std::int64_t smallest_size(const Preset& preset) { return std::max<std::int64_t>(64, preset.minimum_size); }

// Every preset's generator, and the discriminators.
void for_each_network(const std::function<void(const ArchitectureGraph&)>& body) {
  for (const Preset& preset : all_presets()) {
    INFO(preset.name);
    body(generator_graph(preset.name, smallest_size(preset)));
  }
  body(discriminator_graph("keras", 64));
  body(discriminator_graph("deblurgan", 64));
}

std::vector<Text> texts_of(const Drawing& drawing) {
  std::vector<Text> texts;
  for (const Drawing::Item& item : drawing.items) {
    if (const auto* text = std::get_if<Text>(&item)) texts.push_back(*text);
  }
  return texts;
}

bool contains_text(const Drawing& drawing, const std::string& text) {
  const std::vector<Text> texts = texts_of(drawing);
  return std::any_of(texts.begin(), texts.end(), [&](const Text& one) { return one.text == text; });
}

constexpr ArchitectureView kViews[] = {ArchitectureView::layered, ArchitectureView::graph,
                                       ArchitectureView::lenet, ArchitectureView::functional};

}  // namespace

TEST_CASE("architecture: deblurgan's generator has the paper's layers, and its skips") {
  const ArchitectureGraph graph = generator_graph("deblurgan", 64);
  // Input; head: pad, conv, norm, ReLU; 2 x down: conv, norm, ReLU; 9 blocks: pad, conv, norm, ReLU, dropout, pad, conv,
  // norm, add; 2 x up: as down; tail: pad, conv, tanh; add, clamp.
  CHECK(graph.nodes.size() == 1 + 4 + 2 * 3 + 9 * 9 + 2 * 3 + 3 + 2);
  CHECK(count_kind(graph, "Conv2d") == 4 + 18);
  CHECK(count_kind(graph, "ConvTranspose2d") == 2);
  CHECK(count_kind(graph, "InstanceNorm2d") == 5 + 18);
  CHECK(count_kind(graph, "Dropout") == 9);
  CHECK(count_kind(graph, "Add") == 9 + 1);
  const auto skips = skips_of(graph);
  REQUIRE(skips.size() == 10);
  // Each node reads the one before it, and additions a second one.
  CHECK(graph.edges().size() == graph.nodes.size() - 1 + skips.size());
  for (const ArchitectureEdge& skip : skips) CHECK(graph.nodes[skip.to].kind == "Add");
  CHECK(graph.nodes[skips[0].from].name == "down2.norm.activation");
  CHECK(graph.nodes[skips[0].to].name == "blocks.0.norm2.add");
  CHECK(graph.nodes[skips[1].from].name == "blocks.0.norm2.add");
  CHECK(graph.nodes[skips[9].from].kind == "Input");
  CHECK(graph.nodes[skips[9].to].scope.empty());
}

TEST_CASE("architecture: a block without normalisation adds with an operation of its own") {
  const ArchitectureGraph graph = generator_graph("small", 64);
  CHECK(count_kind(graph, "Dropout") == 0);  // its rate is 0
  CHECK(count_kind(graph, "Add") == 3 + 1);
  CHECK(node_named(graph, "blocks.1.add").scope == "blocks.1");
  CHECK(node_named(graph, "blocks.1.add").output == Shape{1, 16, 16, 16});
  CHECK(skips_of(graph).size() == 4);
}

TEST_CASE("architecture: keras' generator upsamples and averages with the image") {
  const ArchitectureGraph graph = generator_graph("keras", 64);
  CHECK(count_kind(graph, "UpsampleNearest2d") == 2);
  CHECK(count_kind(graph, "BatchNorm2d") == 5 + 18);
  CHECK(graph.nodes.back().kind == "Scale");
  CHECK(graph.nodes.back().output == Shape{1, 64, 64, 3});
  CHECK(node_named(graph, "upsamplenearest2d2").output == Shape{1, 64, 64, 8});
  CHECK(skips_of(graph).size() == 10);
}

TEST_CASE("architecture: a U-Net's skips join equal resolutions") {
  const ArchitectureGraph graph = generator_graph("unet_128", 128);
  CHECK(count_kind(graph, "Concat") == 6);
  CHECK(count_kind(graph, "LeakyReLU") == 6);
  CHECK(count_kind(graph, "ReLU") == 7);
  CHECK(count_kind(graph, "Dropout") == 2);
  const auto skips = skips_of(graph);
  REQUIRE(skips.size() == 6 + 1);
  for (const ArchitectureEdge& skip : skips) {
    const ArchitectureNode& from = graph.nodes[skip.from];
    const ArchitectureNode& to = graph.nodes[skip.to];
    CHECK(from.output[1] == to.output[1]);
    if (to.kind == "Concat") CHECK(from.output[3] < to.output[3]);
  }
  CHECK(graph.nodes[skips.front().from].name == "down6.norm");
}

TEST_CASE("architecture: discriminators are chains") {
  const ArchitectureGraph keras = discriminator_graph("keras", 64);
  CHECK(skips_of(keras).empty());
  CHECK(count_kind(keras, "Dense") == 2);
  CHECK(count_kind(keras, "LeakyReLU") == 5);
  CHECK(keras.nodes.back().kind == "Sigmoid");
  CHECK(keras.nodes.back().output == Shape{1, 1});
  const ArchitectureGraph patch = discriminator_graph("deblurgan", 64);
  CHECK(skips_of(patch).empty());
  CHECK(patch.nodes.size() == 1 + 2 + 3 * 3 + 1);
}

TEST_CASE("architecture: parameters and multiply-adds are those of the summary") {
  for (const char* name : {"keras", "deblurgan", "unet_128"}) {
    Context context;
    GeneratorOptions options = find_preset(name).generator;
    options.ngf = 4;
    const auto network = make_generator(context, options);
    const Shape input{1, 128, 128, 3};
    const Summary table = summary(*network, input);
    const ArchitectureGraph graph = trace_architecture(*network, input);
    std::int64_t parameters = 0;
    std::int64_t multiply_adds = 0;
    const ArchitectureGraph folded = fold_frames(collapse_repeats(graph));
    for (const ArchitectureNode& node : folded.nodes) {
      parameters += node.parameters;
      multiply_adds += node.multiply_adds;
    }
    CHECK(graph.parameters == table.parameters);
    CHECK(parameters == table.parameters);
    CHECK(graph.multiply_adds == table.multiply_adds);
    CHECK(multiply_adds == table.multiply_adds);
  }
}

TEST_CASE("architecture: tracing leaves the network and its context as they were") {
  Context context;
  const auto network = make_generator(context, find_preset("small").generator);
  int observed = 0;
  context.set_module_observer([&](const Module&, const Tensor&, const Tensor&) { ++observed; });
  context.set_grad_enabled(false);
  const std::uint64_t offset = context.random().state().offset;
  trace_architecture(*network, {1, 16, 16, 3});
  CHECK(observed == 0);
  CHECK(network->training());
  CHECK_FALSE(context.grad_enabled());
  CHECK(context.random().state().offset == offset);
  CHECK_THROWS_WITH(trace_architecture(*network, {1, 15, 16, 3}), Catch::Contains("multiples of 4"));
  CHECK_FALSE(context.grad_enabled());
  (*network)(Tensor::zeros(context, {1, 16, 16, 3}));
  CHECK(observed > 0);
}

TEST_CASE("architecture: tracing frozen networks and dropout that stays on") {
  Context context;
  Sequential net(context);
  net.add<Conv2d>("conv", {.in_channels = 3, .out_channels = 4, .kernel = 3, .same = true});
  net.add<Dropout>("drop", {.rate = 0.5, .always = true});
  net.set_requires_grad(false);
  const ArchitectureGraph graph = trace_architecture(net, {1, 8, 8, 3});
  REQUIRE(graph.nodes.size() == 3);
  CHECK(graph.nodes[2].kind == "Dropout");
  CHECK(graph.nodes[2].inputs == std::vector<std::size_t>{1});
}

TEST_CASE("architecture: equal blocks collapse to the first, in a frame") {
  const ArchitectureGraph graph = collapse_repeats(generator_graph("deblurgan", 64));
  REQUIRE(graph.frames.size() == 1);
  const ArchitectureFrame& frame = graph.frames.front();
  CHECK(frame.kind == "ResidualBlock");
  CHECK(frame.repeats == 9);
  CHECK(frame.last - frame.first + 1 == 9);
  CHECK(graph.nodes.size() == 1 + 4 + 6 + 9 + 6 + 3 + 2);
  CHECK(skips_of(graph).size() == 2);
  CHECK(node_named(graph, "up1.conv").inputs == std::vector<std::size_t>{frame.last});
}

TEST_CASE("architecture: a folded frame is one node") {
  const ArchitectureGraph whole = generator_graph("deblurgan", 64);
  const ArchitectureGraph graph = fold_frames(collapse_repeats(whole));
  CHECK(graph.frames.empty());
  CHECK(graph.nodes.size() == 1 + 4 + 6 + 1 + 6 + 3 + 2);
  const ArchitectureNode& blocks = node_named(graph, "blocks.0");
  CHECK(blocks.repeats == 9);
  CHECK(blocks.kind == "ResidualBlock");
  CHECK(blocks.parameters == 9 * 2 * (16 * 16 * 9 + 16));
  CHECK(skips_of(graph).size() == 1);
}

TEST_CASE("architecture: blocks of other sizes or options are not equal") {
  Context context;
  Sequential net(context);
  const auto block = [](double dropout) { return ResidualBlockConfig{.width = 3, .dropout = dropout}; };
  net.append("a", std::make_unique<ResidualBlock>(context, block(0.5)));
  net.append("b", std::make_unique<ResidualBlock>(context, block(0.25)));
  net.append("c", std::make_unique<ResidualBlock>(context, block(0.25)));
  const ArchitectureGraph graph = collapse_repeats(trace_architecture(net, {1, 8, 8, 3}));
  REQUIRE(graph.frames.size() == 1);
  CHECK(graph.frames.front().name == "b");
  CHECK(graph.frames.front().repeats == 2);
}

TEST_CASE("architecture: blocks within blocks fold with all their parameters") {
  Context context;
  Sequential net(context);
  for (const char* name : {"0", "1"}) {
    net.append(name, make_residual_blocks(context, 3, {.width = 3, .dropout = 0.0}));
  }
  const ArchitectureGraph graph = collapse_repeats(trace_architecture(net, {1, 8, 8, 3}));
  REQUIRE(graph.frames.size() == 2);
  const ArchitectureGraph folded = fold_frames(graph);
  REQUIRE(folded.nodes.size() == 2);
  CHECK(folded.nodes[1].repeats == 2);
  CHECK(folded.nodes[1].parameters == net.parameter_count());
}

TEST_CASE("architecture: who read an ignored layer reads what it read") {
  const ArchitectureGraph graph = generator_graph("deblurgan", 64);
  const ArchitectureGraph fewer = ignore_kinds(graph, {"Pad", "InstanceNorm2d", "ReLU", "Dropout"});
  CHECK(fewer.nodes.size() == 1 + 1 + 2 + 9 * 3 + 2 + 2 + 2);
  CHECK(skips_of(fewer).size() == 10);
  CHECK(fewer.nodes[skips_of(fewer)[0].from].name == "down2.conv");
  CHECK(ignore_kinds(graph, {"Add"}).edges().size() > graph.nodes.size() - 11);
}

TEST_CASE("architecture: every preset is drawn in every view, as well-formed SVG") {
  for_each_network([](const ArchitectureGraph& graph) {
    for (const ArchitectureView view : kViews) {
      for (const RepeatStyle style : {RepeatStyle::fold, RepeatStyle::frame, RepeatStyle::all}) {
        INFO(graph.kind << " " << name_of(view) << " " << name_of(style));
        const Drawing drawing = draw_architecture(graph, {.view = view, .repeats = style});
        CHECK_NOTHROW(check_xml(to_svg(drawing)));
        CHECK(contains_text(drawing, graph.kind));
      }
    }
  });
}

TEST_CASE("architecture: no text covers another one") {
  for_each_network([](const ArchitectureGraph& graph) {
    for (const ArchitectureView view : kViews) {
      for (const RepeatStyle style : {RepeatStyle::automatic, RepeatStyle::all}) {
        for (const double scale : {0.2, 1.0}) {
          INFO(graph.kind << " " << name_of(view) << " " << name_of(style) << " " << scale);
          const Drawing drawing =
              draw_architecture(graph, {.view = view, .scale = scale, .spacing = 0.0, .repeats = style});
          const std::vector<Text> texts = texts_of(drawing);
          int covered = 0;
          for (std::size_t i = 0; i < texts.size(); ++i) {
            for (std::size_t k = 0; k < i; ++k) {
              const Box a = bounds(texts[i]);
              const Box b = bounds(texts[k]);
              const double slack = 0.5;
              const bool apart = a.right < b.left + slack || b.right < a.left + slack ||
                                 a.bottom < b.top + slack || b.bottom < a.top + slack;
              if (!apart) {
                ++covered;
                UNSCOPED_INFO("'" << texts[i].text << "' and '" << texts[k].text << "'");
              }
            }
          }
          CHECK(covered == 0);
        }
      }
    }
  });
}

TEST_CASE("architecture: repeats are folded, framed or drawn one by one") {
  const ArchitectureGraph graph = generator_graph("deblurgan", 64);
  const auto drawn = [&](RepeatStyle style) {
    return draw_architecture(graph, {.view = ArchitectureView::graph, .repeats = style});
  };
  CHECK(contains_text(drawn(RepeatStyle::fold), "9 x ResidualBlock"));
  CHECK_FALSE(contains_text(drawn(RepeatStyle::fold), "blocks.0.conv1"));
  CHECK(contains_text(drawn(RepeatStyle::frame), "9 x ResidualBlock"));
  CHECK(contains_text(drawn(RepeatStyle::frame), "blocks.0.conv1"));
  CHECK_FALSE(contains_text(drawn(RepeatStyle::all), "9 x ResidualBlock"));
  CHECK(contains_text(drawn(RepeatStyle::all), "blocks.8.conv1"));
}

TEST_CASE("architecture: legend and labels can be left away, and kinds ignored") {
  const ArchitectureGraph graph = generator_graph("small", 64);
  CHECK(contains_text(draw_architecture(graph), "ConvTranspose2d"));
  CHECK_FALSE(contains_text(draw_architecture(graph, {.legend = false}), "ConvTranspose2d"));
  CHECK(contains_text(draw_architecture(graph), "64 x 64 x 4"));
  CHECK_FALSE(contains_text(draw_architecture(graph, {.labels = false}), "64 x 64 x 4"));
  CHECK_FALSE(contains_text(draw_architecture(graph, {.ignore = {"convtranspose2D"}}), "ConvTranspose2d"));
}

TEST_CASE("architecture: scale and spacing make pictures larger, flat ones have no sides") {
  const ArchitectureGraph graph = generator_graph("small", 64);
  const Drawing plain = draw_architecture(graph);
  CHECK(draw_architecture(graph, {.scale = 2.0}).height > 1.4 * plain.height);
  CHECK(draw_architecture(graph, {.spacing = 100.0}).width > 1.4 * plain.width);
  CHECK(draw_architecture(graph, {.flat = true}).items.size() < plain.items.size());
}

TEST_CASE("architecture: wrong options are told") {
  const ArchitectureGraph graph = generator_graph("small", 64);
  CHECK_THROWS_WITH(draw_architecture(graph, {.ignore = {"LSTM"}}),
                    Catch::Contains("'LSTM'") && Catch::Contains("it has Add, Clamp, Conv2d"));
  const std::vector<std::string> all{"Input", "Pad",  "Conv2d", "ReLU",         "ConvTranspose2d",
                                     "Add",   "Tanh", "Clamp",  "ResidualBlock"};
  CHECK_THROWS_WITH(draw_architecture(graph, {.ignore = all}), Catch::Contains("nothing is left"));
  CHECK_THROWS_WITH(draw_architecture(graph, {.scale = 0.0}), Catch::Contains("scale"));
  CHECK_THROWS_WITH(draw_architecture(graph, {.spacing = -1.0}), Catch::Contains("spacing"));
  CHECK_THROWS_WITH(parse_architecture_view("cube"), Catch::Contains("layered, graph, lenet or functional"));
  CHECK_THROWS_WITH(parse_repeat_style("some"), Catch::Contains("auto, fold, frame or all"));
}
