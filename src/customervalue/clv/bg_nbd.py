"""BG/NBD: buying at a steady rate until, after some repeat purchase, the customer drops out unnoticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customervalue.clv._beta_geometric import BetaGeometric

__all__ = ["BGNBD"]


@dataclass(frozen=True, repr=False)
class BGNBD(BetaGeometric):
    """Beta-geometric / negative binomial model of repeat buying.

    While alive a customer buys at random at his own rate, lambda ~ Gamma(r, alpha); after each repeat purchase he
    drops out with his own probability, p ~ Beta(a, b). A customer without repeat purchases is alive by definition.

    Parameters
    ----------
    r : float
        Shape of the purchase rates: the smaller, the more customers differ.
    alpha : float
        Rate parameter of the purchase rates, in time units; the mean rate is r / alpha purchases per time unit.
    a, b : float
        Of the dropout probabilities; their mean is a / (a + b).
    time_unit : {"W", "D", "M", "Y"}
        Unit of alpha and of every time given to the model.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or the time unit is unknown.

    Notes
    -----
    The likelihood of (x, t_x, T) is A1 A2 (A3 + A4 if x > 0) of [1]_. The expected purchases of a customer who is alive
    are E[(1 - (1 + p t / (alpha + T))^-(r + x)) / p], p ~ Beta(a, b + x): an integral of a positive function without
    the singularities that the hypergeometric form has at a = 1 and a + b = 1.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), "Counting your customers the easy way: an alternative to the Pareto/NBD model",
       Marketing Science 24(2), 275-284, eqs. (6) to (10).

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> model.expected_purchases(CustomerSummary(frequency=2, recency=30.43, T=38.86), horizon=39).round(3)
    array([1.226])
    """

    chances_at_start: ClassVar[int] = 0
