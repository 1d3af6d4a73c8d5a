"""What a fit of a spend model knows, and how well its assumption holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from customervalue.estimation.inference import Inference
from customervalue.numerics.ranks import RankCorrelation

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SpendInference", "with_correlation"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SpendInference(Inference):
    """What a fit of the Gamma-Gamma model knows, and how well its assumption holds.

    Attributes
    ----------
    frequency_correlation : RankCorrelation
        Spearman's rank correlation of frequency and mean spend among repeat customers, with a 95 % interval. The model
        assumes that it is zero.

    Examples
    --------
    >>> import customervalue as cv
    >>> log = cv.datasets.load_cdnow()
    >>> model = cv.clv.GammaGamma.fit(cv.summarize(log, value="value", observation_end="1997-09-30"))
    >>> print(model.inference.frequency_correlation)
    0.21 (0.14 to 0.27)
    """

    frequency_correlation: RankCorrelation = field(kw_only=True)

    def _remark(self) -> str:
        return f", rank correlation with frequency {self.frequency_correlation}"

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> import numpy as np
        >>> plain = Inference({"p": 6.0}, np.array([[1.4]]), -4056.0, 946, 6, 1e-12)
        >>> with_correlation(plain, RankCorrelation(0.2, 0.1, 0.3)).to_dict()["frequency_correlation"]
        {'estimate': 0.2, 'low': 0.1, 'high': 0.3}
        """
        correlation = self.frequency_correlation
        values = {"estimate": correlation.estimate, "low": correlation.low, "high": correlation.high}
        return {**Inference.to_dict(self), "frequency_correlation": values}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SpendInference:
        """Rebuild what `to_dict` gave.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        SpendInference

        Examples
        --------
        >>> import numpy as np
        >>> plain = Inference({"p": 6.0}, np.array([[1.4]]), -4056.0, 946, 6, 1e-12)
        >>> inference = with_correlation(plain, RankCorrelation(0.2, 0.1, 0.3))
        >>> SpendInference.from_dict(inference.to_dict()) == inference
        True
        """
        plain = Inference.from_dict(data)
        return with_correlation(plain, RankCorrelation(**data["frequency_correlation"]))


def with_correlation(plain: Inference, correlation: RankCorrelation) -> SpendInference:
    """The same inference, with the rank correlation beside it."""
    values = {name: getattr(plain, name) for name in Inference.__slots__}
    return SpendInference(**values, frequency_correlation=correlation)
