// The text form is a list of fields, each a key with a getter and a setter: writing, reading and the check for unknown
// keys all walk it.
#include "models/train_options.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "models/resnet_generator.h"

namespace dg {
namespace {

using Json = nlohmann::ordered_json;

struct Field {
  const char* key;
  std::function<Json(const TrainOptions&)> get;
  std::function<void(TrainOptions&, const Json&)> set;
};

// nlohmann-json turns 1.5 into the integer 1, true into 1 and -1 into a huge unsigned number; none is what was meant.
template <typename T>
T strictly(const Json& value) {
  const auto wrong_kind = [&](const char* expected) {
    fail("has the value ", value.dump(), ", expected ", expected);
  };
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) wrong_kind("true or false");
  } else if constexpr (std::is_integral_v<T>) {
    if (!value.is_number_integer()) wrong_kind("a whole number");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<std::uint64_t>())
                                                 : std::in_range<T>(value.get<std::int64_t>());
    if (!fits) wrong_kind("a number of that size");
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) wrong_kind("a number");
  } else {
    if (!value.is_string()) wrong_kind("a text");
  }
  return value.get<T>();
}

// A plain member, reached by `at`.
template <typename At>
Field plain(const char* key, At at) {
  return {
      key,
      [at](const TrainOptions& o) { return Json(at(const_cast<TrainOptions&>(o))); },  // NOLINT: only read
      [at](TrainOptions& o, const Json& value) {
        auto& member = at(o);
        member = strictly<std::remove_reference_t<decltype(member)>>(value);
      }};
}

// A member that is written as a word.
template <typename At, typename Name, typename Parse>
Field word(const char* key, At at, Name name, Parse parse) {
  return {key,
          [=](const TrainOptions& o) {
            return Json(std::string(name(at(const_cast<TrainOptions&>(o)))));  // NOLINT
          },
          [=](TrainOptions& o, const Json& value) { at(o) = parse(strictly<std::string>(value)); }};
}

template <typename At>
Field data_list(const char* key, At at) {
  return {key,
          [at](const TrainOptions& o) {
            Json list = Json::array();
            for (const WeightedSpec& s : at(const_cast<TrainOptions&>(o))) {  // NOLINT
              list.push_back(Json{{"path", s.spec}, {"weight", s.weight}});
            }
            return list;
          },
          [at](TrainOptions& o, const Json& value) {
            check(value.is_array(), "has the value ", value.dump(),
                  ", expected a list of {\"path\": ..., \"weight\": ...}");
            std::vector<WeightedSpec> list;
            for (const Json& entry : value) {
              check(entry.is_object() && entry.contains("path"), "has the entry ", entry.dump(),
                    ", expected {\"path\": ..., \"weight\": ...}");
              list.push_back({strictly<std::string>(entry["path"]),
                              entry.contains("weight") ? strictly<double>(entry["weight"]) : 1.0});
            }
            at(o) = std::move(list);
          }};
}

const char* name_of_layout(DatasetLayout layout) {
  switch (layout) {
    case DatasetLayout::automatic: return "automatic";
    case DatasetLayout::aligned: return "aligned";
    case DatasetLayout::sharp_only: return "sharp-only";
  }
  return "unknown";
}

DatasetLayout parse_layout(const std::string& name) {
  for (const auto layout : {DatasetLayout::automatic, DatasetLayout::aligned, DatasetLayout::sharp_only}) {
    if (name == name_of_layout(layout)) return layout;
  }
  fail("unknown data layout '", name, "'; expected automatic, aligned or sharp-only");
}

// Shorthand for "a reference to this member".
// NOLINTBEGIN(bugprone-macro-parentheses): a member's name cannot stand in parentheses
#define DG_AT(member) \
  [](TrainOptions & o) -> auto& { return o.member; }
// NOLINTEND(bugprone-macro-parentheses)

