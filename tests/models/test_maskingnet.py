"""MaskingNet: the maps of coordinates."""

import pytest
import torch

from models.maskingnet import coordinate_maps


def test_coordinates_are_those_of_the_paper():
    maps = coordinate_maps(torch.empty(2, 7, 4, 5))
    assert maps.shape == (2, 2, 4, 5)
    assert maps[1, 0, 3].tolist() == pytest.approx([-0.5, -0.3, -0.1, 0.1, 0.3])
    assert maps[0, 1, :, 2].tolist() == [-0.5, -0.25, 0.0, 0.25]
