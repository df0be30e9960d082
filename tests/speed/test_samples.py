"""Samples: images of one size with maps of five members."""

import numpy as np

from bench.speed.samples import MEMBER_SIZES, BenchmarkSamples, load_samples


def test_samples_are_images_of_one_size_with_maps_of_five_members(tiny_carvana, tmp_path):
    samples = load_samples(tiny_carvana, tmp_path)
    assert isinstance(samples, BenchmarkSamples)
    of_images = samples.photographs, samples.masks, samples.clean, samples.noisy
    assert [len(each) for each in of_images] == [4, 4, 4, 4]
    assert all(len(maps) == len(MEMBER_SIZES) for maps in samples.clean + samples.noisy)
    shades = [
        np.mean((map > 0) & (map < 255)) for map in (samples.clean[0][4], samples.noisy[0][4])
    ]
    assert shades[0] < 0.2 < 0.5 < shades[1]
