"""Views are merged as probabilities in the photograph's frame, and run together where they may."""

import torch
from torch import nn

from bench.config.recipe import Tta
from bench.networks.infer import probabilities
from bench.networks.tta import View, views


class LooksRight(nn.Module):
    """Sees the car on the right half of whatever it is shown."""

    stride = 4

    def forward(self, image):
        right = torch.arange(image.shape[-1], device=image.device) >= image.shape[-1] / 2
        return (right.float() * 40 - 20).expand(image.shape[0], 1, *image.shape[-2:])


def test_probabilities_are_merged_in_the_photograph_s_frame():
    images = torch.zeros(2, 3, 4, 8, dtype=torch.uint8)
    one = probabilities(LooksRight(), images, [View()])
    both = probabilities(LooksRight(), images, views(Tta()))
    assert one.shape == (2, 4, 8)
    assert torch.allclose(one[0, 0], torch.tensor([0.0] * 4 + [1.0] * 4), atol=1e-6)
    assert torch.allclose(both, torch.full((2, 4, 8), 0.5), atol=1e-6)


def test_a_photograph_and_its_mirror_image_go_together_as_far_as_they_may():
    class Counts(LooksRight):
        def forward(self, image):
            batches.append(tuple(image.shape))
            return super().forward(image)

    batches = []
    images = torch.zeros(3, 3, 4, 8, dtype=torch.uint8)
    probabilities(Counts(), images, views(Tta(scales=(1.0, 2.0), flip=True)))
    assert batches == [(6, 3, 4, 8), (6, 3, 8, 16)]
    batches.clear()
    probabilities(Counts(), images, views(Tta()), max_batch=4)
    assert batches == [(4, 3, 4, 8), (2, 3, 4, 8)]
