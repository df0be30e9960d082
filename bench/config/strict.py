"""What every record of a recipe or suite is built on: strict fields, and YAML in and out."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bench.system.errors import BadConfig


class Strict(BaseModel):
    """A frozen record that refuses unknown fields and values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Config = TypeVar("Config", bound=Strict)


def to_yaml(config: Strict) -> str:
    """The file that reads back as this recipe or suite."""
    return yaml.safe_dump(config.model_dump(mode="json", exclude_none=True), sort_keys=False)


def read(path: Path, kind: type[Config]) -> Config:
    """A recipe or suite from a file.

    Raises:
        BadConfig: the file is not YAML or breaks a rule; the message names every field at fault.
    """
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: not YAML: {error}") from error
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