const std::vector<Field>& fields() {
  static const std::vector<Field> all{
      plain("ngf", DG_AT(generator.ngf)),
      plain("blocks", DG_AT(generator.blocks)),
      plain("convs_per_block", DG_AT(generator.convs_per_block)),
      word(
          "norm", DG_AT(generator.norm), [](NormKind k) { return to_string(k); },
          [](const std::string& s) { return parse_norm(s); }),
      plain("dropout", DG_AT(generator.dropout)),
      plain("learn_residual", DG_AT(generator.learn_residual)),
      plain("ndf", DG_AT(discriminator.ndf)),
      plain("n_layers_D", DG_AT(discriminator.layers)),
      word(
          "norm_D", DG_AT(discriminator.norm), [](NormKind k) { return to_string(k); },
          [](const std::string& s) { return parse_norm(s); }),
      word(
          "gan_type", DG_AT(objective.gan_type), [](GanType t) { return name_of(t); }, parse_gan_type),
      plain("penalty_weight", DG_AT(objective.penalty.lambda)),
      word(
          "penalty_mode", DG_AT(objective.penalty.mode), [](GradientPenaltyMode m) { return name_of(m); },
          parse_penalty_mode),
      plain("adversarial_weight", DG_AT(objective.adversarial_weight)),
      word(
          "content", DG_AT(objective.content), [](ContentLoss c) { return name_of(c); }, parse_content_loss),
      plain("content_weight", DG_AT(objective.content_weight)),
      word(
          "vgg", DG_AT(vgg.depth), [](VggDepth d) { return to_string(d); },
          [](const std::string& s) { return parse_vgg_depth(s); }),
      plain("vgg_layer", DG_AT(vgg.layer)),
      plain("vgg_after_relu", DG_AT(vgg.after_relu)),
      word(
          "vgg_input", DG_AT(vgg.input), [](VggInput i) { return to_string(i); },
          [](const std::string& s) { return parse_vgg_input(s); }),
      plain("vgg_weights", DG_AT(vgg_weights)),
      plain("init_weights", DG_AT(init_weights)),
      plain("critic_updates", DG_AT(critic_updates)),
      {"weight_clip", [](const TrainOptions& o) { return Json(weight_clip_of(o)); },
       [](TrainOptions& o, const Json& value) { o.weight_clip = strictly<double>(value); }},
      plain("gan_start", DG_AT(gan_start)),
      plain("ema", DG_AT(ema_decay)),
      plain("lr", DG_AT(learning_rate)),
      plain("beta1", DG_AT(beta1)),
      plain("beta2", DG_AT(beta2)),
      plain("adam_epsilon", DG_AT(epsilon)),
      word(
          "schedule", DG_AT(schedule), [](ScheduleKind k) { return name_of(k); }, parse_schedule),
      plain("steps", DG_AT(steps)),
      plain("minutes", DG_AT(minutes)),
      plain("epochs", DG_AT(epochs)),
      plain("decay_epochs", DG_AT(decay_epochs)),
      plain("seed", DG_AT(seed)),
      data_list("data", DG_AT(data)),
      data_list("val", DG_AT(validation_data)),
      word("layout", DG_AT(layout), name_of_layout, parse_layout),
      plain("blur_key", DG_AT(blur_key)),
      plain("min_blur", DG_AT(min_blur)),
      plain("max_blur", DG_AT(max_blur)),
      plain("noise", DG_AT(noise)),
      plain("batch_size", DG_AT(batch_size)),
      word(
          "preprocess", DG_AT(augment.preprocess), [](Preprocess p) { return name_of(p); }, parse_preprocess),
      plain("crop_size", DG_AT(augment.crop_size)),
      plain("load_width", DG_AT(augment.load_width)),
      plain("load_height", DG_AT(augment.load_height)),
      plain("flip", DG_AT(augment.flip_horizontal)),
      plain("flip_vertical", DG_AT(augment.flip_vertical)),
      plain("rot90", DG_AT(augment.rot90)),
      plain("workers", DG_AT(workers)),
      plain("log_every", DG_AT(log_every)),
      plain("tensorboard", DG_AT(tensorboard)),
      plain("validate_every", DG_AT(validate_every)),
      plain("checkpoint_every", DG_AT(checkpoint_every)),
      plain("keep_checkpoints", DG_AT(keep_checkpoints)),
      plain("validation_images", DG_AT(validation_images)),
      plain("validation_crop", DG_AT(validation_crop)),
      plain("divergence_limit", DG_AT(divergence_limit)),
      plain("device", DG_AT(device)),
      plain("threads", DG_AT(threads)),
      word(
          "precision", DG_AT(precision), [](Precision p) { return name_of(p); }, parse_precision),
      word(
          "conv_backend", DG_AT(conv_backend), [](ConvBackend b) { return name_of(b); }, parse_conv_backend),
      plain("exact", DG_AT(exact)),
      plain("cuda_graph", DG_AT(cuda_graph)),
  };
  return all;
}
#undef DG_AT

}  // namespace

