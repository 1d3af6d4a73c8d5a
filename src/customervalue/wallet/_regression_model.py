"""What regressions learnt from a survey have in common: coefficients, overlap, and plain data for JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from customervalue._tables import plain
from customervalue.errors import invalid
from customervalue.wallet._regression_linear import Linear, RegressionInference
from customervalue.wallet._regression_space import read_like
from customervalue.wallet._regression_spread import Spread
from customervalue.wallet._stored import labelled, rebuilt
from customervalue.wallet.overlap import Overlap, overlap_with

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Kind", "SurveyRegression", "check_kind"]

Kind = Literal["new customer", "mean"]


def check_kind(kind: Any) -> None:
    """Raise unless it is a kind of interval."""
    if kind not in ("new customer", "mean"):
        raise invalid("kind", f'`kind` must be "new customer" or "mean", and is {kind!r}')


@dataclass(frozen=True, eq=False, repr=False)
class SurveyRegression:
    """A linear predictor learnt from surveyed customers, and how they lay around it.

    Attributes
    ----------
    linear : Linear
    spread : Spread
    """

    linear: Linear
    spread: Spread

    @property
    def inference(self) -> RegressionInference:
        """Coefficients of the features as they were given, with robust standard errors."""
        return self.linear.natural()

    def overlap(self, features: Any) -> Overlap:
        """Whether these customers are like the surveyed, feature by feature.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
            Of the customers who were not surveyed.

        Returns
        -------
        Overlap

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers.

        Examples
        --------
        >>> from customervalue.wallet import WalletRegression
        >>> staff = [1, 2, 4, 8] * 10
        >>> model = WalletRegression.fit({"staff": staff}, [90, 260, 410, 770, 130, 220, 350, 890] * 5)
        >>> model.overlap({"staff": [2, 4, 50]}).extrapolated
        array([False, False,  True])
        """
        surveyed = self.linear.surveyed
        return overlap_with(surveyed, read_like(surveyed, features))

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict
            With a "version", so that a later release can read it.

        Examples
        --------
        >>> from customervalue.wallet import WalletRegression
        >>> model = WalletRegression.fit({"staff": [1, 2, 4, 8] * 10}, [90, 260, 410, 770, 130, 220, 350, 890] * 5)
        >>> list(model.to_dict())
        ['model', 'version', 'linear', 'spread', 'elsewhere_factor']
        """
        return labelled(type(self), {name: plain(value) for name, value in vars(self).items()})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild what `to_dict` gave.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        The model

        Raises
        ------
        InvalidInputError
            If `data` is of something else, of an unknown version, or incomplete.

        Examples
        --------
        >>> from customervalue.wallet import WalletRegression
        >>> model = WalletRegression.fit({"staff": [1, 2, 4, 8] * 10}, [90, 260, 410, 770, 130, 220, 350, 890] * 5)
        >>> WalletRegression.from_dict(model.to_dict()) == model
        True
        """

        def build(parts: dict[str, Any]) -> Any:
            linear, spread = Linear.from_dict(parts.pop("linear")), Spread.from_dict(parts.pop("spread"))
            return cls(linear=linear, spread=spread, **parts)

        model: Self = rebuilt(cls, data, build)
        return model

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        surveyed = self.linear.surveyed
        listed = ", ".join(surveyed.names)
        return f"{type(self).__name__} on {listed}: {surveyed.size:,} surveyed customers, {self._remark()}"

    def _remark(self) -> str:
        raise NotImplementedError
