"""Columns in and out: from any dataframe to checked arrays, and back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue._checks import LARGEST, Checker
from customervalue.errors import InvalidInputError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from customervalue._typing import AnyArray, FloatArray

__all__ = ["check", "missing_column", "read", "to_frame"]

_SUBJECT = "the customer summary"
Backend: TypeAlias = Literal["pandas", "polars", "pyarrow"]
_BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")
_ENGINES = ("duckdb", "pyspark", "dask")


def missing_column(name: str, available: Iterable[str]) -> Problem:
    """State that a column is missing, and offer the nearest name."""
    names = [str(n) for n in available]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}? " if near else ""
    return Problem(name, f"there is no column {name!r}", f"{advice}The columns are {', '.join(map(repr, names))}.")


def read(
    frame: Any, names: Mapping[str, str], optional: Mapping[str, str | None]
) -> tuple[dict[str, AnyArray], str | None]:
    """Take columns out of any table.

    Parameters
    ----------
    frame : mapping of columns, or a frame that narwhals knows
        One row per customer.
    names : mapping
        Argument name -> column name; these must be there.
    optional : mapping
        Argument name -> column name; None means "under its own name, if it is there".

    Returns
    -------
    columns : dict of ndarray
        Argument name -> values.
    backend : str or None
        The dataframe library the table came in.
    """
    wanted = dict(names) | {argument: name for argument, name in optional.items() if name is not None}
    maybe = [argument for argument, name in optional.items() if name is None]
    if isinstance(frame, Mapping):
        available, backend = list(frame), None
    else:
        frame, backend = _narwhals_frame(frame)
        available = frame.collect_schema().names()
    absent = [missing_column(name, available) for name in wanted.values() if name not in available]
    if absent:
        raise InvalidInputError("the columns of the frame", absent)
    wanted |= {argument: argument for argument in maybe if argument in available}
    if isinstance(frame, Mapping):
        return {argument: frame[name] for argument, name in wanted.items()}, None
    table = frame.select(*dict.fromkeys(wanted.values())).lazy().collect(None if backend in _BACKENDS else "pyarrow")
    return {argument: table[name].to_numpy() for argument, name in wanted.items()}, backend


def _narwhals_frame(frame: Any) -> tuple[Any, str]:
    import narwhals.stable.v2 as nw

    try:
        wrapped = nw.from_native(frame)
    except TypeError:
        rule = f"a frame must be a mapping of columns or a dataframe, and is a {type(frame).__name__}"
        raise invalid("frame", rule, "pandas, polars, pyarrow, DuckDB, PySpark and Dask frames will do.") from None
    return wrapped, wrapped.implementation.value


def to_frame(columns: Mapping[str, AnyArray], backend: str | None) -> Any:
    """Give columns as the dataframe of a library; as a dict if `backend` is None.

    Parameters
    ----------
    columns : mapping of ndarray
        Name -> values.
    backend : {"pandas", "polars", "pyarrow"} or None
        Engines that cannot hold arrays in memory (DuckDB, PySpark, Dask) get a pyarrow table.
    """
    if backend is None:
        return dict(columns)
    import narwhals.stable.v2 as nw

    library: Backend = "pyarrow"
    if backend not in _ENGINES:
        named = [name for name in _BACKENDS if name == backend]
        if not named:
            raise invalid("backend", f"`backend` must be one of {', '.join(_BACKENDS)}, and is {backend!r}")
        library = named[0]
    return nw.from_dict(dict(columns), backend=library).to_native()


def check(
    frequency: Any, recency: Any, T: Any, monetary_value: Any, customer_id: Any, weights: Any, *, includes_first: bool
) -> dict[str, AnyArray | None]:
    """Check the columns of a customer summary against their rules and one another.

    Returns
    -------
    dict
        Name -> new array (float64, whole numbers as int64), None where a column was not given.

    Raises
    ------
    InvalidInputError
        With every problem found.
    """
    checker = Checker(_SUBJECT)
    x = checker.numbers("frequency", frequency)
    t_x = checker.numbers("recency", recency)
    length = checker.numbers("T", T)
    weight = None if weights is None else checker.numbers("weights", weights)
    identity = None if customer_id is None else checker.column("customer_id", customer_id)
    unspent = None if x is None or includes_first else x == 0
    spend = None if monetary_value is None else checker.numbers("monetary_value", monetary_value, ignore=unspent)
    _check_shape(checker)
    if x is not None:
        _check_counts(checker, x, weight)
        if t_x is not None and length is not None and x.shape == t_x.shape == length.shape:
            _check_times(checker, x, t_x, length)
    checker.done()
    return {
        "frequency": None if x is None else x.astype(np.int64),
        "recency": t_x,
        "T": length,
        "monetary_value": spend,
        "customer_id": None if identity is None else identity.copy(),
        "weights": None if weight is None else weight.astype(np.int64),
    }


def _check_shape(checker: Checker) -> None:
    if len(set(checker.sizes.values())) > 1:
        sizes = ", ".join(f"{name} {size:,}" for name, size in checker.sizes.items())
        checker.problems.append(Problem("columns", f"all columns must have the same length, and have {sizes}"))
    elif checker.sizes and not all(checker.sizes.values()):
        checker.problems.append(Problem("columns", "there must be at least one customer, and there is none"))


def _check_counts(checker: Checker, x: FloatArray, weight: FloatArray | None) -> None:
    counts = "frequency = purchases - 1, a whole number >= 0."
    finite = np.isfinite(x)
    checker.rows("frequency", finite & (x < 0), "`frequency` must not be negative", {"frequency": x}, counts)
    checker.rows("frequency", finite & (x != np.floor(x)), "`frequency` must be whole", {"frequency": x}, counts)
    checker.rows("frequency", finite & (x > LARGEST), "`frequency` must be a possible count", {"frequency": x}, counts)
    if weight is None:
        return
    whole = "Weights count identical customers; they are not sampling weights."
    bad = np.isfinite(weight) & ((weight < 0) | (weight != np.floor(weight)) | (weight > LARGEST))
    checker.rows("weights", bad, "`weights` must be whole numbers >= 0", {"weights": weight}, whole)
    if weight.size and not np.any(weight != 0):
        checker.problems.append(Problem("weights", "`weights` must not all be zero"))


def _check_times(checker: Checker, x: FloatArray, t_x: FloatArray, length: FloatArray) -> None:
    from_first = "Both are measured from the first purchase, in the same unit; check `observation_end`."
    repeats = "Did you pass the number of all purchases? frequency = purchases - 1, and 0 means no repeat purchase."
    columns = {"recency": t_x, "T": length}
    checker.rows("recency", t_x < 0, "`recency` must not be negative", {"recency": t_x}, from_first)
    checker.rows("T", length < 0, "`T` must not be negative", {"T": length}, from_first)
    checker.rows("recency", t_x > length, "`recency` must not exceed `T`", columns, from_first)
    both = {"frequency": x, "recency": t_x}
    rule = "`recency` must be 0 where `frequency` is 0"
    checker.rows("recency", (x == 0) & (t_x > 0), rule, both, repeats)
