"""The optimiser: an encoder has a rate of its own."""

from bench.config.recipe import Optimiser
from bench.networks.build import build
from bench.training.optimiser import make_optimiser
from models.interface import parameter_count
from tests.tiny import RECIPE


def test_the_encoder_has_a_rate_of_its_own():
    options = Optimiser(name="adam", lr=0.1, encoder_lr=0.01)
    optimiser = make_optimiser(options, build(RECIPE))
    assert [group["lr"] for group in optimiser.param_groups] == [0.1, 0.01]
    counts = [sum(one.numel() for one in group["params"]) for group in optimiser.param_groups]
    encoder = parameter_count(build(RECIPE).encoder)
    assert counts == [parameter_count(build(RECIPE)) - encoder, encoder]
