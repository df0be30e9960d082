"""A folder with all that an entry needs -> a model that turns photographs into maps.

    manifest.json                      entry, rule and its parameters, members, hashes (of itself
                                       too); written last
    <recipe>/fold<k>/recipe.yaml       what a member is, and the size of its input
    <recipe>/fold<k>/weights.safetensors   or a converted network: network.xml and network.bin
                                       (OpenVINO), or network.onnx

The folder of a run is laid out the same way, so that both are opened by the same code.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, Field, field_validator, model_validator
from torch import nn

from bench.config.layout import RECIPE, WEIGHTS, Layout, TrainingFolder
from bench.config.names import fault_of
from bench.config.recipe import Recipe
from bench.config.refinement import Steps
from bench.config.strict import Strict, read
from bench.cutout.letterbox import letterbox
from bench.cutout.touch_ups import refined_with_hard_edges
from bench.ensembles.entry import Entry
from bench.ensembles.rules import RULES
from bench.ensembles.rules.rule import Parameters
from bench.masks.types import Map, RgbImage
from bench.networks.build import meta_network
from bench.networks.engines import ENGINES
from bench.networks.infer import mean_probability
from bench.networks.load import ready_network
from bench.networks.openvino import undisturbed
from bench.networks.tta import views
from bench.system.device import Accelerator, Machine, enough_memory
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import json_sha256, read_json, sha256
from bench.system.text import nearest
from models.interface import stride_of

FORMAT: Literal["carvana-bench model 1"] = "carvana-bench model 1"
MANIFEST = "manifest.json"
EXPORT_AGAIN = "export the model again"


def _checked_name(name: str) -> str:
    if fault := fault_of(name):
        raise ValueError(f"{name!r} is no folder's name: {fault}")
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ExportedNetwork(Strict):
    """One trained network of a member: its fold, its recipe and weights, and its conversion.

    Where it is converted, an engine runs it, and the folder holds that in place of the weights.
    """

    fold: int = Field(ge=0)
    recipe_sha256: Hash
    weights_sha256: Hash
    converted_sha256: tuple[Hash, ...] | None = Field(default=None, strict=False)
    engine: str | None = None  # of ENGINES, which runs it; None: not converted

    @model_validator(mode="before")
    @classmethod
    def _engine_of_older_versions(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("converted_sha256"):
            return {"engine": "openvino", **fields}
        return fields

    @model_validator(mode="after")
    def _files_are_the_engine_s(self) -> Self:
        if self.engine is not None and self.engine not in ENGINES:
            raise ValueError(nearest(self.engine, ENGINES, "engine"))
        files = ENGINES[self.engine].files if self.engine else ()
        if len(self.converted_sha256 or ()) != len(files):
            raise ValueError(f"`converted_sha256` has not a hash for each of {', '.join(files)}")
        return self

    def files(self) -> dict[str, str]:
        """The files of the folder that hold this network, with their hashes."""
        numbers = {WEIGHTS: self.weights_sha256}
        if self.engine and self.converted_sha256:
            numbers = dict(zip(ENGINES[self.engine].files, self.converted_sha256, strict=True))
        return {RECIPE: self.recipe_sha256, **numbers}


class ExportedMember(Strict):
    """A recipe, and its networks, whose mean probability is its map."""

    name: Name
    size: tuple[int, int] = Field(strict=False)  # height x width of what the networks see
    parts: tuple[ExportedNetwork, ...] = Field(min_length=1, strict=False)


class Manifest(Strict):
    """What an exported model is and where it comes from."""

    format: Literal["carvana-bench model 1"]
    suite: str
    entry: str
    rule: str | None  # None: a single model
    parameters: Parameters = Field(default={})  # of the rule
    refine: Steps = Field(default=(), strict=False)  # what is done to the map in the end
    members: tuple[ExportedMember, ...] = Field(min_length=1, strict=False)
    dice: float | None = None  # mean over held-out cars of the run
    made_by: dict[str, Any] = Field(default={})
    own_sha256: Hash | None = None  # see `sha256_of`; older versions wrote none

    @field_validator("rule")
    @classmethod
    def _rule_exists(cls, rule: str | None) -> str | None:
        if rule is not None and rule not in RULES:
            raise ValueError(nearest(rule, RULES, "rule"))
        return rule

    def to_entry(self) -> Entry:
        """The entry as the ensembles know it."""
        members = tuple(member.name for member in self.members)
        return Entry(self.entry, self.rule, members, self.parameters, refine=self.refine)

    @property
    def networks(self) -> list[ExportedNetwork]:
        """Every member's networks, in order."""
        return [network for member in self.members for network in member.parts]

    @property
    def identity(self) -> list[str]:
        """The hashes that decide every map, in order."""
        hashes = [(each.weights_sha256, *(each.converted_sha256 or ())) for each in self.networks]
        return [sha for of_network in hashes for sha in of_network]

    @property
    def converted(self) -> bool:
        """Whether an engine runs the networks, on a CPU."""
        return any(network.converted_sha256 for network in self.networks)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an exported model.

    Raises:
        Missing: the folder holds none. BadData: it is damaged, or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise Missing(f"{folder}: no {MANIFEST}, so no exported model; make one with `export`")
    manifest = read_json(path, Manifest, EXPORT_AGAIN)
    fields = json.loads(path.read_bytes())
    if manifest.own_sha256 not in (None, sha256_of(fields)):
        raise BadFile(path, "not the file that was exported", f"remove it and {EXPORT_AGAIN}")
    return manifest


