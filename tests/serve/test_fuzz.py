"""The API under whatever may be sent: drawn from its own description, and malformed pictures."""

import random
import time
import zipfile
from io import BytesIO

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from PIL import Image
from schemathesis import checks

from tests.tiny import TRAIN_CARS, packed, png_header, wedge

pytestmark = pytest.mark.slow

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ANSWER_S = 5  # nothing may take longer


def test_api_keeps_to_its_description(server):
    schema = schemathesis.openapi.from_url(f"{server}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 5
    for operation in operations:

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy())
        def check(case):
            case.call_and_validate(checks=CHECKS, timeout=30)

        check()


def malformed(good: bytes) -> dict[str, tuple[bytes, set[int]]]:
    """Name -> content and the statuses that may answer it."""
    found: dict[str, tuple[bytes, set[int]]] = {}
    taken, kind, damaged, large = {200}, {415}, {415, 422}, {413}
    for orientation in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found[f"exif {orientation}"] = packed(wedge(), "JPEG", exif=exif), taken
    for mode, form in (("CMYK", "JPEG"), ("P", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("L", "WEBP")):
        found[f"{mode} {form}"] = packed(wedge().convert(mode), form), taken
    deep = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)
    found["16 bit"] = packed(deep, "PNG"), taken
    frames = {"save_all": True, "append_images": [wedge().rotate(90)] * 3}
    for form in ("GIF", "WEBP", "PNG"):
        found[f"animated {form}"] = packed(wedge(), form, **frames), taken
    found["one pixel"] = packed(Image.new("RGB", (1, 1)), "PNG"), taken
    found["a line"] = packed(Image.new("L", (9000, 1)), "PNG"), taken
    for share in (1, 10, 50, 90, 99):
        found[f"JPEG cut at {share} %"] = good[: len(good) * share // 100], damaged | taken
        whole = packed(wedge(), "PNG")
        intact = taken if share >= 90 else set()  # where only its end mark is missing
        found[f"PNG cut at {share} %"] = whole[: len(whole) * share // 100], damaged | intact
    shuffled = bytearray(good)
    for place in random.Random(0).sample(range(200, len(good)), 40):
        shuffled[place] ^= 0x55
    found["JPEG with wrong bytes"] = bytes(shuffled), damaged | taken
    found["bomb by header"] = png_header(60_000, 60_000), large
    found["bomb of zeros"] = packed(Image.new("1", (20_000, 20_000)), "PNG"), large
    found["bomb of scans"] = good[:-2] + b"\xff\xda\0\2" * 10_000, large
    found["size zero"] = png_header(0, 5), damaged
    lie = b"\xff\xe1\x00\x10Exif\0\0MM\0*\xff\xff\xff\xff"
    found["exif that lies"] = good[:2] + lie + good[2:], damaged | taken
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("car.jpg", good)
    for name, content in (
        ("HTML", b"<!doctype html><script>alert(1)</script>"),
        ("SVG", b"<svg onload='x'/>"),
        ("ZIP", archive.getvalue()),
        ("nothing", b""),
        ("zeros", bytes(5000)),
        ("TIFF", packed(wedge(), "TIFF")),
        ("a path", b"/etc/passwd"),
        ("a URL", b"http://127.0.0.1/"),
        ("JPEG's name alone", b"\xff\xd8\xff"),
        ("PDF", b"%PDF-1.7\n"),
        ("EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    ):
        found[f"{name} called .jpg"] = content, kind | damaged
    return found


def test_malformed_pictures_are_answered(server, tiny_carvana):
    """No 500, no crash, no hang; what can be seen is seen, all else is refused with a reason."""
    good = (tiny_carvana / "train" / f"{TRAIN_CARS[0]}_01.jpg").read_bytes()
    cases = malformed(good)
    assert len(cases) >= 30
    wrong = {}
    with httpx.Client(base_url=server, timeout=60) as client:
        idle_s = min(_ask(client, good)[1] for _ in range(3))
        for name, (content, statuses) in cases.items():
            answer, seconds = _ask(client, content)
            told = answer.status_code == 200 or answer.json()["reason"]
            if answer.status_code not in statuses or not told or seconds > ANSWER_S + 10 * idle_s:
                wrong[name] = answer.status_code, seconds, answer.text[:80]
        assert client.get("/health").status_code == 200
    assert not wrong


def _ask(client: httpx.Client, content: bytes) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    answer = client.post("/mask", files={"photograph": ("car.jpg", content)})
    return answer, time.monotonic() - began
