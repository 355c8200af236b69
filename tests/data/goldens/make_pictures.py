#!/usr/bin/env python3
"""Writes pictures/: small PNG and JPEG files by Pillow (16-bit colour by pypng), and picture_goldens.inc: what they must
become once read, by Pillow: turned by ImageOps.exif_transpose, palettes and CMYK converted.

    pip install pillow pypng
    python3 make_pictures.py
"""
import importlib.metadata
import io
import pathlib

import PIL
import png
from PIL import ExifTags, Image, ImageCms, ImageOps

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 5, 3


def icc_profile():
    """Pillow's sRGB; the date of its making, bytes 24 to 36, is set to 1 January 2000."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes([0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    return bytes(profile)


def exif_block(orientation, endian="<"):
    """A TIFF block with a camera's name and, where asked for, an orientation."""
    exif = Image.Exif()
    exif.endian = endian
    exif[ExifTags.Base.Make] = "deblurgan"
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    block = exif.tobytes()
    return block.removeprefix(b"Exif\0\0")


def colours():
    """Neighbours differ, and no turn or mirror leaves the picture as it is."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata([(30 * x + 20, 60 * y + 40, 200 - 15 * x - 25 * y) for y in range(HEIGHT) for x in range(WIDTH)])
    return image


def palette_image():
    image = Image.new("P", (WIDTH, HEIGHT))
    image.putdata([i % 4 for i in range(WIDTH * HEIGHT)])
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
    return image


def by_pypng(alpha, interlace):
    values = [[[(4000 * x + 20000 * y + 1000 * c + 77) % 65536 for c in range(4 if alpha else 3)]
               for x in range(WIDTH)] for y in range(HEIGHT)]
    rows = [[value for pixel in row for value in pixel] for row in values]
    stream = io.BytesIO()
    writer = png.Writer(WIDTH, HEIGHT, greyscale=False, alpha=alpha, bitdepth=16, interlace=interlace)
    writer.write(stream, rows)
    return stream.getvalue(), [value for row in rows for value in row]


def encoded(image, file_format, **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def seen(data):
    """What Pillow shows: width, height, channels and values of 8 bits."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    mode = {"P": "RGBA" if "transparency" in image.info else "RGB", "CMYK": "RGB"}.get(image.mode, image.mode)
    image = image.convert(mode)
    return image.width, image.height, len(image.getbands()), 8, list(image.tobytes())


def main():
    icc = icc_profile()
    rgb = colours()
    jpeg = {"quality": 92, "subsampling": "4:4:4", "optimize": True}
    block = exif_block(None)
    files = {}  # name -> bytes, expected EXIF block, whether there is a profile
    for orientation in range(1, 9):
        endian = "<" if orientation % 2 else ">"
        exif = exif_block(orientation, endian)
        upright = exif_block(1, endian)
        files[f"orientation_{orientation}.png"] = encoded(rgb, "PNG", exif=exif), upright, False
        files[f"orientation_{orientation}.jpg"] = encoded(rgb, "JPEG", exif=b"Exif\0\0" + exif, **jpeg), upright, False
    files["icc_exif.png"] = encoded(rgb, "PNG", icc_profile=icc, exif=block), block, True
    files["icc_exif.jpg"] = encoded(rgb, "JPEG", icc_profile=icc, exif=b"Exif\0\0" + block, **jpeg), block, True
    files["palette_transparent.png"] = (
        encoded(palette_image(), "PNG", bits=2, transparency=bytes([0, 128, 255, 255])), b"", False)
    files["grey.jpg"] = encoded(rgb.convert("L"), "JPEG", quality=92, optimize=True), b"", False
    files["progressive_half_colours.jpg"] = (
        encoded(rgb, "JPEG", quality=92, subsampling="4:2:0", progressive=True), b"", False)
    files["cmyk.jpg"] = encoded(rgb.convert("CMYK"), "JPEG", icc_profile=icc, **jpeg), b"", False
    goldens = {name: (*seen(data), exif, profile) for name, (data, exif, profile) in files.items()}
    for name, alpha, interlace in (("rgb16.png", False, False), ("rgba16_interlaced.png", True, True)):
        data, values = by_pypng(alpha, interlace)
        files[name] = data, b"", False
        goldens[name] = WIDTH, HEIGHT, 4 if alpha else 3, 16, values, b"", False

    for name, (data, _, _) in files.items():
        (HERE / "pictures" / name).write_bytes(data)

    def listed(values):
        return "{" + ", ".join(str(value) for value in values) + "}"

    lines = [f"// Written by make_pictures.py: Pillow {PIL.__version__}, pypng {importlib.metadata.version('pypng')}.",
             f"constexpr std::uint8_t kIccProfile[] = {listed(icc)};",
             "// File, width, height, channels, bit depth, pixels, EXIF block and its size, whether it has the profile above.",
             "constexpr PictureGolden kPictureGoldens[] = {"]
    for name, (width, height, channels, depth, values, exif, profile) in goldens.items():
        lines.append(f'    {{"{name}", {width}, {height}, {channels}, {depth}, {listed(values)}, '
                     f"{listed(exif)}, {len(exif)}, {str(profile).lower()}}},")
    lines.append("};")
    (HERE / "picture_goldens.inc").write_text("\n".join(lines) + "\n")


main()
