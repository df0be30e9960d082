"""The manifest of an exported model: what it is, where it comes from, its files' hashes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from bench.config.layout import RECIPE, WEIGHTS
from bench.config.names import fault_of
from bench.config.refinement import Steps
from bench.config.strict import Strict
from bench.data.dataset import Unit
from bench.doubt.calibration import Calibration
from bench.ensembles.entry import Entry
from bench.ensembles.rules import RULES
from bench.ensembles.rules.rule import Parameters
from bench.networks.engines.engines import ENGINES
from bench.system.errors import BadFile, Missing
from bench.system.files import json_sha256, read_json, sha256
from bench.system.text import nearest

FORMAT: Literal["carvana-bench model 1"] = "carvana-bench model 1"
MANIFEST = "manifest.json"
EXPORT_AGAIN = "export the model again, or pull it, into a new folder"


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
    """A recipe, and its networks, whose mean probability is its map.

    Edge networks have a `base`, the entry whose map they sharpen.
    """

    name: Name
    size: tuple[int, int] = Field(strict=False)  # height x width of what the networks see
    parts: tuple[ExportedNetwork, ...] = Field(min_length=1, strict=False)
    base: "Manifest | None" = None


class Scored(Strict):
    """What the mean Dice of a manifest was measured on."""

    photographs: int
    cars: int
    unit: Unit = "car"  # what the cars are
    interval: tuple[float, float] | None = Field(default=None, strict=False)  # 95 %, over cars
    folds: int  # of the run's cars, each scored by networks that have not seen it
    trained_folds: int
    split: Literal["car", "image_random"] = "car"  # other views of a scored car trained the latter


class Manifest(Strict):
    """What an exported model is and where it comes from."""

    format: Literal["carvana-bench model 1"]
    suite: str
    entry: Name
    rule: str | None  # None: a single model
    parameters: Parameters = Field(default={})  # of the rule
    refine: Steps = Field(default=(), strict=False)  # what is done to the map in the end
    members: tuple[ExportedMember, ...] = Field(min_length=1, strict=False)
    dice: float | None = None  # mean over held-out cars of the run
    scored: Scored | None = None
    doubt: Calibration | None = None  # what the signs of doubt mean, by those cars
    made_by: dict[str, Any] = Field(default={})
    own_sha256: Hash | None = None  # see `sha256_of`; older versions wrote none

    @model_validator(mode="before")
    @classmethod
    def _doubt_of_older_versions(cls, fields: Any) -> Any:
        """Leave out what was learnt on refined maps: its signs are others."""
        if isinstance(fields, dict) and fields.get("refine"):
            doubt = fields.get("doubt")
            if isinstance(doubt, dict) and not doubt.get("of"):
                return {**fields, "doubt": None}
        return fields

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
    def all_members(self) -> list[ExportedMember]:
        """The members, and after an edge network the members of its base."""
        found = list[ExportedMember]()
        for member in self.members:
            found += [member, *(member.base.all_members if member.base else ())]
        return found

    @property
    def networks(self) -> list[ExportedNetwork]:
        """Every member's networks, in order."""
        return [network for member in self.all_members for network in member.parts]

    @property
    def files(self) -> dict[str, str]:
        """The files of every network, by their paths in the folder, with their hashes."""
        return {
            f"{member.name}/fold{part.fold}/{file}": sha
            for member in self.all_members
            for part in member.parts
            for file, sha in part.files().items()
        }

    @property
    def rules(self) -> list[Any] | None:
        """What makes one map of the members' maps, and of those that edge networks sharpen.

        None where one network alone makes it.
        """
        bases = [member.base.rules for member in self.members if member.base]
        if self.rule is None and not bases:
            return None
        return [self.rule, self.parameters, *bases]

    @property
    def identity(self) -> list[str]:
        """The hashes that decide every map, in order."""
        hashes = [(each.weights_sha256, *(each.converted_sha256 or ())) for each in self.networks]
        return [sha for of_network in hashes for sha in of_network]

    @property
    def unconverted(self) -> "Manifest":
        """The same entry whose networks run as they were trained."""
        members = []
        for member in self.members:
            plain = {"engine": None, "converted_sha256": None}
            parts = tuple(part.model_copy(update=plain) for part in member.parts)
            base = member.base and member.base.unconverted
            members.append(member.model_copy(update={"parts": parts, "base": base}))
        return self.model_copy(update={"members": tuple(members)})

    @property
    def converted(self) -> bool:
        """Whether an engine runs the networks, on a CPU."""
        return any(network.converted_sha256 for network in self.networks)


ExportedMember.model_rebuild()  # now that there is what its base is


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
        raise BadFile(path, "not the file that was exported", EXPORT_AGAIN)
    return manifest


def sha256_of(fields: Mapping[str, Any]) -> str:
    """The hash of a manifest's fields, but for the one that holds this hash."""
    told = {name: value for name, value in fields.items() if name != "own_sha256"}
    return json_sha256(told)


def check_files(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder whose files are not the ones that its manifest names.

    Raises:
        BadFile: one is missing or another.
    """
    for name, expected in manifest.files.items():
        check_file(folder / name, expected)


def check_file(path: Path, expected: str) -> None:
    """Refuse a file whose hash is another, or that is missing.

    Raises:
        BadFile: it is.
    """
    if not path.is_file():
        raise BadFile(path, "missing", EXPORT_AGAIN)
    if sha256(path) != expected:
        raise BadFile(path, "not the file that was exported", EXPORT_AGAIN)