def sha256_of(fields: Mapping[str, Any]) -> str:
    """The hash of a manifest's fields, but for the one that holds this hash."""
    told = {name: value for name, value in fields.items() if name != "own_sha256"}
    return json_sha256(told)


def open_model(folder: Path, machine: Machine) -> "Model":
    """The exported model of a folder, in memory.

    Raises:
        Missing: as `read_manifest`. BadData: a file is not the one that was exported.
    """
    return Model(folder, read_manifest(folder), machine)


class Model:
    """An entry in memory: photographs in, its members' maps out, and their combination.

    Args:
        folder: of an exported model or of a run.
        exact: float32 even where bf16 is faster.

    Raises:
        BadData: a file differs from what the manifest says.
        BadConfig: a recipe names what this version does not know, or networks that were converted
            are to run on a GPU.
        Missing: the engine that runs them is not installed.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, machine: Machine, *, exact: bool = False
    ) -> None:
        if manifest.converted:
            if machine.device.startswith("cuda"):
                raise BadConfig(
                    f"{folder}: converted for CPUs; use --device cpu, or export it unconverted"
                )
            machine = replace(machine, device="cpu")
        self.manifest, self.entry = manifest, manifest.to_entry()
        self._accelerator, self._exact = machine.accelerator(), exact
        layout = Layout(folder)
        self._members = [
            _LoadedMember(member, layout, self._accelerator, exact) for member in manifest.members
        ]

    @property
    def names(self) -> list[str]:
        """What the members are called."""
        return list(self.entry.members)

    def maps(self, photos: Sequence[RgbImage]) -> list[list[Map]]:
        """For each photograph (H, W, 3), every member's map (H, W); the photographs share passes.

        Args:
            photos: at least one.
        """
        with undisturbed() if self.manifest.converted else nullcontext():
            by_member = [self._member_maps(member, photos) for member in self._members]
        return [list(maps) for maps in zip(*by_member, strict=True)]

    def _member_maps(self, member: "_LoadedMember", photos: Sequence[RgbImage]) -> list[Map]:
        size = member.recipe.size
        boxes = [letterbox((photo.shape[0], photo.shape[1]), size) for photo in photos]
        inputs = [box.shrink(photo) for box, photo in zip(boxes, photos, strict=True)]
        images = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in inputs])
        with enough_memory(member.recipe.name, len(photos), size):
            probabilities = mean_probability(
                member.networks,
                images,
                views(member.recipe.tta),
                self._accelerator,
                max_batch=max(2, len(photos)),  # one and its mirror image
                exact=self._exact,
            ).cpu()
        return [box.grow(p.numpy()) for box, p in zip(boxes, probabilities, strict=True)]

    def merge(self, maps: Sequence[Map]) -> Map:
        """The entry's map of one photograph, from its members' maps."""
        map = self.entry.combine(maps, self.entry.parameters)
        return refined_with_hard_edges(map, self.entry.refine)


class _LoadedMember:
    """A member's networks, each checked against the manifest before it is built."""

    def __init__(
        self, member: ExportedMember, layout: Layout, accelerator: Accelerator, exact: bool
    ) -> None:
        bf16 = accelerator.precision == "bf16" and not exact
        self.networks: list[nn.Module] = []
        for part in member.parts:
            training = layout.training(member.name, part.fold)
            for file, expected in part.files().items():
                _check(training.folder / file, expected)
            self.recipe = read(training.recipe, Recipe).named(member.name)
            self.networks.append(self._network(part, training, accelerator.device, bf16))

    def _network(
        self, part: ExportedNetwork, training: TrainingFolder, device: torch.device, bf16: bool
    ) -> nn.Module:
        if part.engine is None:
            return ready_network(self.recipe, training, device)
        stride = stride_of(meta_network(self.recipe))
        return ENGINES[part.engine].open(training.folder, stride, bf16)


def _check(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BadFile(path, "missing", EXPORT_AGAIN)
    if sha256(path) != expected:
        raise BadFile(path, "not the file that was exported", EXPORT_AGAIN)
