"""Two scanner panels: what each household bought of every brand in a category, its whole wallet."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from customervalue import _columns

if TYPE_CHECKING:
    from customervalue._typing import AnyArray

__all__ = ["load_catsup", "load_yogurt"]


@overload
def load_catsup(backend: None = None) -> dict[str, AnyArray]: ...
@overload
def load_catsup(backend: Literal["pandas", "polars", "pyarrow"]) -> Any: ...
def load_catsup(backend: str | None = None) -> Any:
    """Load how often each of 300 households bought each of four brands of catsup.

    2,798 purchases in all. Each household's whole category is seen, so that every estimate of a share or of a wallet
    can be held against the truth.

    Parameters
    ----------
    backend : {"pandas", "polars", "pyarrow"}, optional
        The dataframe library whose frame to return. By default none is needed, and none is loaded.

    Returns
    -------
    dict of ndarray or dataframe
        `household`, and the number of purchases of `heinz28`, `heinz32`, `heinz41` and `hunts32` (brand and size in
        ounces); 300 rows of int64.

    Raises
    ------
    InvalidInputError
        If `backend` is none of these libraries.
    ModuleNotFoundError
        If the library is not installed.

    Notes
    -----
    Counts made from the panel of Jain, Vilcassim and Chintagunta [1]_. Households without a purchase in the category
    are not in it: do not read a category penetration from it.

    References
    ----------
    .. [1] Jain, Vilcassim & Chintagunta (1994), Journal of Business & Economic Statistics 12(3), 317-328.

    Examples
    --------
    >>> panel = load_catsup()
    >>> {name: column[:3].tolist() for name, column in panel.items()}
    {'household': [1, 2, 3], 'heinz28': [13, 5, 3], 'heinz32': [0, 2, 17], 'heinz41': [1, 0, 0], 'hunts32': [0, 0, 0]}
    """
    return _panel("panel_catsup.csv", backend)


@overload
def load_yogurt(backend: None = None) -> dict[str, AnyArray]: ...
@overload
def load_yogurt(backend: Literal["pandas", "polars", "pyarrow"]) -> Any: ...
def load_yogurt(backend: str | None = None) -> Any:
    """Load how often each of 100 households bought each of four brands of yogurt.

    2,412 purchases in all. Each household's whole category is seen, so that every estimate of a share or of a wallet
    can be held against the truth.

    Parameters
    ----------
    backend : {"pandas", "polars", "pyarrow"}, optional
        The dataframe library whose frame to return. By default none is needed, and none is loaded.

    Returns
    -------
    dict of ndarray or dataframe
        `household`, and the number of purchases of `dannon`, `hiland`, `weight` (Weight Watchers) and `yoplait`; 100
        rows of int64.

    Raises
    ------
    InvalidInputError
        If `backend` is none of these libraries.
    ModuleNotFoundError
        If the library is not installed.

    Notes
    -----
    Counts made from the panel of Jain, Vilcassim and Chintagunta [1]_. Households without a purchase in the category
    are not in it: do not read a category penetration from it.

    References
    ----------
    .. [1] Jain, Vilcassim & Chintagunta (1994), Journal of Business & Economic Statistics 12(3), 317-328.

    Examples
    --------
    >>> panel = load_yogurt()
    >>> {name: column[:3].tolist() for name, column in panel.items()}
    {'household': [1, 2, 3], 'dannon': [6, 0, 6], 'hiland': [0, 0, 0], 'weight': [2, 16, 1], 'yoplait': [0, 4, 8]}
    """
    return _panel("panel_yogurt.csv", backend)


def _panel(file: str, backend: str | None) -> Any:
    lines = (resources.files("customervalue.datasets") / file).read_text(encoding="ascii").splitlines()
    table = np.loadtxt(lines[1:], dtype=np.int64, delimiter=",")
    names = lines[0].split(",")
    return _columns.to_frame({name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)}, backend)
