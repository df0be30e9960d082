"""A run's held-out maps and scores calibrate the doubt of each of its entries."""

from dataclasses import replace

import numpy as np

from bench.config.layout import Layout
from bench.config.refinement import DEFAULT_STEPS
from bench.config.strict import read
from bench.config.suite import Suite
from bench.doubt import heldout
from bench.doubt.heldout import calibrate_on_run
from bench.ensembles.entry import entry_of_run


def entry_of(made, name):
    layout = Layout(made.run_folder)
    return layout, entry_of_run(read(layout.suite, Suite), layout, name, called="made")


def test_members_that_wander_more_are_expected_to_be_worse(made, scores):
    layout, mean = entry_of(made, "mean")
    found = calibrate_on_run(layout, mean, mean.members)
    own = scores[scores.entry == "mean"]
    assert (found.trial.photographs, found.trial.cars) == (len(own), own.car.nunique())
    assert found.trial.bad == (own.dice < 0.99).sum()
    layout, single = entry_of(made, "c")
    alone = calibrate_on_run(layout, single, single.members)
    assert alone.slopes[0] == 0
    typical = heldout.signs([np.full((4, 4), 200, np.uint8)], np.full((4, 4), 250, np.uint8))
    assert 0 < found.expected_dice(typical) <= 1


def test_an_entry_that_learns_has_its_own_map_of_each_car(made):
    layout, stacking = entry_of(made, "stacking")
    found = calibrate_on_run(layout, stacking, stacking.members[:2])
    assert found.trial.photographs == 64


def test_a_run_without_scores_or_maps_teaches_nothing(made, tmp_path):
    _, mean = entry_of(made, "mean")
    assert calibrate_on_run(Layout(tmp_path), mean, mean.members) is None


def test_signs_are_learnt_on_the_map_before_refinement(made):
    """As a cut-out shows them, whose edges are hard where a step has changed its mask."""
    layout, mean = entry_of(made, "mean")
    smooth = replace(mean, refine=tuple(DEFAULT_STEPS.values())[:1])
    assert calibrate_on_run(layout, smooth, mean.members) == calibrate_on_run(
        layout, mean, mean.members
    )
