// Blur is computed for the wanted window only: the window is cut out with a margin of the PSF's radius, cut
// off where the picture ends, and the blur mirrors there as it would for the whole picture.
#include "data/detail/dataset_sources.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <utility>

namespace dg {
namespace {

void check_index(std::int64_t index, std::int64_t size) {
  check(index >= 0 && index < size, "data set: asked for pair ", index, ", but there are ", size, " (0 to ",
        size - 1, ")");
}

// The window that a request means in a picture of this size. Two numbers are drawn, needed or not, so that
// what follows in the stream does not depend on the request.
Region choose_window(const CropRequest& request, std::int64_t width, std::int64_t height,
                     RandomStream& stream, const std::string& name) {
  const double u = stream.uniform();
  const double v = stream.uniform();
  Region window;
  window.width = request.width > 0 ? request.width : width;
  window.height = request.height > 0 ? request.height : height;
  check(window.width <= width && window.height <= height, "data set: '", name, "' is ", width, "x", height,
        " pixels, but the crop is ", window.width, "x", window.height,
        "; use a smaller crop or larger pictures");
  const auto place = [&](double draw, std::int64_t room) {
    return request.centred ? room / 2 : static_cast<std::int64_t>(draw * static_cast<double>(room + 1));
  };
  window.x = place(u, width - window.width);
  window.y = place(v, height - window.height);
  return window;
}

// The region and up to `margin` pixels around it, as far as the picture goes.
Region with_margin(const Region& region, std::int64_t margin, std::int64_t width, std::int64_t height) {
  const std::int64_t left = std::max<std::int64_t>(0, region.x - margin);
  const std::int64_t top = std::max<std::int64_t>(0, region.y - margin);
  const std::int64_t right = std::min(width, region.x + region.width + margin);
  const std::int64_t bottom = std::min(height, region.y + region.height + margin);
  return {left, top, right - left, bottom - top};
}

// Blur, noise and rounding of the window of a sharp picture.
FloatImage synthesise(const FloatImage& sharp, const Region& window, const Psf& psf,
                      const SynthesisOptions& options, RandomStream& stream) {
  FloatImage blurred = blur_in_linear_light(sharp, psf, window);
  if (options.max_noise.shot > 0.0 || options.max_noise.read > 0.0) {
    const double level = stream.uniform();
    add_sensor_noise(blurred, {level * options.max_noise.shot, level * options.max_noise.read}, stream);
  }
  for (float& value : blurred.pixels) {
    value = std::clamp(value, 0.0F, 1.0F);
    if (options.round_to_8_bit) {
      value = std::floor(value * 255.0F + 0.5F) / 255.0F;
    }
  }
  return blurred;
}

std::string describe_synthesis(const SynthesisOptions& options) {
  std::ostringstream text;
  text << "camera shakes of " << options.shake.min_length << " to " << options.shake.max_length
       << " px synthesised in linear light";
  if (options.max_noise.shot > 0.0 || options.max_noise.read > 0.0) {
    text << ", sensor noise up to shot " << options.max_noise.shot << " and read " << options.max_noise.read;
  }
  return text.str();
}

class FileSource : public PairSource {
 public:
  FileSource(DatasetListing listing, std::shared_ptr<PictureCache> cache)
      : listing_(std::move(listing)), cache_(std::move(cache)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(listing_.pairs.size()); }
  std::string describe() const override { return listing_.description; }

 protected:
  const PairFiles& pair(std::int64_t index) const {
    check_index(index, size());
    return listing_.pairs[static_cast<std::size_t>(index)];
  }
  std::shared_ptr<const RgbPicture> picture(const std::filesystem::path& path) const {
    return cache_->get(path);
  }

 private:
  DatasetListing listing_;
  std::shared_ptr<PictureCache> cache_;
};

class PairedSource final : public FileSource {
 public:
  using FileSource::FileSource;

  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    const PairFiles& files = pair(index);
    const auto blurred = picture(files.blurred);
    const auto sharp = picture(files.sharp);
    check(blurred->width == sharp->width && blurred->height == sharp->height, "data set: '",
          files.blurred.string(), "' is ", blurred->width, "x", blurred->height, " but its partner '",
          files.sharp.string(), "' is ", sharp->width, "x", sharp->height, "; a pair must have one size");
    const Region window = choose_window(request, sharp->width, sharp->height, stream, files.sharp.string());
    return {region_to_float(*blurred, window), region_to_float(*sharp, window), files.name};
  }
};

class StripSource final : public FileSource {
 public:
  using FileSource::FileSource;

  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    const PairFiles& files = pair(index);
    const auto strip = picture(files.sharp);
    check(strip->width % 2 == 0, "data set: the strip '", files.sharp.string(), "' is ", strip->width,
          " pixels wide, expected an even number for two halves of equal width");
    const std::int64_t half = strip->width / 2;
    const Region left = choose_window(request, half, strip->height, stream, files.sharp.string());
    const Region right{left.x + half, left.y, left.width, left.height};
    return {region_to_float(*strip, left), region_to_float(*strip, right), files.name};
  }
};

class SharpOnlySource final : public FileSource {
 public:
  SharpOnlySource(DatasetListing listing, std::shared_ptr<PictureCache> cache, SynthesisOptions synthesis)
      : FileSource(std::move(listing), std::move(cache)), synthesis_(std::move(synthesis)) {}

