"""To and from lifetimes, the archived package: the parameters of its five fitters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from customervalue import clv
from customervalue.errors import AssumptionWarning, InvalidInputError, Problem, invalid
from customervalue.units import check_time_unit

if TYPE_CHECKING:
    from customervalue.estimation.model import ParametricModel
    from customervalue.units import TimeUnit

    Model = TypeVar("Model", bound=ParametricModel)

__all__ = ["from_lifetimes", "to_lifetimes"]


class _Pair(NamedTuple):
    """A model of ours, and the fitter of lifetimes for it; both give the same names to the parameters."""

    type: Any
    fitter: str

    @property
    def model(self) -> str:
        return str(self.type.__name__)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.type.parameter_names)


_PAIRS = (
    _Pair(clv.BGNBD, "BetaGeoFitter"),
    _Pair(clv.MBGNBD, "ModifiedBetaGeoFitter"),
    _Pair(clv.ParetoNBD, "ParetoNBDFitter"),
    _Pair(clv.BGBB, "BetaGeoBetaBinomFitter"),
    _Pair(clv.GammaGamma, "GammaGammaFitter"),
)
#: The fitters to which lifetimes gives a `predict` when it fits them.
_PREDICTING = ("BetaGeoFitter", "ModifiedBetaGeoFitter", "ParetoNBDFitter")


@overload
def from_lifetimes(fitter: Any, *, model: type[Model], time_unit: TimeUnit = "W") -> Model: ...
@overload
def from_lifetimes(fitter: Any, *, model: None = None, time_unit: TimeUnit = "W") -> Any: ...
def from_lifetimes(fitter: Any, *, model: type[Any] | None = None, time_unit: TimeUnit = "W") -> Any:
    """Make a model of the parameters that lifetimes found.

    lifetimes itself is neither imported nor needed.

    Parameters
    ----------
    fitter : fitted fitter of lifetimes, mapping of str to float, or pandas Series
        A BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, BetaGeoBetaBinomFitter or GammaGammaFitter, told by
        the name of its class, from a fit or from `load_model`; or its parameters by name, as in `fitter.params_`.
    model : {BGNBD, MBGNBD, ParetoNBD, BGBB, GammaGamma}, optional
        The class to make. Needed where `fitter` is a mapping of r, alpha, a and b, which BG/NBD and MBG/NBD share.
    time_unit : {"W", "D", "M", "Y"}
        The unit of the recency and T that the fitter was fitted to. A fitter does not hold it, so only you can know:
        after `summary_data_from_transaction_data` with its default, `freq="D"`, it is "D". GammaGamma has no time and
        does not look at it.

    Returns
    -------
    the model
        Without `.inference`: the covariances of lifetimes are wrong off the diagonal (see the page on moving from
        lifetimes). Fit again for standard errors.

    Raises
    ------
    InvalidInputError
        With every problem found: not a fitter that is known, not fitted, a model that cannot be told or is another
        than that of the fitter, parameters that are missing, unknown, or not positive and finite, an unknown time unit.

    Warns
    -----
    AssumptionWarning
        If the fitter has a `penalizer_coef` above 0: its parameters are not the maximum of the likelihood.

    References
    ----------
    .. [1] lifetimes 0.11.3, github.com/CamDavidsonPilon/lifetimes: lifetimes/fitters.

    Examples
    --------
    >>> from customervalue import clv
    >>> saved = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
    >>> from_lifetimes(saved, model=clv.MBGNBD, time_unit="W")
    MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, time_unit='W')
    >>> from_lifetimes({"p": 6.25, "q": 3.74, "v": 15.44})
    GammaGamma(p=6.25, q=3.74, v=15.44)
    """
    problems: list[Problem] = []
    asked = _asked(model, problems)
    pair, given = _read(fitter, asked, problems)
    values = {} if pair is None else _values(pair, given, problems)
    try:
        check_time_unit(time_unit)
    except InvalidInputError as error:
        problems.extend(error.problems)
    if problems or pair is None:
        raise InvalidInputError("the parameters from lifetimes", problems)
    penalizer = 0.0 if _is_mapping(fitter) else float(getattr(fitter, "penalizer_coef", 0.0) or 0.0)
    if penalizer > 0:
        warnings.warn(
            f"this {pair.fitter} was fitted with penalizer_coef = {penalizer:g}: lifetimes added that many times the "
            "sum of the squared parameters to what it minimized, so these are not the maximum of the likelihood. "
            f"Fit again with clv.{pair.model}.fit, with a `prior` if the data need one.",
            AssumptionWarning,
            stacklevel=2,
        )
    timed = any(field.name == "time_unit" for field in fields(pair.type))
    return pair.type(**values, **({"time_unit": time_unit} if timed else {}))


def to_lifetimes(model: Any) -> Any:
    """Make a fitter of lifetimes that predicts with the parameters of a model.

    Parameters
    ----------
    model : BGNBD, MBGNBD, ParetoNBD, BGBB or GammaGamma
        Its time unit is that of every time that the fitter is then given.

    Returns
    -------
    BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter, BetaGeoBetaBinomFitter or GammaGammaFitter
        With `params_` and, where a fit of lifetimes gives it, `predict`. It has seen no data: the calls that look back
        at those of the fit (`generate_new_data`, `summary`, plots against the data) are not to be had.

    Raises
    ------
    InvalidInputError
        If lifetimes has no fitter for this model.
    ModuleNotFoundError
        If lifetimes is not installed.

    Notes
    -----
    lifetimes is imported here, unless it is already. What it says on import is not shown, and the filters of warnings
    that it sets are taken back; its import also sets the pandas option "mode.chained_assignment", which stays set.

    References
    ----------
    .. [1] lifetimes 0.11.3, github.com/CamDavidsonPilon/lifetimes: lifetimes/fitters.

    Examples
    --------
    >>> from customervalue import clv
    >>> fitter = to_lifetimes(clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426))
    >>> fitter
    <lifetimes.BetaGeoFitter: a: 0.79, alpha: 4.41, b: 2.43, r: 0.24>
    >>> float(fitter.predict(39, 2, 30.43, 38.86).round(3))
    1.226
    """
    pair = next((pair for pair in _PAIRS if type(model) is pair.type), None)
    if pair is None:
        rule = f"lifetimes has no fitter for what is given, a {type(model).__name__}"
        raise invalid("model", rule, f"It has one each for {', '.join(pair.model for pair in _PAIRS)}.")
    package, pandas = _packages()
    fitter = getattr(package, pair.fitter)()
    fitter.params_ = pandas.Series([getattr(model, name) for name in pair.names], index=list(pair.names))
    if pair.fitter in _PREDICTING:
        fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


def _asked(model: Any, problems: list[Problem]) -> _Pair | None:
    """The pair of the class that the caller names, if he names one."""
    if model is None:
        return None
    for pair in _PAIRS:
        if model is pair.type:
            return pair
    shown = model.__name__ if isinstance(model, type) else repr(model)
    rule = f"`model` must be a class that lifetimes has a fitter for, and is {shown}"
    problems.append(Problem("model", rule, f"There are {', '.join(f'clv.{pair.model}' for pair in _PAIRS)}."))
    return None


def _read(fitter: Any, asked: _Pair | None, problems: list[Problem]) -> tuple[_Pair | None, dict[str, Any]]:
    """Which model it is, if that can be told, and the parameters as they were given."""
    if _is_mapping(fitter):
        given = {str(name): value for name, value in fitter.items()}
        return asked or _by_names(given, problems), given
    found = {base.__name__ for base in type(fitter).__mro__}
    # A ModifiedBetaGeoFitter is a BetaGeoFitter too, and comes first here.
    pair = next((pair for pair in reversed(_PAIRS) if pair.fitter in found), None)
    if pair is None:
        rule = f"`fitter` must be a fitter of lifetimes or a mapping of parameters, and is a {type(fitter).__name__}"
        advice = f"The fitters are {', '.join(pair.fitter for pair in _PAIRS)}."
        problems.append(Problem("fitter", rule, advice))
        return None, {}
    if asked is not None and asked is not pair:
        rule = f"a {pair.fitter} holds the parameters of clv.{pair.model}, not of clv.{asked.model}"
        problems.append(Problem("model", rule, "Leave `model` out."))
    fitted = getattr(fitter, "params_", None)
    if fitted is None:
        rule = f"this {pair.fitter} is not fitted: it has no `params_`"
        problems.append(Problem("fitter", rule, "Call its `fit` or `load_model` first, or pass a mapping."))
        return None, {}
    return pair, {str(name): value for name, value in fitted.items()}


def _is_mapping(thing: Any) -> bool:
    """Whether it has names and values, as a dict or a pandas Series does; a class has not."""
    return isinstance(thing, Mapping) or (
        not isinstance(thing, type) and hasattr(thing, "items") and hasattr(thing, "keys")
    )


def _by_names(given: dict[str, Any], problems: list[Problem]) -> _Pair | None:
    """The model that has just these parameters."""
    fitting = [pair for pair in _PAIRS if set(pair.names) == set(given)]
    if len(fitting) > 1:
        rule = (
            f"{', '.join(fitting[0].names)} are the parameters of BG/NBD and of MBG/NBD alike: `model` must say which"
        )
        advice = (
            "Pass `model=clv.BGNBD` if they are of a BetaGeoFitter, `model=clv.MBGNBD` if of a ModifiedBetaGeoFitter."
        )
        problems.append(Problem("model", rule, advice))
    if not fitting:
        rule = f"no model of lifetimes has just the parameters {', '.join(given) or '(none)'}"
        known = "; ".join(f"{pair.model} has {', '.join(pair.names)}" for pair in _PAIRS)
        problems.append(Problem("fitter", rule, f"{known}."))
    # Where two share the names, either will do to check the values.
    return fitting[0] if fitting else None


def _values(pair: _Pair, given: dict[str, Any], problems: list[Problem]) -> dict[str, float]:
    """The parameters as floats, each of them positive and finite, none missing and none left over."""
    known = f"It has {', '.join(pair.names)}."
    unknown = [name for name in given if name not in pair.names]
    problems.extend(Problem(name, f"{pair.model} has no parameter `{name}`", known) for name in unknown)
    values = {}
    for name in pair.names:
        if name not in given:
            problems.append(Problem(name, f"the parameter `{name}` of {pair.model} is missing"))
            continue
        value = given[name]
        try:
            value = values[name] = float(value)
        except (TypeError, ValueError, OverflowError):
            values[name] = math.nan
        if not (math.isfinite(values[name]) and values[name] > 0):
            problems.append(Problem(name, f"`{name}` must be a positive number, and is {value!r}"))
    return values


def _packages() -> tuple[Any, Any]:
    """The packages lifetimes and pandas."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import lifetimes  # type: ignore[import-untyped]
            import pandas  # type: ignore[import-untyped,unused-ignore] # noqa: ICN001 - its usual name is for users
    except ModuleNotFoundError as error:
        if error.name not in ("lifetimes", "pandas"):
            raise
        raise ModuleNotFoundError(
            "to_lifetimes needs the package lifetimes, and it is not installed: pip install 'customervalue[lifetimes]'",
            name=error.name,
        ) from error
    return lifetimes, pandas
