"""The report in a real browser, on a run of drawn cars whose names would break a careless page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report import pictures
from bench.report.page import render
from tests.tiny import MEMBERS, TRAIN_CARS, Made

MAX_BYTES = 15_000_000
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"  # to look at; git ignores them
HOSTILE = '<img src=x onerror="window.hurt=1">&$x_1$'


class Page:
    """A page opened from disk, and everything it said or asked for."""

    def __init__(self, browser, path, **context):
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.route("**/*", self._answer)
        self.page.goto(path.as_uri())

    def _answer(self, route):
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    def column(self, number):
        """The texts of a column of the leaderboard."""
        return self.page.eval_on_selector_all(
            f".board tbody tr > :nth-child({number})", "cells => cells.map(c => c.dataset.sort)"
        )


@pytest.fixture
def opened(chromium, report):
    found = Page(chromium, report, viewport={"width": 1280, "height": 900})
    yield found
    assert found.said == []
    assert found.asked == []
    found.context.close()


def test_page_is_one_small_file_that_names_no_other(report):
    text = report.read_text()
    assert report.stat().st_size < MAX_BYTES
    assert not re.search(r"""(?:src|href)=(?!["']?(?:data:|#))""", text)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_all_pictures_show_and_say_what_they_are(opened):
    images = opened.page.evaluate(
        "[...document.images].map(i => [i.complete && i.naturalWidth, i.hasAttribute('alt'),"
        " i.alt, !!i.closest('.strip')])"
    )
    assert len(images) > 50
    assert all(width > 0 for width, *_ in images)
    assert all(has and (text or strip) for _, has, text, strip in images)
    drawn = opened.page.eval_on_selector_all(
        "svg:not([aria-hidden])",
        "all => all.map(s => [s.getAttribute('role'), s.getAttribute('aria-label'),"
        " s.getBoundingClientRect().width])",
    )
    assert len(drawn) > 8
    assert all(role == "img" and label and width > 50 for role, label, width in drawn)


def test_headings_sort_by_click_and_by_keyboard(opened):
    dice = [float(each) for each in opened.column(3)]
    assert dice == sorted(dice, reverse=True)
    opened.page.click("th:nth-child(3) button")
    assert [float(each) for each in opened.column(3)] == sorted(dice)
    assert opened.page.get_attribute("th:nth-child(3)", "aria-sort") == "ascending"
    opened.page.focus("th:nth-child(2) button")
    opened.page.keyboard.press("Enter")
    assert opened.column(2) == sorted(opened.column(2))
    assert opened.page.get_attribute("th:nth-child(3)", "aria-sort") is None
    opened.page.click("th:nth-child(5) button")  # the gain: single models have none
    gains = opened.column(5)
    known = [float(each) for each in gains if each]
    assert known == sorted(known, reverse=True)
    assert gains[-len(MEMBERS) :] == [""] * len(MEMBERS)
    assert "Gain, descending" in opened.page.inner_text("#sorted")


def test_photographs_are_walked_by_keyboard_and_click(opened):
    page = opened.page

    def shown():
        return page.eval_on_selector_all(
            "#viewer article",
            "all => all.map((a, i) => a.hidden || !a.offsetHeight ? -1 : i).filter(i => i >= 0)",
        )

    count = page.locator("#viewer article").count()
    assert count > 3
    assert shown() == [0]
    page.keyboard.press("ArrowRight")
    assert shown() == [1]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert shown() == [count - 1]
    page.click(".strip button:nth-child(3)")
    assert shown() == [2]
    assert page.inner_text(".walk output") == f"3 of {count}"
    page.keyboard.press("Home")
    assert shown() == [0]
    page.click("[aria-label='Next photograph']")
    assert shown() == [1]


def test_slider_uncovers_the_cutout_and_keeps_its_arrow_keys(opened):
    page = opened.page
    slider = "#viewer article:not([hidden]) .slide input"
    page.focus(slider)
    page.keyboard.press("Home")
    cut = f"getComputedStyle(document.querySelector('{slider}').previousElementSibling).clipPath"
    assert page.evaluate(cut) in ("inset(0px)", "inset(0px 0px 0px 0%)")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(cut) == "inset(0px 0px 0px 1%)"
    shown = page.locator("#viewer article:not([hidden])")
    assert shown.get_attribute("aria-labelledby") == "shot-1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_fits_its_window_and_its_scheme(chromium, report, scheme, width):
    context = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    found = Page(chromium, report, **context)
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    ground = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    level = int(re.findall(r"\d+", ground)[0])
    assert level > 200 if scheme == "light" else level < 50
    picture = SCREENSHOTS / f"report-{scheme}-{width}.png"
    found.page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000
    assert found.said == []
    found.context.close()


def test_paper_has_two_photographs_of_each_kind_and_no_controls(opened):
    opened.page.emulate_media(media="print")
    shots = opened.page.locator("#viewer article:visible").count()
    assert 3 < shots <= 2 * len(pictures.PHOTOGRAPH_KINDS)
    assert opened.page.locator("nav, .strip, .walk").locator("visible=true").count() == 0


def test_page_can_be_read_without_its_script(chromium, report):
    found = Page(chromium, report, java_script_enabled=False)
    articles = found.page.locator("#viewer article")
    assert articles.count() == found.page.locator("#viewer article:visible").count()
    found.context.close()


def test_names_from_files_are_escaped(run_facts, chromium, tmp_path):
    cars = dict.fromkeys(TRAIN_CARS, ("2014", HOSTILE, HOSTILE))
    board = run_facts.leaderboard.assign(
        entry=run_facts.leaderboard["entry"].replace("vote", HOSTILE)
    )
    scores = run_facts.scores.assign(entry=run_facts.scores["entry"].replace("vote", HOSTILE))
    suite = run_facts.suite.model_copy(update={"title": HOSTILE})
    hostile = replace(
        run_facts,
        name=HOSTILE,
        suite=suite,
        leaderboard=board,
        scores=scores,
        names=replace(run_facts.names, cars=cars),
        origin=replace(run_facts.origin, commands=[HOSTILE]),
    )
    path = tmp_path / "hostile.html"
    path.write_text(render(hostile, []))
    found = Page(chromium, path)
    assert found.page.title() == f"{HOSTILE}: {HOSTILE}"
    assert found.page.inner_text("h1") == HOSTILE
    assert found.page.locator("img").count() == 0
    assert found.page.evaluate("window.hurt") is None
    assert HOSTILE in found.page.inner_text("#by-view")
    assert found.said == []
    found.context.close()


def test_report_is_left_alone_until_a_source_changes(made, report):
    before = report.stat().st_mtime_ns
    assert made.main("report") == 0
    assert report.stat().st_mtime_ns == before
    (made.run_folder / "scores.parquet").touch()
    assert made.main("report") == 0
    assert report.stat().st_mtime_ns == before
    (made.run_folder / "made" / "analysis.json").unlink()
    (made.run_folder / "analysis.json").unlink()
    assert made.main("report") == 4
    assert made.main("score") == 0
    report.write_text("another page")
    assert made.main("report") == 0
    assert report.stat().st_mtime_ns > before


def test_report_before_the_scores_says_what_comes_first(tiny_carvana, tmp_path, capsys):
    early = Made(tmp_path, tiny_carvana)
    early.draw(seed=0)
    assert early.main("report") == 4
    assert "not made yet; first: carvana-bench score" in capsys.readouterr().err


def test_statistics_name_resamples_flips_and_seed(report, made):
    text = report.read_text()
    assert "Student&#39;s t over cars" in text
    assert "all 16 flips of signs" in text
    assert "Seed 0." in text
    used = json.loads((made.run_folder / "analysis.json").read_text())["statistics"]
    assert (used["seed"], used["flips_of_a_pair"], used["correction"]) == (0, 8, "Holm")


def test_times_taken_beside_other_work_say_so(run_facts):
    busy = replace(run_facts, origin=replace(run_facts.origin, other_cores=1.3))
    quiet = replace(run_facts, origin=replace(run_facts.origin, other_cores=0.0))
    assert "kept up to 1.3 cores busy" in render(busy, [])
    assert "cores busy" not in render(quiet, [])


def test_a_suite_without_ensembles_and_a_single_car_has_a_report(run_facts):
    single = run_facts.leaderboard[run_facts.leaderboard["kind"] == "single"].drop(
        columns=["dice_low", "dice_high"]
    )
    one = run_facts.scores[run_facts.scores["car"] == TRAIN_CARS[0]]
    one = one[one["entry"].isin(MEMBERS)]
    analysis = run_facts.analysis.model_copy(update={"ensembles": []})
    text = render(
        replace(run_facts, leaderboard=single, scores=one, analysis=analysis, histories={}), []
    )
    assert "The suite has no ensemble" in text
    assert "A single car was scored" in text
