"""Models as plain data: of which model, in which version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from customervalue.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["labelled", "rebuilt"]

_VERSION = 1

M = TypeVar("M")


def labelled(model: type, parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a model with its name and the version of this form.

    Examples
    --------
    >>> labelled(dict, {"a": 1})
    {'model': 'dict', 'version': 1, 'a': 1}
    """
    return {"model": model.__name__, "version": _VERSION, **parts}


def rebuilt(model: type, data: Any, build: Callable[[dict[str, Any]], M]) -> M:
    """Build a model from what `labelled` gave; raises if it is of something else, or incomplete.

    Examples
    --------
    >>> rebuilt(dict, {"model": "dict", "version": 1, "a": 1}, dict)
    {'a': 1}
    """
    name = model.__name__
    if not isinstance(data, Mapping) or data.get("model") != name:
        raise invalid("data", f"`data` must be a dictionary that `to_dict` of a {name} gave")
    if data.get("version") != _VERSION:
        rule = f"version {data.get('version')!r} of the dictionary is unknown; this release reads {_VERSION}"
        raise invalid("data", rule, "Update customervalue, or write the model again with this release.")
    try:
        return build({key: value for key, value in data.items() if key not in ("model", "version")})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise invalid("data", f"the dictionary of a {name} is incomplete or damaged: {error}") from error
