"""Parameters drawn from what a fit leaves possible: asymptotic, corrected by importance weights, or resampled."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np

from customervalue import _columns
from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.priors import weak_prior
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import FloatArray
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.model import ParametricModel

__all__ = ["Draws", "check_count", "check_level", "check_rows", "draw"]

M = TypeVar("M", bound="ParametricModel")

#: Where a standard error on the log scale is larger, the normal distribution is a poor guess of the posterior.
_WIDE = 1.0
#: Where it is larger than this, drawing from it makes no sense.
_FLAT = 2.0
#: Fits to fewer customers than this are said to be to few.
_FEW = 500
#: Degrees of freedom of the distribution that importance weights correct: its tails are thicker than any posterior's.
_FREEDOM = 5
#: Proposals for each draw that is asked for, and at least so many.
_PROPOSALS, _FEWEST_PROPOSALS = 2, 1_000
#: Proposals that are worth a smaller share of as many independent draws have collapsed; worth this one, they are fine,
#: and otherwise others are made where the first ones found the posterior, up to so many times.
_COLLAPSED, _ENOUGH, _ROUNDS = 0.05, 0.25, 4
_WIDER = 1.2
#: Log-parameters are kept within what a number can hold.
_FARTHEST = 300.0


@dataclass(frozen=True, eq=False, repr=False)
class Draws(Generic[M]):
    """Sets of parameters that the data leave possible, each as likely as another.

    A sequence of models: `draws[0]` is one, and a loop goes through all of them.

    Attributes
    ----------
    model : the model
        The estimate they lie around.
    values : ndarray of float64, shape (n, k)
        Parameters in the order of `model.parameters`, on their natural scale.
    method : {"asymptotic", "importance", "bootstrap"}
        How they were drawn.
    effective_sample_size : float
        How many independent draws of the exact posterior the proposals were worth; n for the other methods.
    failed : int
        Refits of a bootstrap without a maximum, left out.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> draws = cv.clv.BGNBD.fit(customers).draws(1000, rng=1)
    >>> draws
    Draws of BGNBD: 1,000, asymptotic
      r           0.2426  5 % 0.2226  95 % 0.2662
      alpha       4.4136  5 % 3.8422  95 % 5.0826
      a           0.7929  5 % 0.5413  95 % 1.1680
      b           2.4259  5 % 1.4865  95 % 3.9449
    """

    model: M
    values: FloatArray
    method: str
    effective_sample_size: float
    failed: int = 0

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    def __len__(self) -> int:
        return len(self.values)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew, so that a copy is as read-only as the original.
        return type(self), (self.model, self.values, self.method, self.effective_sample_size, self.failed)

    @overload
    def __getitem__(self, place: int) -> M: ...
    @overload
    def __getitem__(self, place: slice) -> Draws[M]: ...
    def __getitem__(self, place: int | slice) -> M | Draws[M]:
        if isinstance(place, slice):
            return replace(self, values=self.values[place].copy())
        return with_parameters(self.model, self.values[place])

    def __iter__(self) -> Iterator[M]:
        return (self[place] for place in range(len(self)))

    @property
    def parameters(self) -> dict[str, FloatArray]:
        """Name -> draws, shape (n,)."""
        return dict(zip(self.model.parameter_names, self.values.T, strict=True))

    @property
    def covariance(self) -> FloatArray:
        """Of the draws, shape (k, k), on the natural scale.

        Raises
        ------
        InvalidInputError
            If there is only one draw.
        """
        if len(self) < 2:
            raise invalid("n", "a covariance needs two draws or more")
        return np.atleast_2d(np.cov(self.values, rowvar=False))

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Interval of each parameter, between quantiles of the draws.

        Parameters
        ----------
        level : float
            Share of the draws inside, between 0 and 1.

        Returns
        -------
        dict of str to (float, float)

        Raises
        ------
        InvalidInputError
            If `level` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.NBD(r=0.4, alpha=12.0)
        >>> Draws(model, np.array([[0.3, 11.0], [0.5, 13.0]]), "bootstrap", 2.0).intervals(0.5)["r"]
        (0.35, 0.45)
        """
        tail = 0.5 - 0.5 * check_level(level)
        low, high = np.quantile(self.values, (tail, 1 - tail), axis=0).tolist()
        return dict(zip(self.model.parameter_names, zip(low, high, strict=True), strict=True))

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per draw and one column per parameter.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue import clv
        >>> Draws(clv.NBD(r=0.4, alpha=12.0), np.array([[0.3, 11.0]]), "bootstrap", 1.0).to_frame()["alpha"]
        array([11.])
        """
        return _columns.to_frame(self.parameters, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue import clv
        >>> Draws(clv.NBD(r=0.4, alpha=12.0), np.array([[0.3, 11.0]]), "bootstrap", 1.0).to_dict()["values"]
        [[0.3, 11.0]]
        """
        return {
            "model": self.model.to_dict(),
            "values": self.values.tolist(),
            "method": self.method,
            "effective_sample_size": self.effective_sample_size,
            "failed": self.failed,
        }

    def __repr__(self) -> str:
        title = f"Draws of {type(self.model).__name__}: {len(self):,}, {self.method}"
        if self.method == "importance":
            title += f", effective sample size {self.effective_sample_size:,.0f}"
        if self.failed:
            title += f", {self.failed:,} refits failed"
        estimates, bounds = self.model.parameters, self.intervals(0.9)
        lines = (f"  {n:<6}{e:12.4f}  5 % {bounds[n][0]:.4f}  95 % {bounds[n][1]:.4f}" for n, e in estimates.items())
        return "\n".join([title, *lines])