  std::string describe() const override {
    return FileSource::describe() + ", " + describe_synthesis(synthesis_);
  }

  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    const PairFiles& files = pair(index);
    const auto sharp = picture(files.sharp);
    const Region window = choose_window(request, sharp->width, sharp->height, stream, files.sharp.string());
    const Psf psf = random_psf(synthesis_.shake, stream);
    const Region surroundings = with_margin(window, psf.radius, sharp->width, sharp->height);
    const FloatImage scene = region_to_float(*sharp, surroundings);
    const Region inside{window.x - surroundings.x, window.y - surroundings.y, window.width, window.height};
    return {synthesise(scene, inside, psf, synthesis_, stream), region_to_float(*sharp, window), files.name};
  }

 private:
  SynthesisOptions synthesis_;
};

class ProceduralSource final : public PairSource {
 public:
  ProceduralSource(const ProceduralOptions& procedural, SynthesisOptions synthesis, Split split)
      : procedural_(procedural), synthesis_(std::move(synthesis)), split_(split) {
    check(procedural_.size > 0 && procedural_.width > 0 && procedural_.height > 0,
          "procedural data: size=", procedural_.size, ", pictures of ", procedural_.width, "x",
          procedural_.height, ", expected at least 1 of each");
  }

  std::int64_t size() const override { return procedural_.size; }

  std::string describe() const override {
    std::ostringstream text;
    text << "procedural: " << procedural_.size << " dead-leaves scenes (split " << name_of(split_)
         << ", seed " << procedural_.seed << "), " << describe_synthesis(synthesis_);
    return text.str();
  }

  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    check_index(index, size());
    const Psf psf = random_psf(synthesis_.shake, stream);
    const Region window{psf.radius, psf.radius, request.width > 0 ? request.width : procedural_.width,
                        request.height > 0 ? request.height : procedural_.height};
    // Three splits take every third scene each, so none is shared.
    const auto scene_id = static_cast<std::uint64_t>(index) * 3 + static_cast<std::uint64_t>(split_);
    RandomStream scene_stream(procedural_.seed, scene_id);
    const FloatImage scene = render_scene(window.width + 2 * psf.radius, window.height + 2 * psf.radius,
                                          scene_stream, procedural_.scene);
    Sample sample;
    sample.blurred = synthesise(scene, window, psf, synthesis_, stream);
    sample.sharp = crop(scene, window.x, window.y, window.width, window.height);
    sample.name = "scene_" + std::to_string(index);
    return sample;
  }

 private:
  ProceduralOptions procedural_;
  SynthesisOptions synthesis_;
  Split split_;
};

class MixtureSource final : public PairSource {
 public:
  explicit MixtureSource(std::vector<WeightedSource> sources) : sources_(std::move(sources)) {
    for (const WeightedSource& s : sources_) {
      check(std::isfinite(s.weight) && s.weight > 0.0, "data mixture: a weight is ", s.weight,
            ", expected a number above 0");
      total_weight_ += s.weight;
    }
  }

  std::int64_t size() const override {
    std::int64_t total = 0;
    for (const WeightedSource& s : sources_) {
      total += s.source->size();
    }
    return total;
  }

  std::string describe() const override {
    std::ostringstream text;
    text << "mixture of " << sources_.size() << ":";
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      text << (i == 0 ? " " : "; ") << 100.0 * sources_[i].weight / total_weight_ << " % "
           << sources_[i].source->describe();
    }
    return text.str();
  }

  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    check_index(index, size());
    double draw = stream.uniform() * total_weight_;
    std::size_t chosen = 0;
    while (chosen + 1 < sources_.size() && draw >= sources_[chosen].weight) {
      draw -= sources_[chosen].weight;
      ++chosen;
    }
    const PairSource& source = *sources_[chosen].source;
    const std::int64_t inner_index = stream.integer(source.size());
    return source.load(inner_index, stream, request);
  }

 private:
  std::vector<WeightedSource> sources_;
  double total_weight_ = 0.0;
};

}  // namespace

std::unique_ptr<PairSource> make_file_source(DatasetListing listing, const SynthesisOptions& synthesis,
                                             std::shared_ptr<PictureCache> cache) {
  switch (listing.kind) {
    case ListingKind::pairs: return std::make_unique<PairedSource>(std::move(listing), std::move(cache));
    case ListingKind::strips: return std::make_unique<StripSource>(std::move(listing), std::move(cache));
    case ListingKind::sharp_only:
      return std::make_unique<SharpOnlySource>(std::move(listing), std::move(cache), synthesis);
  }
  fail("data set: unknown kind of listing ", static_cast<int>(listing.kind));
}

std::unique_ptr<PairSource> make_procedural_source(const ProceduralOptions& procedural,
                                                   const SynthesisOptions& synthesis, Split split) {
  return std::make_unique<ProceduralSource>(procedural, synthesis, split);
}

std::unique_ptr<PairSource> make_mixture_source(std::vector<WeightedSource> sources) {
  check(!sources.empty(), "data mixture: no data set was given, expected at least one");
  return std::make_unique<MixtureSource>(std::move(sources));
}

}  // namespace dg
