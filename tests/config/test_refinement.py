"""Steps of a refinement: three ways to write one, one record, and one form in files."""

import pytest
import yaml

from bench.config.refinement import (
    DEFAULT_STEPS,
    AdaptiveSmoothing,
    Denoise,
    FillHoles,
    from_json,
    in_order,
    names_of,
    to_json,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[fill_holes]", (FillHoles(),)),
        ("[{name: fill_holes}]", (FillHoles(),)),
        ("[{fill_holes: {}}]", (FillHoles(),)),
        ("[{name: adaptive_smoothing, alpha: 0.25}]", (AdaptiveSmoothing(alpha=0.25),)),
        ("[{adaptive_smoothing: {alpha: 0.25}}]", (AdaptiveSmoothing(alpha=0.25),)),
        ("[denoise, fill_holes, denoise: {blur: 9}]", (Denoise(), FillHoles(), Denoise(blur=9))),
        ("[]", ()),
    ],
)
def test_every_form_of_a_step_is_the_same_record(text, expected):
    steps = from_json(yaml.safe_load(text))
    assert steps == expected
    assert from_json(to_json(steps)) == steps
    assert from_json(steps) == steps


def test_files_name_a_step_and_every_option_as_they_always_did():
    """Map stores of refined ensembles compare what is written: another form would disown them."""
    assert to_json([FillHoles(), Denoise(blur=9)]) == [
        {"fill_holes": {}},
        {"denoise": {"blur": 9, "opening": 39}},
    ]


@pytest.mark.parametrize("step", DEFAULT_STEPS.values(), ids=DEFAULT_STEPS)
def test_every_step_introduces_itself_to_a_person(step):
    assert step.title and step.describe().endswith(".") and "{" not in step.describe()


def test_the_text_quotes_the_options():
    assert "Blur of 27 pixels" in Denoise().describe()
    assert "opening of 5:" in Denoise(blur=9, opening=5).describe()


def test_what_a_person_chooses_is_put_in_the_one_order():
    chosen = in_order(["adaptive_smoothing", "fill_holes"])
    assert names_of(chosen) == "fill_holes, adaptive_smoothing"
    assert in_order([]) == ()


@pytest.mark.parametrize(
    "step",
    [
        "smoothing",
        {"smoothing": {}},
        {"name": "smoothing"},
        {"fill_holes": {}, "denoise": {}},
        {"fill_holes": None},
        {"name": ["denoise"]},
        {"blur": 9},
        3,
        None,
    ],
)
def test_what_is_no_step_is_answered_with_the_list(step):
    with pytest.raises(ValueError, match="exactly one of fill_holes, largest_component, denoise"):
        from_json([step])
