"""A category where all purchases are seen: one brand or all of them, customer by customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.wallet._category_names import brand_columns, brand_names
from customervalue.wallet._category_results import CategorySummary, MarketShareIdentity, ShareDistribution, make_summary
from customervalue.wallet._category_sums import Purchases
from customervalue.wallet.share import dimensions, exceeds, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import FloatArray

__all__ = ["CategorySummary", "MarketShareIdentity", "ShareDistribution", "category_summary"]

_NEEDED = "`category` is needed for one brand: what each customer buys in the category in all"


def category_summary(
    own: Any, category: Any = None, *, weights: Any = None, brands: str | Sequence[str] | None = None
) -> CategorySummary:
    """Summarize a category from each customer's purchases: penetration, share of requirements, market share and why.

    Parameters
    ----------
    own : array_like of float, shape (n,) or (n, b), or mapping of b columns, or dataframe
        What each customer buys of our brand, or of each of b brands, in purchases or money; >= 0.
    category : array_like of float, shape (n,), optional
        What he buys in the category in all, these brands included. Needed for one brand; of a table of brands it is the
        sum of each row if it is not given, and then the brands must be all there are.
    weights : array_like of float, shape (n,), optional
        How many customers each row stands for: counts of identical rows, or projection weights of a panel; >= 0.
    brands : str or sequence of str, optional
        Names of the columns; of a mapping or dataframe, the columns to take. By default its own names, and otherwise
        "own", or "brand 1", "brand 2", ...

    Returns
    -------
    CategorySummary
        With numbers for one brand, arrays with an entry per brand for a table of them.

    Raises
    ------
    InvalidInputError
        If an amount or weight is missing, not finite or negative, a brand, or the brands together, exceed a customer's
        category (by more than rounding), nobody buys a brand, weights are all 0, names do not fit, or a column holds
        text or looks like the number of the customer and was not asked for by name.

    Notes
    -----
    Rows with no purchase in the category are customers too: with them the penetrations are shares of a population, and
    without them shares of the buyers. Market share, share of requirements and the rest do not depend on them.

    Share of requirements and the mean share differ by how heavily people buy: the first is the mean of the shares
    weighted by category purchases. It is below the second where heavier buyers give the brand a smaller share, and
    above it where they give a larger one.

    References
    ----------
    .. [1] Ehrenberg (1988), Repeat-Buying, 2nd ed., Griffin: penetration, purchases per buyer, sole buyers.
    .. [2] Farris, Bendle, Pfeifer & Reibstein (2010), Marketing Metrics, 2nd ed., Pearson, chapter 2.

    Examples
    --------
    >>> from customervalue.datasets import load_catsup
    >>> panel, names = load_catsup(), ["heinz28", "heinz32", "heinz41", "hunts32"]
    >>> summary = category_summary(panel, brands=names)
    >>> summary.share_of_requirements.round(3)
    array([0.347, 0.592, 0.169, 0.291])
    >>> summary["heinz32"].identity()
    Market share = penetration (among category buyers) x share of requirements x usage index
      brand    penetration  share of requirements  usage index  product  market share
      heinz32  0.8467       0.5917                 1.04         0.5211   0.5211
    """
    checker = Checker("the category")
    table, chosen = brand_columns(own, brands)
    if category is None and table is not own and brands is not None and np.shape(table)[1:] == (1,):
        checker.add("category", _NEEDED, "Or choose all brands of the category.")
    data, one = _purchases(checker, table, category, weights)
    if not checker.problems:
        names = brand_names(checker, "brands", chosen, data.own.shape[1])
    checker.done()
    bought = np.any((data.own > 0)[data.weights > 0], axis=0)
    if not np.all(bought):
        nobody = ", ".join(name for name, some in zip(names, bought, strict=True) if not some)
        checker.add(
            "own", f"nobody buys {nobody}", "A brand without buyers has no share of requirements: leave it out."
        )
    checker.done()
    return make_summary(names, data, one=one)


def _purchases(checker: Checker, own: Any, category: Any, weights: Any) -> tuple[Purchases, bool]:
    """Purchases of brands and of the category, checked against one another; and whether there is but one brand."""
    one = dimensions(own) < 2
    if one:
        x = found(checker.amounts("own", own))[:, None]
    else:
        table = checker.amount_matrix("own", own)
        x = np.empty((0, 0)) if table is None else table
        if table is not None and not x.shape[1]:
            checker.add("own", "there must be at least one brand, and there is none")
    if one and category is None:
        checker.add("category", _NEEDED, "A table with a column for every brand needs none.")
    total = x.sum(axis=1) if category is None else found(checker.amounts("category", category))
    each = np.ones(len(x)) if weights is None else found(checker.amounts("weights", weights))
    checker.same_length()
    if weights is not None and each.size and not np.any(each > 0):
        checker.add("weights", "`weights` must not all be 0")
    if len(x) == total.size:
        _report_excess(checker, x, total)
    return Purchases(np.asfortranarray(x), total, each), one


def _report_excess(checker: Checker, own: FloatArray, category: FloatArray) -> None:
    advice = "The category is what is bought of all brands, these included, in the same unit."
    above = exceeds(own, category[:, None])
    if np.any(above):
        of_row = own[np.arange(len(own)), np.argmax(above, axis=1)]
        show = {"own": of_row, "category": category}
        checker.rows("own", np.any(above, axis=1), "`own` must not exceed `category`", show, advice)
    total = own.sum(axis=1)
    together = exceeds(total, category) & ~np.any(above, axis=1)
    rule = "the brands of a customer must not add up to more than `category`"
    checker.rows("own", together, rule, {"sum": total, "category": category}, advice)
