"""Which photographs are cut out, and that none is left out in silence."""

import pytest

from bench.cutout import formats, photographs, sources
from bench.cutout.photographs import NoPhotograph
from bench.system.errors import BadConfig, BadData
from tests.cutting_out import HEIC
from tests.tiny import packed, wedge

PHOTOGRAPH = packed(wedge(), "JPEG")
RAW = b"II*\0\x10\0\0\0CR\2\0" + bytes(99)
OTHERS = {
    "HEIC": HEIC,
    "AVIF": b"\0\0\0\x18ftypavif" + bytes(9),
    "TIFF or RAW": packed(wedge(), "TIFF"),
    "BMP": packed(wedge(), "BMP"),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(9),
    "Photoshop": b"8BPS\0\1" + bytes(20),
}


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_formats_that_cannot_be_read_are_counted_by_suffix_with_a_cure(tmp_path):
    write(tmp_path, a_HEIC=HEIC, b_heic=HEIC, c_CR2=RAW, d_JPG=PHOTOGRAPH, e_jpg=HEIC, f_txt=b"a")
    found = sources.find([tmp_path], tmp_path / "out", ".png")
    assert list(found.targets.values()) == [tmp_path / "d.JPG"]
    assert found.left_out == (
        "left out 4 pictures that cannot be read (2 .heic, 1 .cr2, 1 .jpg), the first: "
        f"{tmp_path}/a.HEIC; only JPEG, PNG, WebP or GIF can: save it as JPEG or PNG, and cut "
        "that out; left out 1 other file (1 .txt)"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JPEG, PNG, WebP or GIF, but empty; copy it again"),
        (
            b"text",
            "no JPEG, PNG, WebP or GIF, or damaged in its first bytes; copy it again, or save",
        ),
        (bytes(99), "no JPEG, PNG, WebP or GIF, or damaged in its first bytes; copy it again"),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp", "gif"])
def test_a_file_whose_suffix_is_read_is_a_photograph_empty_or_damaged(
    tmp_path, suffix, content, said
):
    write(tmp_path, **{f"a_{suffix}": content, "b_heic": b"", "c_txt": b""})
    found = sources.find([tmp_path], tmp_path / "out", ".png")
    assert list(found.targets.values()) == [tmp_path / f"a.{suffix}"]
    assert (found.pictures, found.others) == ([tmp_path / "b.heic"], [tmp_path / "c.txt"])
    with pytest.raises(NoPhotograph, match=f"^{said}"):
        photographs.read(content)


@pytest.mark.parametrize("name", OTHERS)
def test_a_picture_of_another_format_is_called_by_its_format(name):
    assert formats.other_format(OTHERS[name][:16]) == name
    with pytest.raises(NoPhotograph, match=f"{name}, not JPEG, .*; save it as JPEG or PNG"):
        photographs.read(OTHERS[name])


def test_a_folder_without_photographs_says_what_is_in_it(tmp_path):
    write(tmp_path, a_heic=HEIC, b_nef=RAW)
    with pytest.raises(BadData, match="no JPEG, PNG, WebP or GIF in it; left out 2 pictures"):
        sources.find([tmp_path], tmp_path / "out", ".png")


def test_links_to_folders_are_followed_once(tmp_path):
    write(tmp_path, elsewhere__a_jpg=PHOTOGRAPH, photographs__b_jpg=PHOTOGRAPH)
    (tmp_path / "photographs" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "photographs")
    found = sources.find([tmp_path / "photographs"], tmp_path / "out", ".png")
    names = {path.relative_to(tmp_path / "out").as_posix() for path in found.targets}
    assert names == {"b.png", "more/a.png"}


@pytest.mark.parametrize(
    "names", [("a_jpg", "A_png"), ("a_jpg", "a_gif"), ("s__a_jpg", "S__A_PNG")]
)
def test_results_that_a_disk_may_not_tell_apart_are_refused(tmp_path, names):
    write(tmp_path, **dict.fromkeys(names, PHOTOGRAPH))
    with pytest.raises(BadConfig, match=r"would both become .*; rename or move one of each pair"):
        sources.find([tmp_path], tmp_path / "out", ".png")


def test_all_pairs_that_would_become_one_result_are_named_up_to_ten(tmp_path):
    """And the cure works."""
    for number in range(12):
        write(tmp_path, **{f"{number:02}_jpg": PHOTOGRAPH, f"{number:02}_webp": PHOTOGRAPH})
    with pytest.raises(BadConfig) as refused:
        sources.find([tmp_path], tmp_path / "out", ".png")
    said = str(refused.value)
    for number in range(10):
        pair = f"{tmp_path}/{number:02}.webp and {tmp_path}/{number:02}.jpg"
        assert f"{pair} would both become {tmp_path}/out/{number:02}.png, " in said
    assert "and 2 more; rename or move one" in said and "11.jpg" not in said
    for path in tmp_path.glob("*.webp"):
        path.rename(path.with_stem(f"{path.stem}-again"))
    assert len(sources.find([tmp_path], tmp_path / "out", ".png").targets) == 24


def test_results_of_an_earlier_call_are_no_photographs(tmp_path):
    write(tmp_path, a_jpg=PHOTOGRAPH, cut__a_png=PHOTOGRAPH, cut__cutouts_json=b"{}")
    found = sources.find([tmp_path], tmp_path / "cut2", ".png")
    assert list(found.targets.values()) == [tmp_path / "a.jpg"]
