"""Other backgrounds: the car stays what it was, and nothing of the studio is left around it."""

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.config.recipe import Recipe
from bench.system.errors import BadData, Missing
from bench.training.augment import Augment
from bench.training.backgrounds import scene as scenes
from bench.training.backgrounds.drawn import drawn
from bench.training.backgrounds.scene import Backgrounds, composed, without_wall
from tests.tiny import RECIPE, packed, wedge

CAR, WALL = (200, 30, 40), (240, 240, 235)


@pytest.fixture
def scene():
    """A red car before a white wall, and its target; half the edge's light is the wall's."""
    large = np.zeros((240, 360), np.uint8)
    cv2.ellipse(large, (180, 120), (101, 62), 10, 0, 360, 255, -1)
    target = np.asarray(cv2.resize(large, (60, 40), interpolation=cv2.INTER_AREA))
    share = target[..., None] / 255
    photo = (share * CAR + (1 - share) * WALL + 0.5).astype(np.uint8)
    return photo, target


def test_the_edge_mixes_the_car_with_the_new_background_alone(scene):
    photo, target = scene
    assert ((target > 0) & (target < 255)).sum() > 50
    for colour in ((0, 0, 0), (10, 250, 10)):
        share = target[..., None] / 255
        expected = share * CAR + (1 - share) * colour
        made = composed(photo, target, np.full_like(photo, colour))
        assert np.abs(made - expected).max() <= 1


def test_well_inside_the_car_nothing_changes_and_outside_all(scene):
    photo, target = scene
    photo[18:22, 28:32] = 7
    background = drawn((40, 60), np.random.default_rng(0))
    made = composed(photo, target, background)
    assert np.array_equal(made[18:22, 28:32], photo[18:22, 28:32])
    assert np.array_equal(made[target == 0], background[target == 0])


def test_a_car_that_is_nowhere_thick_stays_as_it_is(scene):
    photo, target = scene
    assert np.array_equal(without_wall(photo, np.minimum(target, 200)), photo)


def test_half_of_the_samples_stay_in_the_studio_and_seeds_repeat(scene):
    photo, target = scene
    backgrounds = Backgrounds((40, 60))
    made = [backgrounds(photo, target, seed) for seed in range(200)]
    same = sum(np.array_equal(each, photo) for each in made)
    assert 75 < same < 125
    again = [backgrounds(photo, target, seed) for seed in range(20)]
    assert all(np.array_equal(*pair) for pair in zip(made, again, strict=False))


def test_a_recipe_names_it_and_the_user_s_pictures_are_taken(scene, tmp_path):
    photo, target = scene
    Image.new("RGB", (90, 30), (10, 250, 10)).save(tmp_path / "field.png")
    Image.new("RGB", (30, 90), (10, 250, 10)).save(tmp_path / "meadow.JPG", quality=100)
    augment = Augment(("flip", "background"), (40, 60), tmp_path)
    made = [augment(photo, target, seed) for seed in range(40)]
    green = [each for each, _ in made if np.abs(each[0, 0].astype(int) - (10, 250, 10)).max() < 9]
    assert 8 < len(green) < 32
    assert all(shown.sum() == target.sum() for _, shown in made)


def test_bad_backgrounds_are_named(scene, tmp_path):
    photo, target = scene
    with pytest.raises(Missing, match=r"no folder .*nowhere; name one"):
        Backgrounds((40, 60), tmp_path / "nowhere")
    with pytest.raises(BadData, match=r"no \.jpeg, \.jpg, \.png in it"):
        Backgrounds((40, 60), tmp_path)
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    backgrounds = Backgrounds((40, 60), tmp_path)
    with pytest.raises(BadData, match=r"torn\.jpg"):
        for seed in range(20):
            backgrounds(photo, target, seed)
    with pytest.raises(ValueError, match="`backgrounds` needs `background`"):
        Recipe.model_validate({**RECIPE.model_dump(), "backgrounds": "pictures"})


def test_pictures_are_decoded_beforehand_and_of_very_many_the_headers_are_read(
    tmp_path, monkeypatch
):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(packed(wedge(), "JPEG")[:-100])
    with pytest.raises(BadData, match=r"cut\.jpg"):
        scenes.check_pictures(tmp_path, jobs=2)
    monkeypatch.setattr(scenes, "DECODED", 0)
    scenes.check_pictures(tmp_path, jobs=2)
    cut.write_text("<html>")
    with pytest.raises(BadData, match=r"cut\.jpg"):
        scenes.check_pictures(tmp_path, jobs=2)


def test_older_recipes_are_trained_as_before():
    assert "backgrounds" not in RECIPE.training_fields()