const char* name_of(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::constant: return "constant";
    case ScheduleKind::linear: return "linear";
    case ScheduleKind::cosine: return "cosine";
  }
  return "unknown";
}

ScheduleKind parse_schedule(std::string_view name) {
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::linear, ScheduleKind::cosine}) {
    if (name == name_of(kind)) return kind;
  }
  fail("unknown schedule '", name, "'; expected constant, linear or cosine");
}

TrainOptions train_options_for(const Preset& preset) {
  const TrainingDefaults& t = preset.training;
  TrainOptions o;
  o.generator = preset.generator;
  o.discriminator = preset.discriminator;
  o.objective.gan_type = parse_gan_type(t.gan_type);
  o.objective.penalty.lambda = t.penalty_weight;
  o.objective.adversarial_weight = t.adversarial_weight;
  o.objective.content = parse_content_loss(t.content);
  o.objective.content_weight = t.content_weight;
  o.vgg = t.vgg;
  o.critic_updates = t.critic_updates;
  o.learning_rate = t.learning_rate;
  o.beta1 = t.beta1;
  o.beta2 = t.beta2;
  o.schedule = parse_schedule(t.schedule);
  o.epochs = t.epochs;
  o.decay_epochs = t.decay_epochs;
  o.augment.preprocess = parse_preprocess(t.preprocess);
  o.augment.crop_size = t.crop_size;
  o.augment.load_width = t.crop_size;
  o.augment.load_height = t.crop_size;
  o.batch_size = t.batch_size;
  return o;
}

double weight_clip_of(const TrainOptions& o) {
  const bool needs_limit =
      o.objective.gan_type == GanType::wgan && o.discriminator.family == DiscriminatorFamily::patch;
  return o.weight_clip.value_or(needs_limit ? 0.01 : 0.0);
}

ValidationOptions validation_options(const TrainOptions& o) {
  return {.images = o.validation_images,
          .crop = o.validation_crop > 0 ? o.validation_crop : o.augment.crop_size,
          .seed = o.seed};
}

TrainOptions with_absolute_paths(TrainOptions options) {
  for (auto* list : {&options.data, &options.validation_data}) {
    for (WeightedSpec& entry : *list) {
      if (entry.spec != kProceduralSpec) entry.spec = std::filesystem::absolute(entry.spec).string();
    }
  }
  for (std::string* file : {&options.vgg_weights, &options.init_weights}) {
    if (!file->empty()) *file = std::filesystem::absolute(*file).string();
  }
  return options;
}

