// Picture files as a whole: the pixels and what the file says about them, so that a picture can be worked on and
// written again without turning it or changing its colours. data/image_io.h is for those who want the pixels alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/image_io.h"

namespace dg {

// Blocks of bytes as the file had them; empty: none. Nothing else of a file is kept: no XMP, no texts, no gAMA, cHRM or
// sRGB chunk of a PNG. Values are never converted by any of these, they stay as stored.
struct PictureMetadata {
  // A TIFF block as in PNG's eXIf chunk: "II" or "MM" first, without JPEG's "Exif\0\0".
  std::vector<std::uint8_t> exif;
  std::vector<std::uint8_t> icc;  // ICC profile

  bool operator==(const PictureMetadata&) const = default;
};

struct Picture {
  Image image;
  PictureMetadata metadata;
};

// By content, whatever the name of the file. TGA has no signature: what is none of the others counts as TGA.
ImageFormat picture_format(std::span<const std::uint8_t> bytes);

// The image stands upright: it is turned as the EXIF orientation says, and the block then says 1. Two things in the
// block are changed: this tag, and the link to its thumbnail, which is cut since it would show the picture of before.
// All else, sizes in pixels included, stays. Damaged blocks are dropped, and so is the profile of a CMYK JPEG, whose
// pixels became RGB. In a PNG only what stands before the pixels counts, as its standard demands. Errors as read_image.
Picture decode_picture(std::span<const std::uint8_t> bytes, const std::string& name);
Picture read_picture(const std::filesystem::path& path);

// What a file of this format would carry of the picture's metadata; compare it with the whole to tell a user what is
// lost. BMP and TGA carry nothing. JPEG carries EXIF of at most 65,527 bytes. PNG carries a profile only if it is one
// for grey or for RGB, as its pixels are.
PictureMetadata carried_metadata(const Picture& picture, ImageFormat format);

// encode_image, and with it what the format carries of the metadata, as it is. Throws Error also for an EXIF block
// that does not begin like a TIFF file.
std::vector<std::uint8_t> encode_picture(const Picture& picture, ImageFormat format,
                                         const EncodeOptions& options = {});

}  // namespace dg
