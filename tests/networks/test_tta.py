"""Views of a photograph: undoing a view gives back what it showed, and merging averages."""

import pytest
import torch
from torch import nn

from bench.networks.infer import probabilities
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


class LooksRight(nn.Module):
    """Sees the car on the right half of whatever it is shown."""

    stride = 4

    def forward(self, image):
        right = torch.arange(image.shape[-1], device=image.device) >= image.shape[-1] / 2
        return (right.float() * 40 - 20).expand(image.shape[0], 1, *image.shape[-2:])


def test_probabilities_are_merged_in_the_photograph_s_frame():
    images = torch.zeros(2, 3, 4, 8, dtype=torch.uint8)
    one = probabilities(LooksRight(), images, [View()])
    both = probabilities(LooksRight(), images, views([1.0], flip=True))
    assert one.shape == (2, 4, 8)
    assert torch.allclose(one[0, 0], torch.tensor([0.0] * 4 + [1.0] * 4), atol=1e-6)
    assert torch.allclose(both, torch.full((2, 4, 8), 0.5), atol=1e-6)


def test_views_are_every_scale_with_its_mirror_image():
    assert views([1.0, 1.5], flip=True) == [
        View(1.0, False),
        View(1.0, True),
        View(1.5, False),
        View(1.5, True),
    ]


def test_a_photograph_and_its_mirror_image_go_together_as_far_as_they_may():
    class Counts(LooksRight):
        def forward(self, image):
            batches.append(tuple(image.shape))
            return super().forward(image)

    batches = []
    images = torch.zeros(3, 3, 4, 8, dtype=torch.uint8)
    probabilities(Counts(), images, views([1.0, 2.0], flip=True))
    assert batches == [(6, 3, 4, 8), (6, 3, 8, 16)]
    batches.clear()
    probabilities(Counts(), images, views([1.0], flip=True), most=4)
    assert batches == [(4, 3, 4, 8), (2, 3, 4, 8)]
