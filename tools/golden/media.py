#!/usr/bin/env python3
"""Writes tests/golden/media: tiny pictures of every format and mode, and what Pillow makes of them.

Needs Pillow and numpy. The pictures are committed, so that the expected bytes stay valid with any
version of the encoders.
"""
import hashlib
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "media"


def pattern(width, height, channels):
    """Smooth gradients with a little noise: compresses, yet no two pixels are alike."""
    rng = np.random.default_rng(width * 1000 + height * 10 + channels)
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (3 + c) + y * (5 - c) + 40 * c) % 256 for c in range(channels)]
    noise = rng.integers(0, 24, (height, width, channels))
    values = np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)
    return values[..., 0] if channels == 1 else values


def over_white(image):
    """RGB of a picture: alpha over white, the rest as convert("RGB")."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba).convert("RGB")
    return image.convert("RGB")


def png_16_bit(values, color_type):
    """A 16-bit PNG; Pillow does not write RGB ones."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + values[y].astype(">u2").tobytes() for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(image, fmt, **options):
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def bmp_16_bit(values, masks):
    """A 16-bit BMP with bit-field masks: 5-6-5 or 5-5-5."""
    height, width = values.shape[:2]
    stride = (width * 2 + 3) // 4 * 4
    rows = b""
    for y in reversed(range(height)):
        row = b""
        for r, g, b in values[y].astype(int):
            pixel = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3 if masks else (r >> 3) << 10 | (g >> 3) << 5 | b >> 3
            row += struct.pack("<H", pixel)
        rows += row.ljust(stride, b"\0")
    extra = struct.pack("<III", 0xF800, 0x07E0, 0x001F) if masks else b""
    offset = 54 + len(extra)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 16, 3 if masks else 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + extra + rows


