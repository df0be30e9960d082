"""What every record of a recipe or suite is built on: strict fields, and YAML in and out."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bench.system.errors import BadConfig


class Strict(BaseModel):
    """A frozen record that refuses unknown fields and values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Config = TypeVar("Config", bound=Strict)

FLOAT, MERGE = "tag:yaml.org,2002:float", "tag:yaml.org,2002:merge"
# A float of YAML 1.2 that YAML 1.1, PyYAML's, takes for a string: `1e-4`, `1E5`, `.5e3`.
EXPONENT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but no key may stand twice in a mapping, and `1e-4` is a number."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a mapping in which two keys are equal, before aliases are merged into it."""
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            earlier = first.setdefault((key.tag, key.value), key)
            if earlier is not key:
                raise yaml.MarkedYAMLError(
                    f"the key {key.value!r} stands twice",
                    earlier.start_mark,
                    "and again",
                    key.start_mark,
                )
        return node


class StrictDumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes strings that `StrictLoader` would take for numbers."""


StrictLoader.add_implicit_resolver(FLOAT, EXPONENT, list("-+.0123456789"))
StrictDumper.add_implicit_resolver(FLOAT, EXPONENT, list("-+.0123456789"))


def to_yaml(config: Strict) -> str:
    """The file that reads back as this recipe or suite."""
    values = config.model_dump(mode="json", exclude_none=True)
    text: str = yaml.dump(values, Dumper=StrictDumper, sort_keys=False)
    return text


def load_yaml(path: Path) -> Any:
    """The plain values of a YAML file.

    Raises:
        BadConfig: the file cannot be read or is not YAML; the message names the line.
    """
    try:
        loader = StrictLoader(path.read_text(encoding="utf-8"))
        loader.name = str(path)  # for messages
        return loader.get_single_data()
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: not YAML: {error}") from error


def read(path: Path, kind: type[Config]) -> Config:
    """A recipe or suite from a file.

    Raises:
        BadConfig: the file is not YAML or breaks a rule; the message names every field at fault.
    """
    try:
        return kind.model_validate(load_yaml(path))
    except ValidationError as error:
        raise BadConfig(f"{path}:" + faults(error, kind)) from error


def check_same(path: Path, config: Strict) -> None:
    """Refuse to go on in a folder that another recipe or suite began.

    Raises:
        BadConfig: the stored file differs; the message names the fields.
    """
    stored = read(path, type(config))
    changed = [
        name for name in type(config).model_fields if getattr(stored, name) != getattr(config, name)
    ]
    if changed:
        raise BadConfig(
            f"{path.parent} was made with another {', '.join(changed)}; "
            "remove the folder, or choose another with --runs"
        )


def field_of(fault: ErrorDetails) -> str:
    """The name of the field at fault, as a path of dots."""
    return ".".join(str(part) for part in fault["loc"]) or "(whole file)"


def faults(error: ValidationError, kind: type[Strict]) -> str:
    """A line for every field at fault: its name, what is wrong with it, what was given."""
    lines = []
    for fault in error.errors():
        field = field_of(fault)
        given = "" if fault["type"] == "missing" else f", not {fault['input']!r}"
        line = f"\n  {field}: {fault['msg'][0].lower()}{fault['msg'][1:]}{given}"
        if fault["type"] == "extra_forbidden":
            line = f"\n  {field}: no such field; there are {', '.join(kind.model_fields)}"
        lines.append(line)
    return "".join(lines)
