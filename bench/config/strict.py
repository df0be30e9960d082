"""What every record of a recipe or suite is built on: strict fields, and YAML in and out."""

import re
from collections.abc import Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bench.system.errors import BadConfig, BadFile
from bench.system.text import plain_fault


class Strict(BaseModel):
    """A frozen record that refuses unknown fields, values of another type, infinity and NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Config = TypeVar("Config", bound=Strict)

MAX_FAULTS = 20  # that a message names
SHORTENED = Repr()  # of a value in a message
SHORTENED.maxstring = SHORTENED.maxother = 80

INT, FLOAT, MERGE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "merge"))
MAX_BYTES = 2**20  # of a file; the largest of ours has 3,000
MAX_VALUES, MAX_DEPTH, MAX_DIGITS = 20_000, 50, 100
# A float of YAML 1.2 that YAML 1.1, PyYAML's, takes for a string: `1e-4`, `1E5`, `.5e3`.
EXPONENT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but no key may stand twice in a mapping, and `1e-4` is a number.

    What a file holds once its aliases are written out is limited in depth and number, so that a
    few hundred bytes cannot fill the memory; no alias may stand in what it names.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._values = 0
        self._sizes: dict[yaml.Node, int] = {}  # how many values a finished node holds

    def compose_node(self, parent: yaml.Node | None, index: Any) -> Any:
        """Refuse what is nested too deeply, holds itself, or holds too many values."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark, before = event.start_mark, self._values
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested over {MAX_DEPTH} deep", problem_mark=mark)
        node: Any = super().compose_node(parent, index)
        self._depth -= 1
        if not isinstance(event, yaml.AliasEvent):
            self._values += 1
            self._sizes[node] = self._values - before
        elif node in self._sizes:
            self._values += self._sizes[node]
        else:
            raise yaml.MarkedYAMLError(problem="an alias in what it names", problem_mark=mark)
        if self._values > MAX_VALUES:
            problem = f"over {MAX_VALUES:,} values, counting those of aliases; write fewer"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Refuse a number of too many digits, or what only looks like a number or a date."""
        try:
            if node.tag in (INT, FLOAT) and len(str(node.value)) > MAX_DIGITS:
                raise ValueError(f"a number of {len(node.value):,} characters")
            return super().construct_object(node, deep)
        except (AttributeError, KeyError, OverflowError, ValueError) as error:  # PyYAML's own slips
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

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


def to_yaml(config: Strict, without: Set[str] = frozenset()) -> str:
    """Return the text of a file that reads back as this recipe or suite.

    Args:
        without: fields to leave out, besides those that are None.
    """
    values = config.model_dump(mode="json", exclude_none=True, exclude=set(without))
    text: str = yaml.dump(values, Dumper=StrictDumper, sort_keys=False)
    return text


def load_yaml(path: Path) -> Any:
    """Return the plain values of a YAML file.

    Raises:
        BadConfig: the file cannot be read or is not YAML; the message names the line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadConfig(
                f"{path}: over {MAX_BYTES:,} bytes, so no recipe or suite; name another"
            )
        return read_value(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}; name a file that you may read") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: not UTF-8 ({error}); save it as UTF-8") from error


def read_value(text: str, where: str) -> Any:
    """Return the plain value of a YAML text.

    Args:
        where: it stands; messages name it.

    Raises:
        BadConfig: it is not YAML; the message names the line.
    """
    loader = StrictLoader(text)
    loader.name = where
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise BadConfig(f"{where}: not YAML; mend this: {error}") from error


def read(path: Path, kind: type[Config]) -> Config:
    """Read a recipe or suite from a file.

    Raises:
        BadConfig: the file is not YAML or breaks a rule; the message names every field at fault.
    """
    try:
        return kind.model_validate(load_yaml(path))
    except ValidationError as error:
        raise BadConfig(f"{path}:" + faults(error, kind)) from error


def check_same(path: Path, config: Strict, ignored: Set[str] = frozenset()) -> None:
    """Refuse to go on in a folder that another recipe began.

    Args:
        ignored: fields that may differ.

    Raises:
        BadConfig: the stored file differs; the message names the fields.
        BadFile: it is damaged.
    """
    try:
        stored = read(path, type(config))
    except BadConfig as error:  # the program wrote it
        cure = "remove it and give the same command again, which writes it anew"
        raise BadFile(path, "damaged", cure) from error
    changed = [
        name
        for name in type(config).model_fields
        if name not in ignored and getattr(stored, name) != getattr(config, name)
    ]
    if changed:
        raise BadConfig(
            f"{path.parent} was made with another {', '.join(changed)}; "
            "remove the folder, or choose another with --runs"
        )


def field_of(fault: ErrorDetails) -> str:
    """Return the name of the field at fault, as a path of dots."""
    return ".".join(str(part) for part in fault["loc"]) or "(whole file)"


def faults(error: ValidationError, kind: type[Strict]) -> str:
    """Return a line for every field at fault: its name, what is wrong with it, and its value."""
    lines, found = [], error.errors()
    for fault in found[:MAX_FAULTS]:
        reason = plain_fault(fault)
        if fault["type"] == "extra_forbidden":
            reason = _no_field(str(fault["loc"][-1]), _fields_beside(kind, fault["loc"]))
        elif fault["type"] == "model_type":
            reason = f"wanted are fields, not {SHORTENED.repr(fault['input'])}; write `name: value`"
        elif fault["type"] != "missing" and not isinstance(fault["input"], dict):
            reason += f", not {SHORTENED.repr(fault['input'])}"
        lines.append(f"\n  {field_of(fault)}: {reason}")
    if len(found) > MAX_FAULTS:
        lines.append(f"\n  and {len(found) - MAX_FAULTS} more")
    return "".join(lines)


def _no_field(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known)
    nearest = f"; nearest: {', '.join(close)}" if close else ""
    return f"no such field; there are {', '.join(known)}{nearest}"


def _fields_beside(kind: Any, location: Sequence[int | str]) -> list[str]:
    """Return the fields of the record whose unknown field stands at `location`.

    Args:
        kind: the type that the location starts from: a record, or what a field may hold.
        location: pydantic's path of fields, indices, keys, tags, and "tagged-union[...]".
    """
    part, *rest = location
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not rest:
            return list(kind.model_fields)
        return _fields_beside(kind.model_fields[str(part)].annotation, rest)
    kinds = [each for each in get_args(kind) if each not in (NoneType, ...)]
    if get_origin(kind) is Annotated:
        return _fields_beside(kinds[0], location)
    if isinstance(part, int) or get_origin(kind) is dict:
        return _fields_beside(kinds[-1], rest)
    if len(kinds) == 1:  # a kind or None: pydantic's path does not say which
        return _fields_beside(kinds[0], location)
    tagged = [each for each in kinds if part == _tag(each)]
    (kind,) = tagged or [each for each in kinds if get_origin(each) is Annotated]
    return _fields_beside(kind, rest)


def _tag(kind: Any) -> str | None:
    """Return the name by which a file chooses a record among others; None of other kinds."""
    fields = getattr(kind, "model_fields", {})
    return get_args(fields["name"].annotation)[0] if "name" in fields else None
