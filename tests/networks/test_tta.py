"""Views of a photograph: undoing a view gives back what it showed, and merging averages."""

import pytest
import torch

from bench.config.recipe import Tta
from bench.networks.tta import View, views


@pytest.mark.parametrize("size", [(6, 10), (7, 11)], ids=["even", "odd"])
@pytest.mark.parametrize("flip", [False, True])
def test_undoing_a_view_gives_back_the_image(flip, size):
    image = torch.rand(2, 3, *size)
    view = View(flip=flip)
    assert torch.equal(view.undo(view.forward(image), size), image)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.25, 2.0])
def test_a_scaled_view_comes_back_in_place(scale):
    ramp = torch.linspace(0, 1, 48).expand(1, 1, 32, 48)
    view = View(scale, flip=True)
    again = view.undo(view.forward(ramp), (32, 48))
    assert again.shape == ramp.shape
    assert (again - ramp).abs().max() < 0.03


def test_views_are_every_scale_with_its_mirror_image():
    assert views(Tta(scales=(1.0, 1.5), flip=True)) == [
        View(1.0, False),
        View(1.0, True),
        View(1.5, False),
        View(1.5, True),
    ]
