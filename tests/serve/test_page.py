"""The page in a real browser, on a real server with a small trained model."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.tiny import TRAIN_CARS, serving

SLOW_MS = 60_000  # a busy machine fails no test


@pytest.fixture
def photos(tiny_carvana) -> list[Path]:
    return [tiny_carvana / "train" / f"{TRAIN_CARS[car]}_05.jpg" for car in (0, 1)]


@pytest.fixture
def page(chromium, server):
    """The page, on which nothing may go wrong unnoticed and from which nothing may be fetched."""
    opened = chromium.new_page()
    opened.set_default_timeout(SLOW_MS)
    wrong, asked = [], []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(server)
    yield opened
    opened.close()
    strangers = [url for url in asked if not url.startswith((server, "blob:"))]
    refused = [text for text in wrong if "415" not in str(text)]
    assert not strangers and not refused


def send(page, *paths: Path) -> None:
    page.set_input_files("#files", [str(path) for path in paths])
    page.wait_for_selector('#stage:is([data-state="done"], [data-state="failed"])')


def shown(page, selector: str) -> bool:
    """Whether an image has been decoded and is visible."""
    return page.eval_on_selector(
        selector, "image => image.complete && image.naturalWidth > 0 && image.checkVisibility()"
    )


def test_upload_progress_and_result(page, photos):
    states = """() => { window.states = []; new MutationObserver(() =>
        window.states.push(document.getElementById("stage").dataset.state)
    ).observe(document.getElementById("stage"), {attributes: true}) }"""
    page.evaluate(states)
    send(page, photos[0])
    page.wait_for_function("() => document.getElementById('after').naturalWidth === 120")
    assert {"working", "done"} <= set(page.evaluate("window.states"))
    assert shown(page, "#after") and shown(page, "#before")
    assert "120 × 80" in page.inner_text("#numbers")
    assert page.locator("#members tbody tr").count() == 2
    assert "Done" in page.text_content("#status")


def test_views_show_mask_and_disagreement(page, photos):
    send(page, photos[0])
    seen = {page.get_attribute("#after", "src")}
    for view in ("mask", "disagreement"):
        page.locator(f'input[value="{view}"]').check(force=True)
        page.wait_for_function(
            "before => !before.includes(document.getElementById('after').src)", arg=list(seen)
        )
        seen.add(page.get_attribute("#after", "src"))
    assert len(seen) == 3


def test_slider_moves_by_mouse_and_by_keyboard(page, photos):
    def at() -> str:
        return page.eval_on_selector("#stage", "stage => stage.style.getPropertyValue('--at')")

    send(page, photos[0])
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
    assert 15 <= int(at().rstrip("%")) <= 25
    page.focus("#split")
    page.keyboard.press("End")
    assert at() == "100%"
    page.keyboard.press("ArrowLeft")
    assert at() == "99%"


def test_download_is_what_the_api_answers(page, photos, server, tmp_path):
    send(page, photos[0])
    for background in ("transparent", "white", "blur"):
        page.locator(f'#backgrounds input[value="{background}"]').check(force=True)
        with page.expect_download() as download:
            page.click("#download")
        download.value.save_as(tmp_path / "got.png")
        page.wait_for_selector("#download:not([disabled])")
        assert download.value.suggested_filename == f"{photos[0].stem}-cutout.png"
        answer = httpx.post(
            f"{server}/cutout",
            files={"photograph": photos[0].read_bytes()},
            data={"background": background},
            timeout=60,
        )
        assert (tmp_path / "got.png").read_bytes() == answer.content


def test_own_picture_behind_the_car(page, photos, tmp_path):
    Image.new("RGB", (30, 20), (10, 200, 30)).save(tmp_path / "sky.png")
    send(page, photos[0])
    page.locator('#backgrounds input[value="image"]').check(force=True)
    assert page.is_disabled("#download")
    for view in ("mask", "cutout"):  # looking elsewhere makes no picture
        page.locator(f'input[value="{view}"]').check(force=True)
        assert page.is_disabled("#download")
    page.set_input_files("#picture", str(tmp_path / "sky.png"))
    assert "blob:" in page.eval_on_selector("#backdrop", "one => one.style.backgroundImage")
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "got.png")
    assert tuple(np.asarray(Image.open(tmp_path / "got.png"))[1, 1]) == (10, 200, 30)


def test_a_picture_that_is_none_spoils_no_result(page, photos, tmp_path):
    (tmp_path / "sky.png").write_text("no picture")
    send(page, photos[0])
    page.locator('#backgrounds input[value="image"]').check(force=True)
    page.set_input_files("#picture", str(tmp_path / "sky.png"))
    page.click("#download")
    page.wait_for_function("() => document.getElementById('legend').textContent.includes('JPEG')")
    assert "Background: no JPEG, PNG, WebP or GIF" in page.inner_text("#legend")
    assert page.get_attribute("#stage", "data-state") == "done"
    page.locator('#backgrounds input[value="transparent"]').check(force=True)
    with page.expect_download():
        page.click("#download")
    assert "Drag the line" in page.inner_text("#legend")


def test_text_file_is_refused_with_a_reason_and_its_name_stays_text(page, tmp_path, photos):
    letter = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    letter.write_text("not a photograph")
    send(page, letter)
    assert page.get_attribute("#stage", "data-state") == "failed"
    assert "No JPEG, PNG, WebP or GIF" in page.inner_text("#told")
    assert page.is_disabled("#download")
    assert page.locator("img[src='x']").count() == 0
    send(page, photos[0])  # and goes on
    page.wait_for_selector('#stage[data-state="done"]')


def test_several_photographs_and_touching_up(page, photos):
    send(page, *photos)
    page.wait_for_function(
        """() => document.querySelectorAll('#strip button[data-state="done"]').length === 2"""
    )
    first = page.get_attribute("#after", "src")
    page.locator("#strip button").nth(1).click()
    assert page.get_attribute("#after", "src") != first
    with page.expect_response("**/layers") as answer:
        page.get_by_label("Fill holes").check()
    assert answer.value.status == 200
    page.wait_for_selector('#stage[data-state="done"]')


def test_all_of_it_by_keyboard(page, photos):
    """From the top of the page, Tab reaches every control in turn and it answers to keys."""
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    opened = []
    page.on("filechooser", lambda chooser: opened.append(chooser))
    for _ in range(20):  # a busy browser drops a key that comes too soon after the page
        if not opened:
            page.keyboard.press("Enter")
            page.wait_for_timeout(2000)
    opened[0].set_files(str(photos[0]))
    page.wait_for_selector('#stage[data-state="done"]')
    page.focus("nav a")  # the first thing on the page
    reached = []
    for _ in range(18):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.value || ''")
        )
        if reached[-1] == "cutout":
            page.keyboard.press("ArrowRight")
            assert page.is_checked('input[value="mask"]')
        if reached[-1] == "transparent":
            page.keyboard.press("ArrowRight")
            assert page.is_checked('#backgrounds input[value="white"]')
    wanted = ["cutout", "split", "download", "transparent", "fill_holes", "denoise"]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_a_phone(chromium, server, photos, scheme):
    page = chromium.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.set_default_timeout(SLOW_MS)
    page.goto(server)
    send(page, photos[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) > 384) == (scheme == "light")
    page.close()


def test_page_of_the_api(chromium, server):
    page = chromium.new_page()
    page.goto(f"{server}/docs")
    page.wait_for_selector("section >> text=POST /cutout")
    assert "fill_holes" in page.inner_text("#docs")
    assert "Authorization" not in page.inner_text("#docs")
    page.close()


def test_examples_of_a_server_with_a_token_send_it(chromium, exported, tmp_path):
    token = "0123456789abcdef"
    (tmp_path / "token").write_text(token)
    with serving(exported, "--token-file", str(tmp_path / "token")) as (address, _):
        page = chromium.new_page(http_credentials={"username": "any", "password": token})
        page.goto(f"{address}/docs")
        page.wait_for_selector("section >> text=POST /cutout")
        examples = page.locator("pre").all_inner_texts()
        page.close()
    open_to_all = [each for each in examples if '"Authorization: Bearer TOKEN"' not in each]
    assert open_to_all == [f"curl {address}/health"] and len(examples) == 5