def with_parameters(model: M, values: FloatArray) -> M:
    """The same model with other parameters, and without inference."""
    return model._with_parameters(values)


def draw(model: M, n: int, rng: np.random.Generator | int | None, rows: Any = None) -> Draws[M]:
    """Draw parameters from the asymptotic posterior, or from the exact one if there are `rows` to weigh them with.

    Parameters
    ----------
    model : the model
        With inference.
    n : int
        How many.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.
    rows : Rows, optional
        The data the model was fitted to, as its likelihood sees them.

    Returns
    -------
    Draws

    Raises
    ------
    InvalidInputError
        If the model has no inference, or its data left a parameter open, or `rows` are other data.
    ConvergenceError
        If the importance weights collapse.

    References
    ----------
    .. [1] Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., sections 4.1 (normal approximation) and 10.4
       (importance resampling).
    """
    source, size = np.random.default_rng(rng), check_count(n)
    centre, root = _normal(model)
    if rows is None:
        values = np.exp(centre + source.standard_normal((size, centre.size)) @ root.T)
        return Draws(model, values, "asymptotic", float(size))
    check_rows(model, rows)
    m = max(_PROPOSALS * size, _FEWEST_PROPOSALS)
    for _ in range(_ROUNDS):
        proposals, weights = _weighted(model, rows, source, m, centre, root)
        worth = float(1 / (weights @ weights))
        if worth >= _ENOUGH * m:
            break
        centre, root = _moved(np.log(proposals), weights)
    if worth < _COLLAPSED * m:
        raise ConvergenceError(
            f"the importance weights collapse: {m:,} proposals are worth {worth:.0f} draws, since the posterior is far "
            "from the normal distribution that the fit suggests. Give a narrower prior, or resample: clv.bootstrap."
        )
    ladder = (source.random() + np.arange(size)) / size
    chosen = np.searchsorted(np.cumsum(weights), ladder * (1 - 1e-12))
    return Draws(model, proposals[source.permutation(chosen)], "importance", worth)


