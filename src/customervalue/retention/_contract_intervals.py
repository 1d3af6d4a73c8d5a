"""How sure the predictions of a contract model are: quantiles over draws of its parameters."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import InfiniteMeanWarning, invalid
from customervalue.estimation.draws import Draws, check_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray

__all__ = ["ContractInterval", "check_draws", "prediction_interval"]

#: Predictions that an interval can be asked for by name, and what each is a function of.
_CALLS = {
    "survival": "t",
    "retention_rate": "t",
    "hazard": "t",
    "probability_churn": "t",
    "expected_lifetime": None,
    "expected_residual_lifetime": "tenure",
    "residual_value": "tenure",
    "retention_elasticity": "tenure",
}
#: Rows shown by `repr`.
_SHOWN = 20


@dataclass(frozen=True, eq=False, repr=False)
class ContractInterval:
    """A prediction and its interval, age by age or customer by customer.

    Attributes
    ----------
    of : str
        What was predicted.
    level : float
        How often such an interval holds the truth.
    estimate, low, high : ndarray of float64, shape (m,)
        The prediction at the estimated parameters, and the ends of the interval.
    by : str
        What the rows are: "t" or "tenure", or "" where there is only one number, or a function gave them.
    ages : ndarray of float64, shape (m,), or None
        The values of it.

    Examples
    --------
    >>> ContractInterval("survival", 0.9, np.array([0.6]), np.array([0.5]), np.array([0.7]), "t", np.array([1.0]))
    Interval of survival, 90 %
      t 1             0.6000  0.5000 to 0.7000
    """

    of: str
    level: float
    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    by: str = ""
    ages: FloatArray | None = None

    def __len__(self) -> int:
        return int(self.estimate.size)

    def _columns(self) -> dict[str, FloatArray]:
        first = {} if self.ages is None else {self.by: self.ages}
        return {**first, "estimate": self.estimate, "low": self.low, "high": self.high}

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per age or customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns t or tenure (where there are several), estimate, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> one = np.ones(1)
        >>> list(ContractInterval("survival", 0.9, one, one, one, "t", one).to_frame())
        ['t', 'estimate', 'low', 'high']
        """
        return _columns.to_frame(self._columns(), backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; infinite ends as None.

        Returns
        -------
        dict

        Examples
        --------
        >>> one = np.ones(1)
        >>> ContractInterval("expected_lifetime", 0.9, one, one, one * np.inf).to_dict()["high"]
        [None]
        """
        columns = {n: [v if math.isfinite(v) else None for v in c.tolist()] for n, c in self._columns().items()}
        return {"of": self.of, "level": self.level, **columns}

    def _title(self) -> str:
        return f"Interval of {self.of}, {100 * self.level:g} %"

    def _names(self) -> list[str]:
        ages = np.arange(len(self)) if self.ages is None else self.ages
        return [f"{self.by} {age:g}".strip() for age in ages.tolist()]

    def __repr__(self) -> str:
        rows = list(zip(self._names(), self.estimate, self.low, self.high, strict=True))
        lines = [f"  {name:<10}{e:12.4f}  {a:.4f} to {b:.4f}" for name, e, a, b in rows[:_SHOWN]]
        more = [f"  and {len(rows) - _SHOWN:,} more"] if len(rows) > _SHOWN else []
        return "\n".join([self._title(), *lines, *more])

    def _repr_html_(self) -> str:
        table = {name: values[:_SHOWN].tolist() for name, values in self._columns().items()}
        head = "".join(f"<th>{name}</th>" for name in table)
        body = "".join(
            f"<tr>{''.join(f'<td>{v:.6g}</td>' for v in row)}</tr>" for row in zip(*table.values(), strict=True)
        )
        return f"<table><caption>{self._title()}</caption><tr>{head}</tr>{body}</table>"


def prediction_interval(
    draws: Draws[Any], of: str | Callable[..., Any], level: float, arguments: dict[str, Any]
) -> ContractInterval:
    """Quantiles of a prediction over draws of the parameters.

    Parameters
    ----------
    draws : Draws
        Of the model.
    of : str or callable
        Name of the prediction, or a function of a model.
    level : float
        Between 0 and 1.
    arguments : dict
        Of the prediction.

    Returns
    -------
    ContractInterval
    """
    tail = 0.5 - 0.5 * check_level(level)
    name = of if isinstance(of, str) else getattr(of, "__name__", "function")
    call, by = _call(draws.model, of, arguments)
    estimate = np.asarray(call(draws.model, arguments), dtype=np.float64)
    ages = None if by is None else np.asarray(arguments[by], dtype=np.float64)
    if by is None or ages is None or ages.ndim == 0:
        low, high = _quantiles(draws, call, arguments, tail)
        middle, low, high = (np.atleast_1d(end) for end in (estimate, low, high))
        if by is None or ages is None or middle.size > 1:
            return ContractInterval(name, level, middle, low, high)
        return ContractInterval(name, level, middle, low, high, by, np.atleast_1d(ages))
    # Equal ages have equal predictions, and money is a multiple of them.
    distinct, place = np.unique(ages, return_inverse=True)
    few = {**arguments, by: distinct}
    if of == "residual_value":
        few["margin"] = 1.0
    low, high = (np.asarray(end)[place.reshape(ages.shape)] for end in _quantiles(draws, call, few, tail))
    if of == "residual_value":
        margin = np.asarray(arguments["margin"], dtype=np.float64)
        low, high = np.minimum(margin * low, margin * high), np.maximum(margin * low, margin * high)
    all_ages = np.broadcast_to(ages, estimate.shape).ravel()
    return ContractInterval(name, level, np.ravel(estimate), np.ravel(low), np.ravel(high), by, all_ages)


def _call(model: Any, of: Any, arguments: dict[str, Any]) -> tuple[Callable[[Any, dict[str, Any]], Any], str | None]:
    """The prediction as a function of model and arguments, and the name of the age that it is a function of."""
    if callable(of):
        if arguments:
            raise invalid("of", f"a function takes no further arguments, and got {', '.join(arguments)}")
        return lambda m, _: of(m), None
    if not isinstance(of, str) or of not in _CALLS:
        raise invalid("of", f"there is no prediction {of!r}", f"There are {', '.join(_CALLS)}; or a function.")
    try:
        inspect.signature(getattr(type(model), of)).bind(model, **arguments)
    except TypeError as error:
        raise invalid("arguments", f"`{of}` cannot be called like this: {error}") from None
    return lambda m, given: getattr(m, of)(**given), _CALLS[of]


def _quantiles(
    draws: Draws[Any], call: Callable[[Any, dict[str, Any]], Any], arguments: dict[str, Any], tail: float
) -> tuple[FloatArray, FloatArray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfiniteMeanWarning)  # said at the estimate, not for each draw again
        values = np.array([call(model, arguments) for model in draws], dtype=np.float64)
    # Between finite and infinite values there is nothing to interpolate.
    finite = bool(np.all(np.isfinite(values)))
    low, high = np.quantile(values, (tail, 1 - tail), axis=0, method="linear" if finite else "inverted_cdf")
    return low, high


def check_draws(model: Any, draws: Any) -> Draws[Any]:
    """Return draws that a caller passed, if they are draws of this model; raise otherwise."""
    if not isinstance(draws, Draws) or type(draws.model) is not type(model) or draws.model != model:
        rule = f"`draws` must be draws of this {type(model).__name__}"
        raise invalid("draws", rule, "model.draws(n, rng) makes them.")
    return draws
