"""The API of a real server process: answers, limits, refusals."""

import base64
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from bench.cli.verbs import main
from bench.config.refinement import DEFAULT_STEPS
from bench.masks import rle
from tests.tiny import packed, png_header

MIB = 2**20


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=30) as opened:
        yield opened


def ask(client, path, content, name="car.jpg", **fields) -> httpx.Response:
    return client.post(path, files={"photograph": (name, content)}, data=fields)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)))


def test_cutout_is_what_the_command_makes(client, photo, exported, tmp_path):
    (tmp_path / "car.jpg").write_bytes(photo)
    words = ["--model", str(exported), "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(["cutout", str(tmp_path / "car.jpg"), *words]) == 0
    answer = ask(client, "/cutout", photo)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.content == (tmp_path / "out" / "car.png").read_bytes()
    assert pixels(answer.content).shape == (80, 120, 4)


def test_mask_as_picture_and_as_runs(client, photo):
    picture = pixels(ask(client, "/mask", photo).content)
    runs = ask(client, "/mask", photo, format="rle").json()
    decoded = rle.decode(runs["rle"], (runs["height"], runs["width"]))
    assert set(np.unique(picture)) == {0, 255}
    assert np.array_equal(decoded, picture == 255)


def test_layers_hold_the_same_bytes(client, photo):
    found = ask(client, "/layers", photo, steps=["fill_holes"]).json()
    assert (found["width"], found["height"]) == (120, 80)
    assert [member["name"] for member in found["members"]] == ["a", "b"]
    assert 0.05 < found["share"] < 0.6 and 0 <= found["contested"] < 0.5
    for name, path in (("cutout", "/cutout"), ("mask", "/mask")):
        alone = ask(client, path, photo, steps=["fill_holes"]).content
        assert base64.b64decode(found[name]) == alone
    for name in ("disagreement", "backdrop"):
        assert pixels(base64.b64decode(found[name])).shape == (80, 120, 3)


@pytest.mark.parametrize(
    ("background", "corner"),
    [("white", (255, 255, 255)), ("red", (255, 0, 0)), ("#0a14c8", (10, 20, 200))],
)
def test_backgrounds(client, photo, background, corner):
    made = pixels(ask(client, "/cutout", photo, background=background).content)
    assert made.shape == (80, 120, 3) and tuple(made[1, 1]) == corner


def test_own_picture_as_the_background(client, photo):
    sky = packed(Image.new("RGB", (30, 20), (10, 200, 30)), "PNG")
    files = {"photograph": photo, "background_image": sky}
    made = client.post("/cutout", files=files, data={"background": "image"})
    assert tuple(pixels(made.content)[1, 1]) == (10, 200, 30)
    files["background_image"] = b"<svg/>"
    assert client.post("/cutout", files=files, data={"background": "image"}).status_code == 415


@pytest.mark.parametrize(
    ("path", "field", "said"),
    [
        ("/cutout", "background_image", "background_image: for background=image, not transp"),
        ("/cutout", "photograph", "photograph: sent 2 times; send one"),
        ("/cutout", "photo", "no field 'photo', only photograph, steps, background, back"),
        ("/mask", "background_image", "no field 'background_image', only photograph, steps"),
        ("/layers", "format", "no field 'format', only photograph, steps"),
    ],
)
def test_no_field_is_passed_over(client, photo, path, field, said):
    files = [("photograph", photo), (field, photo)]
    answer = client.post(path, files=files, data={"steps": ["fill_holes", "denoise"]})
    assert answer.status_code == 422 and answer.json()["reason"].startswith(said)


def test_photograph_and_background_share_one_limit(client):
    files = dict.fromkeys(("photograph", "background_image"), b"\0" * (11 * MIB))
    answer = client.post("/cutout", files=files, data={"background": "image"})
    assert answer.status_code == 413 and "20 MiB in one request" in answer.json()["reason"]


def test_name_of_the_photograph_is_escaped(client, photo):
    answer = ask(client, "/cutout", photo, name='a"\r\nx: y<b>/../ü.jpg')
    assert answer.status_code == 200 and "x" not in answer.headers
    assert answer.headers["content-disposition"].isascii()


def test_about(client):
    assert client.get("/health").json()["status"] == "ok"
    about = client.get("/model").json()
    assert about["entry"] == "mean" and about["limits"] == {"bytes": 20 * MIB, "pixels": 40_000_000}
    assert [step["name"] for step in about["steps"]] == list(DEFAULT_STEPS)
    assert "/cutout" in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("content", "fields", "status", "said"),
    [
        pytest.param(b"a letter", {}, 415, "no JPEG, PNG, WebP or GIF", id="text"),
        pytest.param(b"", {}, 415, "no JPEG", id="empty"),
        pytest.param(png_header(8000, 5001), {}, 413, "40 megapixels", id="too many pixels"),
        pytest.param(png_header(20, 20), {}, 422, "damaged", id="damaged"),
        pytest.param(png_header(20, 20), {"steps": "polish"}, 422, "no 'polish'", id="step"),
        pytest.param(
            png_header(9, 9),
            {"background": "url(x)"},
            422,
            "background 'url(x)': unknown; name transparent, blur, an opaque colour (white, red, "
            "#0a7bbd) or image, with a picture as background_image",
            id="colour",
        ),
        pytest.param(png_header(9, 9), {"background": __file__}, 422, "unknown", id="own file"),
        pytest.param(png_header(9, 9), {"background": "image"}, 422, "wanted", id="no picture"),
        pytest.param(b"\0" * (21 * MIB), {}, 413, "20 MiB", id="too many bytes"),
    ],
)
def test_refuses_with_a_reason(client, content, fields, status, said):
    answer = ask(client, "/cutout", content, **fields)
    assert answer.status_code == status
    assert said in answer.json()["reason"] and answer.json()["error"]


def test_no_photograph_at_all(client):
    answer = client.post("/mask")
    assert answer.status_code == 422 and answer.json()["reason"] == "photograph: missing; add it"
    text = client.post("/mask", data={"photograph": "car.jpg"})
    said = "photograph: should be a file: -F photograph=@FILE"
    assert text.status_code == 422 and text.json()["reason"] == said
    broken = client.post("/mask", content=b"x", headers={"content-type": "multipart/form-data"})
    assert broken.status_code == 400
