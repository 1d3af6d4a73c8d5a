"""What every model has in common: it is its parameters, and it travels as a dictionary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.inference import Inference

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.estimation.fit import Likelihood

__all__ = ["ParametricModel", "Rows"]

_VERSION = 1


class Rows(Protocol):
    """Data as a likelihood sees them: a frozen dataclass of arrays, one entry per row."""

    @property
    def counts(self) -> FloatArray:
        """How many customers each row stands for; shape (u,)."""


class ParametricModel:
    """Base of the models: checks of the parameters, what estimation asks of a model, and `to_dict` / `from_dict`.

    A subclass is a frozen dataclass whose float fields are the parameters; `parameter_names` lists them.
    """

    parameter_names: ClassVar[tuple[str, ...]]
    inference: Inference | None

    @property
    def parameters(self) -> dict[str, float]:
        """Name -> value, in the order of the papers."""
        return {name: getattr(self, name) for name in self.parameter_names}

    @classmethod
    def _rows(cls, data: Any) -> Any:
        """Check data and bring them into the `Rows` that this model's likelihood sees."""
        raise NotImplementedError

    @classmethod
    def _likelihood(cls, rows: Any) -> Likelihood:
        """The likelihood of these rows, ready to be maximized."""
        raise NotImplementedError

    def _row_log_likelihood(self, rows: Any) -> FloatArray:
        """Log-likelihood of one customer of each row; shape (u,)."""
        raise NotImplementedError

    def _with_parameters(self, values: FloatArray) -> Self:
        """The same model with other parameters, in the order of `parameters`, and without inference."""
        return replace(self, inference=None, **dict(zip(self.parameter_names, values.tolist(), strict=True)))  # type: ignore[type-var]

    def _check_parameters(self) -> None:
        """Make the parameters floats; raise unless all of them are positive and finite."""
        problems = []
        for name, value in self.parameters.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = math.nan
            if not (math.isfinite(number) and number > 0):
                problems.append(Problem(name, f"`{name}` must be a positive number, and is {value!r}"))
            object.__setattr__(self, name, number)
        if problems:
            raise InvalidInputError(f"the parameters of {type(self).__name__}", problems)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain numbers, strings and lists, ready for JSON.

        Returns
        -------
        dict
            With a "version", so that a later release can read it.

        Examples
        --------
        >>> from customervalue import clv
        >>> clv.GammaGamma(p=6.25, q=3.74, v=15.44).to_dict()
        {'model': 'GammaGamma', 'version': 1, 'p': 6.25, 'q': 3.74, 'v': 15.44, 'inference': None}
        """
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "inference"}  # type: ignore[arg-type]
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        inference = None if self.inference is None else self.inference.to_dict()
        return {"model": type(self).__name__, "version": _VERSION, **values, "inference": inference}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the model that `to_dict` was called on.

        Parameters
        ----------
        data : mapping
            What `to_dict` gave, as it is or after a journey through JSON.

        Returns
        -------
        the model

        Raises
        ------
        InvalidInputError
            If `data` is of another model, of an unknown version, or lacks a parameter.

        Examples
        --------
        >>> import json
        >>> from customervalue import clv
        >>> model = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> clv.GammaGamma.from_dict(json.loads(json.dumps(model.to_dict()))) == model
        True
        """
        if not isinstance(data, Mapping):
            raise invalid("data", f"`data` must be a dictionary of a {cls.__name__}, and is a {type(data).__name__}")
        if data.get("model") != cls.__name__:
            raise invalid("data", f"this is a dictionary of {data.get('model')!r}, not of {cls.__name__!r}")
        if data.get("version") != _VERSION:
            rule = f"version {data.get('version')!r} of the dictionary is unknown; this release reads {_VERSION}"
            raise invalid("data", rule, "Update customervalue, or write the model again with this release.")
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        values = {name: value for name, value in data.items() if name not in ("model", "version", "inference")}
        if set(values) != known - {"inference"}:
            wrong = ", ".join(sorted(set(values) ^ (known - {"inference"})))
            raise invalid("data", f"the dictionary of a {cls.__name__} lacks or does not know: {wrong}")
        inference = data.get("inference")
        try:
            values["inference"] = None if inference is None else cls._inference_type().from_dict(inference)
        except (KeyError, TypeError, AttributeError) as error:
            raise invalid(
                "data", f"the inference in the dictionary of a {cls.__name__} is incomplete: {error}"
            ) from error
        return cls(**values)

    @classmethod
    def _inference_type(cls) -> type[Inference]:
        return Inference
