import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from bench.cutout import photographs
from bench.cutout.background import open_background
from bench.cutout.photographs import NoPhotograph, TooLarge
from bench.system.errors import BadData
from tests.tiny import packed, png_header, wedge


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "JPEG"])
def test_reads_every_format_by_its_content(form):
    options = {"lossless": True} if form == "WEBP" else {}
    found = photographs.read(packed(wedge(), form, **options))
    assert found.size == (24, 40)
    assert np.abs(found.pixels[5, 5].astype(int) - (250, 0, 0)).max() < 12
    assert found.opacity is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_upright_by_exif(orientation):
    stored = wedge()
    back = {
        2: "FLIP_LEFT_RIGHT",
        3: "ROTATE_180",
        4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE",
        6: "ROTATE_90",
        7: "TRANSVERSE",
        8: "ROTATE_270",
    }
    if orientation > 1:
        stored = stored.transpose(Image.Transpose[back[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = photographs.read(packed(stored, "PNG", exif=exif))
    assert np.array_equal(found.pixels, np.asarray(wedge()))


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(struct.pack("<HHI4s", 0x11A, 8, 1, bytes(range(96, 100))), id="signed"),
        pytest.param(struct.pack("<HHI4s", 0x11A, 7, 2, b"abcd"), id="of another type"),
        pytest.param(struct.pack("<HHIf", 0x10E, 11, 1, 1.0), id="a number for a text"),
    ],
)
def test_damaged_exif_is_no_reason_to_refuse(tag):
    tags = sorted([tag, struct.pack("<HHIHH", 0x112, 3, 1, 6, 0)])  # 6: to be turned to the right
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + b"".join(tags) + bytes(4)
    found = photographs.read(packed(wedge(), "PNG", exif=exif))
    assert np.array_equal(found.pixels, np.rot90(np.asarray(wedge()), -1))


def test_sees_transparent_pixels_over_white_and_keeps_the_holes():
    picture = wedge().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 10, 24))
    found = photographs.read(packed(picture, "PNG"))
    assert found.pixels[3, 3].tolist() == [255, 255, 255]
    assert found.opacity is not None
    assert found.opacity[3, 3] == 0 and found.opacity[3, 30] == 255
    assert found.colours is not None and found.colours[3, 3].tolist() == [0, 0, 0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr"])
def test_reads_every_mode(mode):
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    found = photographs.read(packed(wedge().convert(mode), form))
    assert found.pixels.shape == (24, 40, 3) and found.pixels.dtype == np.uint8


def test_cmyk_keeps_its_colours():
    found = photographs.read(packed(wedge().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found.pixels[5, 5].astype(int) - (250, 0, 0)).max() < 12


def test_rounds_16_bit_instead_of_cutting():
    values = np.array([[0, 257, 65535, 128 * 257 + 200]], np.uint16)
    found = photographs.read(packed(Image.fromarray(values), "PNG"))
    assert found.pixels[0, :, 0].tolist() == [0, 1, 255, 129]


def test_animation_gives_its_first_frame():
    frames = [wedge(), Image.new("RGB", (40, 24), "white")]
    found = photographs.read(packed(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert found.pixels[5, 5, 0] > 200 and found.pixels[5, 5, 1] < 50


def test_keeps_the_colour_profile():
    profile = bytes(16) + b"RGB " + b"not a real profile, but kept"
    found = photographs.read(packed(wedge(), "PNG", icc_profile=profile))
    again = Image.open(BytesIO(photographs.write(found.pixels, "png", found.profile)))
    assert again.info["icc_profile"] == profile


def test_a_background_is_seen_in_the_photograph_s_colours():
    """A profile whose red and green lie otherwise; shown by it, a colour is the one asked for."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    profile = plain.tobytes().replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ")
    profile = profile.replace(b"tXYZ", b"gXYZ")
    photo = photographs.Photograph(np.zeros((4, 6, 3), np.uint8), None, profile)
    made = open_background("#0a7bbd").behind(np.zeros((4, 6, 4), np.uint8), photo)
    wide = ImageCms.ImageCmsProfile(BytesIO(profile))
    shown = ImageCms.profileToProfile(Image.fromarray(made), wide, plain)
    assert np.abs(np.asarray(shown)[2, 2].astype(int) - (10, 123, 189)).max() <= 2
    assert np.abs(made[2, 2].astype(int) - (123, 10, 189)).max() <= 2


@pytest.mark.parametrize(("mode", "space"), [("L", b"GRAY"), ("CMYK", b"CMYK"), ("RGB", b"GRAY")])
def test_profile_of_other_colours_than_the_result_s_is_left_out(mode, space):
    content = packed(wedge().convert(mode), "JPEG", icc_profile=bytes(16) + space + bytes(20))
    assert photographs.read(content).profile is None


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"", NoPhotograph, id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", NoPhotograph, id="svg"),
        pytest.param(packed(wedge(), "BMP"), NoPhotograph, id="a format we do not read"),
        pytest.param(packed(wedge(), "PNG")[:60], BadData, id="cut short"),
        pytest.param(png_header(50_000, 50_000), TooLarge, id="says it has 2,500 megapixels"),
        pytest.param(png_header(8_000, 5_001), TooLarge, id="just over 40 megapixels"),
        pytest.param(b"\xff\xd8" + b"\xff\xfe\0\2" * 500_000, TooLarge, id="many comments"),
        pytest.param(
            b"\xff\xd8" + b"\xff\xe1\0\x09Exif\0\0x" * 200_000, TooLarge, id="many parts of EXIF"
        ),
        pytest.param(png_header(30_001, 1), TooLarge, id="too long"),
        pytest.param(
            packed(wedge(), "JPEG")[:-2] + b"\xff\xda\0\2" * 200, TooLarge, id="too many scans"
        ),
        pytest.param(
            packed(wedge(), "JPEG")[:-2] + b"\xff\xfe\0\2" * 500_000,
            TooLarge,
            id="many comments behind a scan",
        ),
    ],
)
def test_refuses(content, error):
    with pytest.raises(error):
        photographs.read(content)


@pytest.mark.parametrize("progressive", [False, True])
def test_what_lies_behind_the_end_of_a_jpeg_takes_no_part(progressive):
    content = packed(wedge(), "JPEG", progressive=progressive, restart_marker_blocks=1)
    film = np.random.default_rng(0).bytes(2**20) + b"\xff\xda" * 200
    found, alone = photographs.read(content + film), photographs.read(content)
    assert np.array_equal(found.pixels, alone.pixels)


def test_header_alone_tells_the_number_of_pixels():
    assert photographs.pixel_count(png_header(8_000, 5_000)) == 40_000_000


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_writes_what_it_reads(form):
    pixels = np.asarray(wedge())
    found = photographs.read(photographs.write(pixels, form))
    assert np.abs(found.pixels.astype(int) - pixels)[2:10, 2:18].max() < 8


def test_scaled_to_fill_fills_the_size_in_proportion():
    found = photographs.scaled_to_fill(photographs.Photograph(np.asarray(wedge())), (10, 10))
    assert found.shape == (10, 10, 3)
    assert found[0, 0].tolist() == [250, 0, 0] and found[0, -1].tolist() == [0, 250, 0]


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return packed(wedge(), "JPEG", exif=exif)


def half_transparent():
    picture = wedge().convert("RGBA")
    picture.putalpha(128)
    return packed(picture, "PNG")


def deep_grey():
    values = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60
    return packed(Image.fromarray(values), "PNG")


@pytest.mark.parametrize("content", [turned(), half_transparent(), deep_grey()])
def test_a_picture_of_pillow_s_is_seen_as_its_file_is_and_stays(content):
    picture = Image.open(BytesIO(content))
    size = picture.size
    found, expected = photographs.of_picture(picture), photographs.read(content)
    assert np.array_equal(found.pixels, expected.pixels) and picture.size == size
    assert (found.opacity is None) == (expected.opacity is None)


def test_a_picture_of_pillow_s_that_is_cut_short_or_empty_is_one_error():
    cut = Image.open(BytesIO(packed(wedge(), "JPEG")[:-200]))
    with pytest.raises(BadData, match="cut short"):
        photographs.of_picture(cut)
    with pytest.raises(BadData, match="0x4 pixels"):
        photographs.of_picture(Image.new("RGB", (0, 4)))
