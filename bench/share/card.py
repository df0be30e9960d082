"""The card of a model on the Hugging Face hub, written from its manifest."""

from bench.cutout.manifest import Manifest
from bench.masks.types import size_name
from bench.scores.columns import worded
from bench.system.text import several

HEADER = """---
library_name: carvana-bench
pipeline_tag: image-segmentation
tags: [image-segmentation, background-removal, ensemble, cars]
---
"""
USE = """## Use

```sh
carvana-bench pull {repository} --out car-model
carvana-bench cutout photographs/ --model car-model --out cars --review
```

```python
from bench import load_model
model = load_model("car-model")
model("car.jpg").save("car.png")
```
"""
SPLIT = {
    "car": "Cars, never views of one car, were split into",
    "image_random": "Photographs were split at random, so that views of one car lie apart, into",
}
UNSEEN = {
    "car": "that the networks which were scored had not seen",
    "image_random": "of which the networks which were scored had seen other views, so this Dice is "
    "too high for new cars",
}
LIMITS = """## What it cannot do

- It learnt what its training photographs show, and was measured on photographs like them. Before
  other backgrounds, in other light or of other things its masks are worse; no figure here says how
  much.
- It tells the car from what is around it, one mask for the whole picture: it knows no parts, counts
  nothing and recognises nobody.
- `cutout` lists the doubtful photographs first; a person should look at these.
"""


def card(manifest: Manifest, repository: str, data_licence: str) -> str:
    """Return the card, Markdown under a header of YAML.

    Args:
        repository: OWNER/NAME.
        data_licence: what may be done with the photographs that it learnt from, and with this.
    """
    of_groups = manifest.scored is not None and manifest.scored.unit == "group"
    thing = "object" if of_groups else "car"
    parts = (
        f"{worded(HEADER, thing)}\n# {repository}\n\n{_what(manifest, thing)}",
        f"## How good it is\n\n{_quality(manifest)}",
        f"## Data\n\n{_data(manifest)}\n\nLicence of the data: {data_licence}\n",
        worded(USE, thing).format(repository=repository),
        worded(LIMITS, thing),
        f"## Where it comes from\n\n{_origin(manifest)}",
    )
    return "\n".join(parts)


def _what(manifest: Manifest, thing: str) -> str:
    if manifest.rule is None:
        kind = "A single model"
    else:
        kind = f"An ensemble, by the rule `{manifest.rule}`,"
    lines = [
        f"- `{member.name}`, which sees {size_name(member.size)} pixels (height x width); "
        f"{several(len(member.parts), 'network')}"
        for member in manifest.all_members
    ]
    engines = sorted({network.engine or "safetensors" for network in manifest.networks})
    listed = "\n".join(lines)
    return (
        f"{kind} that cuts {thing}s out of photographs: the entry `{manifest.entry}` of the suite "
        f'"{manifest.suite}".\nWeights: {", ".join(engines)}; no pickles.\n\n{listed}\n'
    )


def _quality(manifest: Manifest) -> str:
    if manifest.dice is None:
        return "It was exported before it was scored: nothing is known.\n"
    scored, said = manifest.scored, f"Mean Dice {manifest.dice:.6f}"
    if scored and scored.interval:
        low, high = scored.interval
        said += f", 95 % interval over {scored.unit}s {low:.6f} .. {high:.6f}"
    if scored:
        said += (
            f", on {several(scored.photographs, 'photograph')} of "
            f"{several(scored.cars, scored.unit)} {worded(UNSEEN[scored.split], scored.unit)}"
        )
    doubt = manifest.doubt
    trial = f"was calibrated: {doubt.trial}" if doubt else "is not calibrated"
    return f"{said}.\n\nIts doubt {trial}.\n"


def _data(manifest: Manifest) -> str:
    scored = manifest.scored
    if scored is None:
        return "The manifest does not say which folds it learnt from."
    return (
        f"{worded(SPLIT[scored.split], scored.unit)} {scored.folds} folds; networks of "
        f"{several(scored.trained_folds, 'fold')} are here, each trained on the other folds."
    )


def _origin(manifest: Manifest) -> str:
    told = {
        name: value for name, value in manifest.made_by.items() if isinstance(value, str | bool)
    }
    return "".join(f"- {name}: {value}\n" for name, value in told.items())
