"""MBG/NBD: like BG/NBD, but a customer may drop out right after the first purchase, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customervalue.clv._beta_geometric import BetaGeometric

__all__ = ["MBGNBD"]


@dataclass(frozen=True, repr=False)
class MBGNBD(BetaGeometric):
    """Modified beta-geometric / negative binomial model of repeat buying.

    While alive a customer buys at random at his own rate, lambda ~ Gamma(r, alpha); after each purchase, the first
    among them, he drops out with his own probability, p ~ Beta(a, b). So a customer without repeat purchases may have
    gone, where BG/NBD takes him to be alive for certain.

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
    Given that a customer is alive, p ~ Beta(a, b + x + 1), one chance to drop out more than in BG/NBD; the expectations
    are the same integrals with that. A customer just acquired has already passed his first chance, or not: he buys
    nothing more with probability a / (a + b).

    References
    ----------
    .. [1] Batislam, Denizel & Filiztekin (2007), International Journal of Research in Marketing 24(3), 201-209.
    .. [2] Hoppe & Wagner (2007), Marketing Journal of Research and Management 3(2), 75-90.

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614)
    >>> model.probability_alive(CustomerSummary(frequency=[0, 2], recency=[0, 30.43], T=[38.86, 38.86])).round(3)
    array([0.39 , 0.706])
    """

    chances_at_start: ClassVar[int] = 1