void check_options(const TrainOptions& o) {
  const Preset preset = find_preset(o.generator.preset);
  check(!o.data.empty(), "no data given; pass --data DIR, or --data procedural for synthetic scenes");
  for (const Field& field : fields()) {  // JSON has no infinity, so config.json could not be read again
    const Json value = field.get(o);
    if (!value.is_number_float()) continue;
    const auto number = value.get<double>();
    check(std::isfinite(number), "option ", field.key, " is ", number, ", expected a finite number");
  }
  check(o.batch_size >= 1, "--batch-size is ", o.batch_size, ", expected 1 or more");
  check(o.learning_rate > 0.0, "--lr is ", o.learning_rate, ", expected more than 0");
  check(o.beta1 >= 0.0 && o.beta1 < 1.0 && o.beta2 >= 0.0 && o.beta2 < 1.0, "--beta1 ", o.beta1,
        " and --beta2 ", o.beta2, " must lie in [0, 1)");
  check(o.ema_decay >= 0.0 && o.ema_decay < 1.0, "--ema is ", o.ema_decay,
        ", expected 0 (off) or a decay below 1");
  check(o.critic_updates >= 1, "--critic-updates is ", o.critic_updates, ", expected 1 or more");
  check(o.steps >= 0 && o.minutes >= 0.0 && o.epochs >= 0 && o.decay_epochs >= 0,
        "--steps, --minutes, --epochs and --decay-epochs must not be negative");
  check(o.steps > 0 || o.minutes > 0.0 || o.epochs + o.decay_epochs > 0,
        "nothing to train: --steps, --minutes and the epochs are all 0");
  check(o.log_every >= 1 && o.checkpoint_every >= 1, "--log-every and --checkpoint-every must be 1 or more");
  check(o.validate_every >= 0 && o.validation_images >= 1,
        "--validate-every must be 0 or more, --validation-images 1 or more");
  check(o.keep_checkpoints >= 1, "--keep-checkpoints is ", o.keep_checkpoints, ", expected 1 or more");
  check(o.min_blur >= 0.0 && o.min_blur <= o.max_blur, "--min-blur ", o.min_blur,
        " must not exceed --max-blur ", o.max_blur);
  check(o.noise >= 0.0 && o.noise <= 1.0, "--noise is ", o.noise, ", expected 0 to 1");
  check(weight_clip_of(o) >= 0.0, "--weight-clip is ", weight_clip_of(o),
        ", expected 0 (off) or a limit above it");
  check(o.gan_start >= 0, "--gan-start is ", o.gan_start, ", expected 0 or more steps");
  check(o.objective.adversarial_weight >= 0.0 && o.objective.content_weight >= 0.0 &&
            o.objective.penalty.lambda >= 0.0,
        "--adversarial-weight, --content-weight and --penalty-weight must not be negative");
  check(o.divergence_limit > 0.0, "--divergence-limit is ", o.divergence_limit, ", expected more than 0");
  check(o.threads >= 0 && o.threads <= 1024, "--threads is ", o.threads, ", expected 0 (all) to 1024");
  check(o.workers >= 0 && o.workers <= 256, "--workers is ", o.workers, ", expected 0 to 256");
  check_conv_backend(o.conv_backend, o.device);
  check_options(o.augment);
  const bool resized = o.augment.preprocess == Preprocess::resize;
  if (o.augment.preprocess != Preprocess::none) {
    for (const std::int64_t size : {resized ? o.augment.load_width : o.augment.crop_size,
                                    resized ? o.augment.load_height : o.augment.crop_size}) {
      check(size % preset.size_multiple == 0 && size >= preset.minimum_size, "preset ", preset.name,
            " needs images whose sides are multiples of ", preset.size_multiple, " and at least ",
            preset.minimum_size, ", got ", size, "; change ", resized ? "--load-size" : "--crop-size");
    }
  }
  check(o.validation_crop >= 0 && o.validation_crop % preset.size_multiple == 0, "--validation-crop is ",
        o.validation_crop, ", expected a multiple of ", preset.size_multiple);
  const std::int64_t scored = validation_options(o).crop;
  check(o.validate_every == 0 || scored >= 11, "validation would score crops of ", scored,
        " pixels, and SSIM needs 11 or more; give a larger --validation-crop, or --validate-every 0");
  check(o.objective.gan_type != GanType::gan || o.discriminator.family == DiscriminatorFamily::patch,
        "--gan-type gan needs raw scores, and the keras discriminator ends in a sigmoid; choose wgan, lsgan "
        "or wgan-gp");
}

std::string to_json(const TrainOptions& options) {
  Json json;
  json["preset"] = options.generator.preset;
  for (const Field& field : fields()) json[field.key] = field.get(options);
  return json.dump(2) + "\n";
}

TrainOptions train_options_from_json(const std::string& text, const std::string& file_name) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail(file_name, ": not valid JSON: ", error.what());
  }
  check(json.is_object(), file_name, ": expected a JSON object of options");
  check(json.contains("preset") && json["preset"].is_string(), file_name, ": the key \"preset\" is missing");
  TrainOptions options = train_options_for(find_preset(json["preset"].get<std::string>()));
  for (const auto& [key, value] : json.items()) {
    if (key == "preset") continue;
    const auto& all = fields();
    const auto found =
        std::find_if(all.begin(), all.end(), [&k = key](const Field& f) { return k == f.key; });
    check(found != all.end(), file_name, ": unknown option \"", key,
          "\"; a run's config.json shows all that exist");
    try {
      found->set(options, value);
    } catch (const Error& error) {
      fail(file_name, ": option \"", key, "\": ", error.what());
    }
  }
  return options;
}

}  // namespace dg
