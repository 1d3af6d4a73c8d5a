"""Fits of shares: what makes a fit impossible is said before the search for a maximum begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.fit import fit
from customervalue.estimation.priors import check_prior
from customervalue.wallet._dirichlet_fit import likelihood_of_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue.estimation.inference import Inference
    from customervalue.wallet._dirichlet_fit import ShareRows

__all__ = ["bought", "fit_shares"]

_REMEDY = 'Observe customers for longer, or fit with a prior (`prior="weak"`).'


def bought(rows: ShareRows) -> list[bool]:
    """Whether anybody bought each brand."""
    return [float(column.margin.rows @ column.margin.values) > 0 for column in rows.columns]


def fit_shares(
    rows: ShareRows, names: tuple[str, ...], prior: Any, start: Mapping[str, float] | None, kinds: Sequence[str]
) -> Inference:
    """Maximize the likelihood of shares; `kinds` says in words whose purchases each column counts."""
    if not any(bought(rows)):
        raise invalid("category_purchases", "no customer has a purchase in the category", "There is nothing to share.")
    likelihood = likelihood_of_rows(rows, names)
    if prior != "weak" and not check_prior(prior, names):
        for kind, some in zip(kinds, bought(rows), strict=True):
            if not some:
                raise ConvergenceError(
                    f"none of the {rows.n_customers:,} customers with purchases bought from {kind}: the likelihood "
                    f"rises for ever as that share goes to zero. {_REMEDY}"
                )
        if not np.any(rows.total.margin.values > 1):
            raise ConvergenceError(
                f"none of the {rows.n_customers:,} customers with purchases has more than one in the category: how "
                f"much customers differ in their shares cannot be told. {_REMEDY}"
            )
    return fit(likelihood, prior=prior, start=start)