def _weighted(
    model: ParametricModel, rows: Any, rng: np.random.Generator, m: int, centre: FloatArray, root: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Proposals from a Student distribution of the log-parameters, and what each is worth; the weights sum to 1."""
    z = rng.standard_normal((m, centre.size)) / np.sqrt(rng.chisquare(_FREEDOM, m) / _FREEDOM)[:, None]
    proposals = np.exp(np.clip(centre + z @ root.T, -_FARTHEST, _FARTHEST))
    logs = _log_posterior(model, proposals, rows)
    logs += 0.5 * (_FREEDOM + centre.size) * np.log1p((z * z).sum(axis=1) / _FREEDOM)
    weights = np.exp(logs - logs.max())
    return proposals, weights / weights.sum()


def _moved(points: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where to propose next: mean and root of the covariance of what was found, evened out, and somewhat wider."""
    even = np.sqrt(weights)
    even /= even.sum()
    centre = even @ points
    values, axes = np.linalg.eigh((points - centre).T @ ((points - centre) * even[:, None]))
    return centre, axes * np.sqrt(_WIDER * np.maximum(values, 1e-12))


def check_count(n: int) -> int:
    """Return `n` if it is a whole number >= 1, raise otherwise."""
    value = check_number("n", n)
    if not (math.isfinite(value) and value >= 1 and value == math.floor(value)):
        raise invalid("n", f"`n` must be a whole number of draws, 1 or more, and is {n!r}")
    return int(value)


def check_level(level: float) -> float:
    """Return `level` if it lies between 0 and 1, raise otherwise."""
    value = check_number("level", level)
    if not 0 < value < 1:
        raise invalid("level", f"`level` must lie between 0 and 1, and is {level}")
    return value


def check_inference(model: ParametricModel) -> Inference:
    """Return what a fit knows of the model's parameters, raise if it was made from numbers."""
    if model.inference is None:
        rule = f"this {type(model).__name__} was made from its parameters, and knows nothing of their uncertainty"
        raise invalid("inference", rule, f"Fit it: {type(model).__name__}.fit(customers).")
    return model.inference


def _normal(model: ParametricModel) -> tuple[FloatArray, FloatArray]:
    """Mean and root of the covariance of the log-parameters."""
    inference = check_inference(model)
    estimates = np.array([inference.parameters[name] for name in model.parameter_names])
    covariance = inference.covariance / np.outer(estimates, estimates)
    errors = np.sqrt(np.diag(covariance))
    open_ = [name for name, error in zip(model.parameter_names, errors, strict=True) if not error <= _FLAT]
    if open_:
        rule = f"the data leave {' and '.join(open_)} open by more than a factor of 50: there is nothing to draw from"
        raise invalid("inference", rule, 'Fit with a prior (`prior="weak"`), or with more customers.')
    values, axes = np.linalg.eigh(covariance)
    return np.log(estimates), axes * np.sqrt(np.maximum(values, 0.0))


def why_rough(model: ParametricModel) -> str:
    """Why the normal distribution is a rough guess of the posterior, in words; empty where it is a good one."""
    inference = check_inference(model)
    if inference.prior:
        return "with a prior"
    if inference.n_customers < _FEW:
        return f"to {inference.n_customers:,} customers"
    widest = max(error / inference.parameters[name] for name, error in inference.standard_errors.items())
    return "with wide standard errors" if widest > _WIDE else ""


def check_rows(model: ParametricModel, rows: Any) -> None:
    """Raise unless these are the data the model was fitted to."""
    inference = check_inference(model)
    value = float(rows.counts @ model._row_log_likelihood(rows))
    if not abs(value - inference.log_likelihood) <= 1e-6 * (1 + abs(value)):
        rule = (
            f"these are not the customers of the fit: their log-likelihood is {value:,.3f}, and that of the fit "
            f"{inference.log_likelihood:,.3f}"
        )
        raise invalid("customers", rule, "Pass those the model was fitted to.")


def _log_posterior(model: M, values: FloatArray, rows: Any) -> FloatArray:
    """Log-likelihood plus log prior of each set of parameters; those without a prior have the weak one."""
    prior = {**weak_prior(model.parameter_names, model._likelihood(rows).units), **check_inference(model).prior}
    sums = np.array([rows.counts @ with_parameters(model, v)._row_log_likelihood(rows) for v in values])
    for name, belief in prior.items():
        distance = np.log(values[:, model.parameter_names.index(name)] / belief.median)
        sums -= 0.5 * (distance / belief.sigma) ** 2
    return np.where(np.isfinite(sums), sums, -np.inf)
