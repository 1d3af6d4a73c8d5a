"""What a fit knows about its own parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import invalid
from customervalue.estimation.priors import LogNormal
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import FloatArray

__all__ = ["Inference"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inference:
    """Estimates, their uncertainty, and how the fit ended.

    Attributes
    ----------
    parameters : dict of str to float
        Name -> estimate.
    covariance : ndarray of float64, shape (k, k)
        Of the estimates on their natural scale, in the order of `parameters`; the inverse of the observed information.
        A parameter that ran to a boundary has infinite variance.
    log_likelihood : float
        At the estimates, without the prior.
    n_customers : int
        Customers the fit used.
    iterations : int
        Evaluations of the likelihood.
    gradient_norm : float
        Largest component of the gradient by the log-parameters that were free, per customer.
    at_boundary : tuple of str
        Parameters that ran to zero or infinity.
    prior : dict of str to LogNormal
        The prior the estimates were found with; empty without one.

    Examples
    --------
    >>> inference = Inference({"r": 2.0}, np.array([[0.04]]), -100.0, 50, 5, 1e-12)
    >>> inference.standard_errors
    {'r': 0.2}
    >>> low, high = inference.confidence_intervals(0.95)["r"]
    >>> round(low, 4), round(high, 4)
    (1.644, 2.433)
    >>> inference.aic
    202.0
    >>> inference
    Inference: 50 customers, log-likelihood -100.000, 5 evaluations
      r           2.0000  s.e. 0.2000  95 % interval 1.6440 to 2.4330
    """

    parameters: dict[str, float]
    covariance: FloatArray
    log_likelihood: float
    n_customers: int
    iterations: int
    gradient_norm: float
    at_boundary: tuple[str, ...] = ()
    prior: dict[str, LogNormal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.covariance.setflags(write=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from its dictionary, so that a copy is as read-only as the original.
        return type(self).from_dict, (self.to_dict(),)

    @property
    def standard_errors(self) -> dict[str, float]:
        """Name -> standard error, on the natural scale."""
        return dict(zip(self.parameters, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def aic(self) -> float:
        """Akaike's information criterion, 2 k - 2 log-likelihood."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Bayesian information criterion, k ln(customers) - 2 log-likelihood."""
        return len(self.parameters) * math.log(self.n_customers) - 2 * self.log_likelihood

    def confidence_intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Wald intervals, built on the log scale and so never negative.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        dict of str to (float, float)
            Name -> lower and upper end; (0, inf) where the data do not tell.

        Raises
        ------
        InvalidInputError
            If `level` is not between 0 and 1.

        Examples
        --------
        >>> inference = Inference({"r": 2.0}, np.array([[0.04]]), -100.0, 50, 5, 1e-12)
        >>> {name: (round(low, 2), round(high, 2)) for name, (low, high) in inference.confidence_intervals(0.9).items()}
        {'r': (1.7, 2.36)}
        """
        if not 0 < check_number("level", level) < 1:
            raise invalid("level", f"`level` must lie between 0 and 1, and is {level}")
        z = NormalDist().inv_cdf(0.5 + 0.5 * level)
        return {
            name: _log_interval(self.parameters[name], error / self.parameters[name] * z)
            for name, error in self.standard_errors.items()
        }

    def to_frame(self, backend: str | None = None, *, level: float = 0.95) -> Any:
        """Return a table with one row per parameter.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.
        level : float
            Of the intervals, between 0 and 1.

        Returns
        -------
        dataframe or dict of ndarray
            Columns parameter, estimate, standard_error, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library or `level` is not between 0 and 1.

        Examples
        --------
        >>> Inference({"r": 2.0}, np.array([[0.04]]), -100.0, 50, 5, 1e-12).to_frame()["standard_error"]
        array([0.2])
        """
        intervals = np.array(list(self.confidence_intervals(level).values()))
        columns = {
            "parameter": np.array(list(self.parameters), dtype=object),
            "estimate": np.array(list(self.parameters.values())),
            "standard_error": np.array(list(self.standard_errors.values())),
            "low": intervals[:, 0],
            "high": intervals[:, 1],
        }
        return _columns.to_frame(columns, backend)

    def _title(self) -> str:
        fit = f"log-likelihood {self.log_likelihood:,.3f}, {self.iterations} evaluations"
        return f"{type(self).__name__}: {self.n_customers:,} customers, {fit}{self._remark()}"

    def _remark(self) -> str:
        """What a kind of inference has to add to its title."""
        return ""

    def __repr__(self) -> str:
        rows = zip(*(column.tolist() for column in self.to_frame().values()), strict=True)
        lines = (f"  {n:<6}{e:12.4f}  s.e. {s:.4f}  95 % interval {a:.4f} to {b:.4f}" for n, e, s, a, b in rows)
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        table = self.to_frame()
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in table)
        rows = zip(*(column.tolist() for column in table.values()), strict=True)
        body = "".join(f"<tr><th>{n}</th>{''.join(f'<td>{v:.4f}</td>' for v in values)}</tr>" for n, *values in rows)
        return f"<table><caption>{self._title()}</caption><tr>{head}</tr>{body}</table>"

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; infinite values as None.

        Returns
        -------
        dict

        Examples
        --------
        >>> Inference({"r": 2.0}, np.array([[np.inf]]), -100.0, 50, 5, 1e-12, ("r",)).to_dict()["covariance"]
        [[None]]
        """
        variances = [[v if math.isfinite(v) else None for v in row] for row in self.covariance.tolist()]
        return {
            "parameters": dict(self.parameters),
            "covariance": variances,
            "log_likelihood": self.log_likelihood,
            "n_customers": self.n_customers,
            "iterations": self.iterations,
            "gradient_norm": self.gradient_norm,
            "at_boundary": list(self.at_boundary),
            "prior": {name: [belief.median, belief.sigma] for name, belief in self.prior.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Inference:
        """Rebuild what `to_dict` gave.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        Inference

        Examples
        --------
        >>> inference = Inference({"r": 2.0}, np.array([[0.04]]), -100.0, 50, 5, 1e-12)
        >>> Inference.from_dict(inference.to_dict()) == inference
        True
        """
        rows = [[math.inf if v is None else v for v in row] for row in data["covariance"]]
        rest = {name: data[name] for name in ("log_likelihood", "n_customers", "iterations", "gradient_norm")}
        return cls(
            parameters=dict(data["parameters"]),
            covariance=np.array(rows),
            at_boundary=tuple(data["at_boundary"]),
            prior={name: LogNormal(*belief) for name, belief in data.get("prior", {}).items()},
            **rest,
        )

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Inference) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # holds an array


def _log_interval(estimate: float, distance: float) -> tuple[float, float]:
    """Estimate times and divided by exp(distance)."""
    if distance > 700:
        return 0.0, math.inf
    return estimate * math.exp(-distance), estimate * math.exp(distance)
