"""A folder with all that an entry needs -> a model that turns photographs into maps.

The folder of a run is laid out as that of an exported model, so both are opened by the same code.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from bench.config.layout import Layout
from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.config.strict import read
from bench.cutout.letterbox import letterbox
from bench.cutout.manifest import (
    ExportedMember,
    Manifest,
    check_file,
    read_manifest,
)
from bench.cutout.touch_ups import refined_with_hard_edges
from bench.masks.types import Map, RgbImage
from bench.networks.edge import Sharpener
from bench.networks.engines.engines import open_network
from bench.networks.engines.openvino import undisturbed
from bench.networks.infer import mean_probability
from bench.networks.tta import views
from bench.system.device import Accelerator, accelerator_of, enough_memory
from bench.system.errors import BadConfig


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
                    f"{folder}: has networks that were converted for CPUs; use --device cpu"
                )
            machine = replace(machine, device="cpu")
        self.manifest, self.entry = manifest, manifest.to_entry()
        self._accelerator, self._exact = accelerator_of(machine.device, machine.precision), exact
        layout = Layout(folder)
        self._members = [
            _LoadedMember(member, layout, self._accelerator, exact) for member in manifest.members
        ]
        self._bases = [
            Model(folder, member.base, machine, exact=exact) if member.base else None
            for member in manifest.members
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
        by_member = [
            self._sharpened(member, base, photos) if base else self._member_maps(member, photos)
            for member, base in zip(self._members, self._bases, strict=True)
        ]
        return [list(maps) for maps in zip(*by_member, strict=True)]

    def _sharpened(
        self, member: "_LoadedMember", base: "Model", photos: Sequence[RgbImage]
    ) -> list[Map]:
        recipe, sharpen = member.recipe, member.sharpen
        maps = [base.entry.merged(maps) for maps in base.maps(photos)]
        with member.alone(), enough_memory(recipe.name, recipe.batch, recipe.size, fewer=0):
            return [sharpen(photo, map) for photo, map in zip(photos, maps, strict=True)]

    def _member_maps(self, member: "_LoadedMember", photos: Sequence[RgbImage]) -> list[Map]:
        size = member.recipe.size
        boxes = [letterbox((photo.shape[0], photo.shape[1]), size) for photo in photos]
        inputs = [box.shrink(photo) for box, photo in zip(boxes, photos, strict=True)]
        images = torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in inputs])
        with member.alone(), enough_memory(member.recipe.name, len(photos), size):
            probabilities = mean_probability(
                member.networks,
                images,
                views(member.recipe.tta),
                self._accelerator,
                max_batch=max(2, len(photos)),  # one and its mirror image
                exact=self._exact,
            ).cpu()
        return [box.grow(p.numpy()) for box, p in zip(boxes, probabilities, strict=True)]

    def combine(self, maps: Sequence[Map]) -> Map:
        """The unrefined map of one photograph, from its members' maps."""
        return self.entry.combine(maps, self.entry.parameters)

    def refine(self, map: Map) -> Map:
        """The entry's map of one photograph, from its unrefined one."""
        return refined_with_hard_edges(map, self.entry.refine)

    def merge(self, maps: Sequence[Map]) -> Map:
        """The entry's map of one photograph, from its members' maps."""
        return self.refine(self.combine(maps))


class _LoadedMember:
    """A member's networks, each checked against the manifest before it is built."""

    def __init__(
        self, member: ExportedMember, layout: Layout, accelerator: Accelerator, exact: bool
    ) -> None:
        self.networks: list[nn.Module] = []
        self._converted = all(part.engine for part in member.parts)
        self._accelerator, self._exact = accelerator, exact
        for part in member.parts:
            training = layout.training(member.name, part.fold)
            for file, expected in part.files().items():
                check_file(training.folder / file, expected)
            self.recipe = read(training.recipe, Recipe).named(member.name)
            network = open_network(self.recipe, training, part.engine, accelerator, exact=exact)
            self.networks.append(network)

    @cached_property
    def sharpen(self) -> Sharpener:
        """What edge networks do to maps."""
        return Sharpener(self.recipe, self.networks, self._accelerator, exact=self._exact)

    def alone(self) -> AbstractContextManager[None]:
        """Leave the cores to the engine, if the networks were converted for one."""
        return undisturbed() if self._converted else nullcontext()
