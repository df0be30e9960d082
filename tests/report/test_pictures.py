"""Pictures of a report: small errors still show, and crops do not overlap."""

import base64
import io

import numpy as np
from PIL import Image

from bench.config.machine import Machine
from bench.report import inline_images, pictures
from bench.run.run import Run


def test_a_single_wrong_pixel_still_shows_when_shrunk():
    truth = np.zeros((640, 1920), bool)
    truth[200:400, 500:1500] = True
    predicted = truth.copy()
    predicted[10, 10] = True
    predicted[300, 700] = False
    small = inline_images.errors(predicted, truth, 480)
    assert (small.width, small.height) == (480, 160)
    places = np.asarray(_decoded(small))
    assert places[2, 2] == 2
    assert places[75, 175] == 3
    assert np.count_nonzero(places == 1) == 50 * 250 - 1


def test_crops_do_not_overlap_and_stop_where_nothing_is_wrong():
    truth = np.zeros((600, 900), bool)
    predicted = truth.copy()
    predicted[50:60, 50:60] = predicted[500:505, 800:805] = True
    found = pictures.crops(np.zeros((600, 900, 3), np.uint8), predicted, truth)
    assert len(found) == 2
    assert found[0].place.startswith("rows 0 to 240")
    assert pictures.crops(np.zeros((600, 900, 3), np.uint8), truth, truth) == []


def _decoded(small):
    return Image.open(io.BytesIO(base64.b64decode(small.uri.partition(",")[2])))


def test_chosen_photographs_are_the_worst_the_median_and_the_most_disputed(run_facts):
    chosen = pictures.choose(run_facts)
    assert len({image for *_, image in chosen}) == len(chosen)
    dice = run_facts.dice.T[run_facts.ensemble].sort_values()
    worst = [image for kind, _, image in chosen if kind == "worst"]
    assert worst[0] == dice.index[0]
    disputed = run_facts.analysis.disputed_px
    first = next(image for kind, _, image in chosen if kind == "disputed")
    left = set(disputed) - {image for *_, image in chosen[: chosen.index(("disputed", 1, first))]}
    assert disputed[first] == max(disputed[image] for image in left)


def test_too_many_bytes_leave_out_photographs_not_the_page(run_facts, made, parts, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 60_000)
    suite, _, data, layout = parts
    run = Run(suite, made.suite, data, layout, made.folder / "out", Machine("cpu", 1))
    found = pictures.draw(run_facts, run.fitted_entries(), run.members("heldout"))
    assert 1 <= len(found) < len(pictures.choose(run_facts))