def bmp_rle8(width, height):
    """An RLE8 bitmap with runs, literals and an early end of line; row 0 is the bottom."""
    palette = b"".join(bytes((i, 255 - i, i // 2, 0)) for i in range(256))
    data = b""
    for y in range(height):
        data += bytes((width - 3, 10 * y)) + bytes((0, 3, 1, 2, 3, 0)) + b"\0\0"
    data += b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    offset = 14 + 40 + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def exif_bytes(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def pictures():
    """(name, bytes, tolerance): tolerance is the largest difference allowed, 0 for equal bytes."""
    rgb = Image.fromarray(pattern(37, 29, 3))
    grey = Image.fromarray(pattern(33, 21, 1))
    rgba = Image.fromarray(pattern(31, 23, 4), "RGBA")
    grey_alpha = Image.fromarray(pattern(19, 17, 2), "LA")
    wide = np.arange(20 * 14 * 3, dtype=np.uint32).reshape(14, 20, 3) * 78 % 65536
    palette = rgb.quantize(64)
    two_colours = grey.point(lambda v: 255 if v > 100 else 0).convert("1")

    for subsampling, label in ((0, "444"), (1, "422"), (2, "420")):
        yield f"rgb_{label}.jpg", encoded(rgb, "JPEG", quality=85, subsampling=subsampling), 0
    yield "progressive.jpg", encoded(rgb, "JPEG", quality=60, progressive=True), 0
    yield "grey.jpg", encoded(grey, "JPEG"), 0
    yield "cmyk.jpg", encoded(rgb.convert("CMYK"), "JPEG", quality=90), 0
    yield "one_pixel.jpg", encoded(rgb.crop((3, 3, 4, 4)), "JPEG"), 0
    for orientation in range(1, 9):
        yield f"exif_{orientation}.jpg", encoded(rgb, "JPEG", exif=exif_bytes(orientation)), 0

    yield "rgb.png", encoded(rgb, "PNG"), 0
    yield "rgba.png", encoded(rgba, "PNG"), 0
    yield "grey.png", encoded(grey, "PNG"), 0
    yield "grey_alpha.png", encoded(grey_alpha, "PNG"), 0
    yield "palette.png", encoded(palette, "PNG"), 0
    yield "palette_16_colours.png", encoded(rgb.quantize(16), "PNG", bits=4), 0
    yield "palette_alpha.png", encoded(palette, "PNG", transparency=bytes(range(0, 256, 4))), 0
    yield "grey_transparent_colour.png", encoded(grey, "PNG", transparency=int(np.asarray(grey)[2, 2])), 0
    yield "two_colours.png", encoded(two_colours, "PNG"), 0
    yield "exif_6.png", encoded(rgb, "PNG", exif=exif_bytes(6)), 0
    yield "rgb_16_bit.png", png_16_bit(wide, 2), 0
    yield "grey_16_bit.png", png_16_bit(wide[..., :1], 0), 0
    yield "rgba_16_bit.png", png_16_bit(np.concatenate([wide, wide[..., :1]], -1), 6), 0

    yield "lossless.webp", encoded(rgb, "WEBP", lossless=True), 0
    yield "lossy.webp", encoded(rgb, "WEBP", quality=80), 0
    yield "alpha.webp", encoded(rgba, "WEBP", lossless=True, exact=True), 0
    yield "exif_8.webp", encoded(rgb, "WEBP", lossless=True, exif=exif_bytes(8)), 0
    yield "animated.webp", encoded(rgb, "WEBP", lossless=True, save_all=True, append_images=[rgb.transpose(0)], duration=100), 0

    yield "palette.gif", encoded(palette, "GIF"), 0
    yield "transparent.gif", encoded(palette, "GIF", transparency=3), 0
    yield "animated.gif", encoded(palette, "GIF", save_all=True, append_images=[rgb.transpose(0).quantize(32)], duration=50), 0

    yield "rgb.bmp", encoded(rgb, "BMP"), 0
    yield "rgba.bmp", encoded(rgba, "BMP"), 0
    yield "grey.bmp", encoded(grey, "BMP"), 0
    yield "palette.bmp", encoded(palette, "BMP"), 0
    yield "two_colours.bmp", encoded(two_colours, "BMP"), 0
    yield "rgb_565.bmp", bmp_16_bit(pattern(13, 9, 3), True), 0
    yield "rgb_555.bmp", bmp_16_bit(pattern(13, 9, 3), False), 0
    yield "rle8.bmp", bmp_rle8(12, 5), 0
    top_down = bytearray(encoded(rgb, "BMP"))
    top_down[22:26] = struct.pack("<i", -rgb.height)
    yield "top_down.bmp", bytes(top_down), 0

    yield "rgb.tif", encoded(rgb, "TIFF"), 0
    yield "lzw.tif", encoded(rgb, "TIFF", compression="tiff_lzw"), 0
    yield "deflate_rgba.tif", encoded(rgba, "TIFF", compression="tiff_adobe_deflate"), 0
    yield "grey.tif", encoded(grey, "TIFF"), 0
    yield "palette.tif", encoded(palette, "TIFF"), 0
    yield "two_colours.tif", encoded(two_colours, "TIFF", compression="group4"), 0
    yield "cmyk.tif", encoded(rgb.convert("CMYK"), "TIFF"), 0
    yield "grey_16_bit.tif", encoded(Image.fromarray(wide[..., 0].astype(np.uint16)), "TIFF"), 0
    tiff_exif = Image.Exif()
    tiff_exif[0x0112] = 5
    yield "orientation_5.tif", encoded(rgb, "TIFF", exif=tiff_exif), 0

    # Two decoders convert chroma with different rounding.
    yield "rgb_444.avif", encoded(rgb, "AVIF", quality=90, subsampling="4:4:4"), 3
    yield "alpha.avif", encoded(rgba, "AVIF", quality=100, subsampling="4:4:4"), 3
    yield "grey.avif", encoded(grey, "AVIF", quality=90), 3


def expected_rgb(name, data):
    """What the decoder must give, as an RGB picture."""
    from PIL import ImageOps

    image = Image.open(io.BytesIO(data))
    if image.mode.startswith("I"):
        # Pillow saturates 16-bit grey; we keep the high byte.
        high = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        image = Image.fromarray(high)
    image = ImageOps.exif_transpose(image) if not name.endswith(".avif") else image
    return over_white(image)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    lines = []
    for name, data, tolerance in pictures():
        (OUT / name).write_bytes(data)
        image = expected_rgb(name, data)
        row = {
            "file": name,
            "width": image.width,
            "height": image.height,
            "sha256": hashlib.sha256(image.tobytes()).hexdigest(),
        }
        if tolerance:
            row["tolerance"] = tolerance
            row["reference"] = name + ".reference.png"
            image.save(OUT / row["reference"])
        lines.append(json.dumps(row))
    header = {"generator": "tools/golden/media.py", "pillow": PIL.__version__}
    (OUT / "index.jsonl").write_text("\n".join([json.dumps(header), *lines]) + "\n")
    print(f"{len(lines)} pictures in {OUT}")


if __name__ == "__main__":
    main()
