"""Numbers, times, lists, mistyped names and faults of records as people read them."""

import difflib
import math
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
PLAIN_FAULTS = {  # pydantic's kind of a fault -> what we say instead
    "missing": "missing; add it",
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be fields",
    "model_type": "should be fields",
    "model_attributes_type": "should be fields",
    "union_tag_not_found": "lacks {discriminator}; add it",
    "union_tag_invalid": "{discriminator} should be one of {expected_tags}",
    "too_short": "should list at least {min_length}",
    "too_long": "should list at most {max_length}",
}


def number(value: float | None, decimals: int) -> str:
    """Write a number with commas between thousands, or a dash for None, NaN or infinity.

    >>> number(1234.5678, 1), number(float("nan"), 2)
    ('1,234.6', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def signed(value: float, decimals: int = 6) -> str:
    """Write a difference with its sign, also where that is a plus.

    >>> signed(0.00031), signed(-0.5, 1)
    ('+0.000310', '−0.5')
    """
    return ("+" if value >= 0 else "") + number(value, decimals)


def probability(p: float) -> str:
    """Write a p-value, or only that it is below 0.0001.

    >>> probability(0.0123), probability(0.00001)
    ('0.012', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else number(p, 4 if p < 0.001 else 3)


def p_equals(p: float) -> str:
    """Write a p-value for a sentence.

    >>> p_equals(0.0123), p_equals(0.00001)
    ('p = 0.012', 'p < 0.0001')
    """
    value = probability(p)
    return f"p {value}" if value.startswith("<") else f"p = {value}"


def duration(seconds: float) -> str:
    """Write a time in seconds, minutes or hours, whichever reads best.

    >>> duration(42), duration(1500), duration(7260)
    ('42 s', '25 min', '2.0 h')
    """
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def milliseconds(value: float) -> str:
    """Write a time of milliseconds, with a decimal below ten.

    >>> milliseconds(1234.4), milliseconds(4.26)
    ('1,234 ms', '4.3 ms')
    """
    return MISSING if not math.isfinite(value) else f"{number(value, 0 if value >= 10 else 1)} ms"


def payback(seconds: float, gain_ms: float) -> str:
    """Say after how many photographs something has earned the time that making it took.

    >>> payback(60, 20), payback(60, -5)
    ('60 s to make, earned after 3,000 photographs', '60 s to make, never earned')
    """
    earned = (
        f"earned after {several(round(1000 * seconds / gain_ms), 'photograph')}"
        if gain_ms > 0
        else "never earned"
    )
    return f"{seconds:.0f} s to make, {earned}"


def several(count: int, noun: str) -> str:
    """Write a number of things, with an s behind the noun unless there is one thing.

    >>> several(1, "car"), several(20, "car")
    ('1 car', '20 cars')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Join names for a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def nearest(name: str, known: Collection[str], what: str) -> str:
    """Say that a name does not exist, and which known names are like it (or all of them).

    >>> nearest("Maen", ["mean", "vote"], "rule")
    "no rule 'Maen'; nearest: mean"
    """
    spelled = {each.casefold(): each for each in known}
    close = [spelled[each] for each in difflib.get_close_matches(name.casefold(), spelled)]
    return f"no {what} {name!r}; nearest: {', '.join(close or known)}"


def as_a_disk_sees(path: str) -> str:
    """Return the form in which two paths are alike that some disk takes for one.

    >>> as_a_disk_sees("Cafe\N{COMBINING ACUTE ACCENT}.png") == as_a_disk_sees("caf\xe9.PNG")
    True
    """
    return unicodedata.normalize("NFC", path).casefold()


def plain_fault(fault: "ErrorDetails") -> str:
    """Say what pydantic finds wrong with a value, without its own words.

    >>> plain_fault({"type": "value_error", "msg": "Value error, no colour", "loc": (), "input": 0})
    'no colour'
    """
    if plain := PLAIN_FAULTS.get(fault["type"]):
        return plain.format_map(fault.get("ctx", {}))
    if fault["type"] == "value_error":
        return fault["msg"].removeprefix("Value error, ")
    reason = fault["msg"].removeprefix("Input ")
    return f"{reason[0].lower()}{reason[1:]}"
