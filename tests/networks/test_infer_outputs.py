"""Growing on a device: what comes out is what the CPU's own way gives."""

import numpy as np
import pytest
import torch

from bench.masks.resize import grow
from bench.masks.rle import map_runs
from bench.networks.infer import grow_on_device, map_of, map_runs_on_device, runs_of


@pytest.mark.parametrize("size", [(32, 48), (81, 121)], ids=["enlarged", "cut"])
def test_maps_grow_on_an_accelerator_as_they_do_here(size):
    probability = torch.rand(size)
    here = grow(probability.numpy(), (80, 120)).astype(int)
    there = grow_on_device(probability, (80, 120)).numpy()
    assert there.dtype == np.uint8
    assert np.abs(here - there).max() <= 1
    assert (here != there).mean() < 0.001  # two ways to add up, rounded
    assert (map_of(probability, (80, 120)) == here).all()


@pytest.mark.parametrize("level", [0, 127, 128, 255, None], ids=str)
def test_runs_are_found_on_an_accelerator_as_they_are_here(level):
    map = np.random.default_rng(0).integers(0, 256, (7, 64), np.uint8)
    map = map if level is None else np.full_like(map, level)
    assert np.array_equal(map_runs_on_device(torch.from_numpy(map)).numpy(), map_runs(map))
    probability = torch.from_numpy(map) / 255
    assert np.array_equal(runs_of(probability, (7, 64)), map_runs(map))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_maps_of_a_gpu_are_those_of_a_cpu():
    probability = torch.rand(32, 48)
    here = map_of(probability, (80, 120)).astype(int)
    there = map_of(probability.cuda(), (80, 120))
    assert np.abs(here - there).max() <= 1
    assert (runs_of(probability.cuda(), (80, 120)) == map_runs(there)).all()
