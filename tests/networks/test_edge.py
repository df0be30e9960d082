"""Sharpening: tiles say what the whole photograph would, and nothing changes outside the band."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from bench.config.machine import Machine
from bench.config.recipe import Edge, Recipe
from bench.networks.build import build
from bench.networks.edge import Sharpener, band_of, seen_by_edge, window
from bench.networks.load import fuse
from bench.networks.predictor import EdgePredictor
from bench.networks.wanted import FoldTask
from bench.system.device import Accelerator, accelerator_of
from bench.system.errors import BadConfig
from tests.edges import EDGE
from tests.tiny import draw_car


def network(seed=0, **options):
    """An edge network whose weights, and statistics, are any."""
    torch.manual_seed(seed)
    made = build(EDGE).train()
    torch.nn.init.normal_(made.head.weight)
    made(torch.rand(4, 5, 64, 64).contiguous(memory_format=torch.channels_last))
    return fuse(made.eval())


def sharpener(networks, **changes):
    recipe = EDGE.model_copy(update=changes)
    return Sharpener(recipe, networks, accelerator_of("cpu"), exact=True)


def photo_and_map():
    photo, mask = draw_car(1, 3)
    return photo, np.where(mask, 200, 60).astype(np.uint8)


def test_the_band_is_what_lies_within_reach_of_both_car_and_background():
    map = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)
    map[:, 25:] = np.repeat([0, 255], [20, 15])
    car = map >= 128
    far = [distance_transform_cdt(side, "chessboard") for side in (car, ~car)]
    for reach in (1, 4):  # the distance to the nearest pixel of the other side
        assert np.array_equal(band_of(map, reach), np.maximum(*far) <= reach)
    assert not band_of(np.full((9, 9), 255, np.uint8), 3).any()


@pytest.mark.parametrize("views", [{"flip": False}, {"flip": True}])
def test_strips_say_what_the_whole_photograph_says(views):
    """Whatever their lengths, how many fit into memory, and where they begin."""
    photo, map = photo_and_map()
    changes = {"tta": EDGE.tta.model_copy(update=views)}
    small = {"size": (44, 48), "batch": 2}  # strips of 4 x 8 to 4 x 56 pixels of a photograph
    networks = [network(0), network(1)]
    strips = sharpener(networks, **changes, **small)(photo, map)
    whole = sharpener(networks, **changes, size=(160, 200))(photo, map)  # one strip
    band = band_of(map, EDGE.reach)
    assert np.array_equal(strips, whole) and (strips != map)[band].mean() > 0.3
    assert np.array_equal(strips[~band], map[~band])


def test_a_network_of_one_size_sees_tiles_of_that_size():
    photo, map = photo_and_map()
    seen, fixed = [], network()
    fixed.one_size = True
    fixed.register_forward_hook(lambda _, shown, said: seen.append(shown[0].shape[1:]))
    tiles = sharpener([fixed], size=(44, 48), batch=2)(photo, map)
    assert set(seen) == {(5, 44, 48)}
    assert np.array_equal(tiles, sharpener([network()])(photo, map))


def test_a_map_without_outline_stays_and_no_network_runs():
    photo, map = photo_and_map()
    map[:] = 7
    assert np.array_equal(sharpener([None])(photo, map), map)


@given(st.integers(-9, 30), st.integers(-9, 30), st.integers(1, 25), st.integers(1, 25))
@settings(max_examples=25, deadline=None)
def test_a_window_repeats_what_lies_at_the_edge(top, left, height, width):
    seen = seen_by_edge(*photo_and_map(), 3)[:20, :23]
    assume(top + height > 0 and top < 20 and left + width > 0 and left < 23)
    padded = np.pad(seen, ((9, 60), (9, 60), (0, 0)), mode="edge")
    here = np.s_[top + 9 : top + 9 + height, left + 9 : left + 9 + width]
    assert np.array_equal(window(seen, top, left, (height, width)), padded[here])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"size": (40, 64)},
            r"longer than the two margins of a tile, 40; set `size` to \[104, 104\]",
        ),
        ({"size": (64, 66)}, "multiples of 4"),
        ({"edge": None}, "sees a map beside the photograph; say of which entry by `edge`"),
        ({"network": {"name": "unet", "pretrained": False}}, "sees no map; with `edge`, name edge"),
    ],
)
def test_a_recipe_and_a_network_that_do_not_fit_are_refused(changes, message):
    recipe = Recipe.model_validate({**dict(EDGE), **changes})
    with pytest.raises(BadConfig, match=message):
        build(recipe.named("edge"))


def test_the_cure_for_a_size_works():
    build(EDGE.model_copy(update={"size": (104, 104), "edge": Edge(of="it")}))


def lengths(sharpen):
    """Of the strips of a photograph."""
    return {strip.cores for strip in sharpen._strips(seen_by_edge(*photo_and_map(), EDGE.reach))}


def test_strips_on_a_gpu_or_in_a_micro_batch_of_one_are_tiles():
    on_gpu = Sharpener(EDGE, [], Accelerator(torch.device("cuda"), "fp32"))
    machine = Machine("cpu", micro_batch=1)
    alone = EdgePredictor(EDGE, FoldTask([], {}), maps=None, machine=machine, read_map=None)
    assert lengths(on_gpu) == lengths(alone._sharpen) == {1} != lengths(sharpener([]))
