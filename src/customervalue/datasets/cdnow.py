"""The CDNOW sample: eighteen months of purchases by a cohort of new customers."""

from __future__ import annotations

import gzip
import io
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from customervalue import _columns
from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import AnyArray

__all__ = ["load_cdnow"]

# The file is made, and compared with its original, by tests/datasets/make_cdnow.py.
_FILE = "cdnow_sample.csv.gz"
_COLUMNS = [("customer_id", np.int64), ("date", "datetime64[D]"), ("value", np.float64)]
_BACKENDS = ("pandas", "polars", "pyarrow")


@overload
def load_cdnow(backend: None = None) -> dict[str, AnyArray]: ...
@overload
def load_cdnow(backend: Literal["pandas", "polars", "pyarrow"]) -> Any: ...
def load_cdnow(backend: str | None = None) -> Any:
    """Load the purchases of 2,357 people who first bought at CDNOW in the first quarter of 1997.

    CDNOW sold music over the Internet. The log has every purchase that these customers made from 1997-01-01 to
    1998-06-30: 6,919 transactions, in order of customer and date. It is the 1/10 sample of the cohort, the one that
    the BG/NBD paper [1]_ and much of what followed it are worked on.

    Parameters
    ----------
    backend : {"pandas", "polars", "pyarrow"}, optional
        The dataframe library whose frame to return. By default none is needed, and none is loaded.

    Returns
    -------
    dict of ndarray or dataframe
        Three columns of 6,919 rows: `customer_id` (int64, 1 to 2357), `date` (day of purchase; datetime64[D] in the
        dict, the library's own date or datetime in a frame) and `value` (float64, dollars; eight are 0). They are new
        at each call, and the caller's to change.

    Raises
    ------
    InvalidInputError
        If `backend` is none of these libraries.
    ModuleNotFoundError
        If the library is not installed.

    Notes
    -----
    Two columns of the original are left out: the customer's number in the full cohort, and how many CDs were bought.
    The papers fit their models to the first 39 weeks, to 1997-09-30, and forecast the 39 weeks that follow.

    Source: the data sets page of Bruce Hardie (brucehardie.com), where he and Peter Fader made the data public for
    research and teaching; there are no names or addresses in them. The copy here is made from the one in lifetimes
    0.11.3, a package under the MIT licence. Cite [2]_ where you publish results on these data.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284.
    .. [2] Fader & Hardie (2001), "Forecasting Repeat Sales at CDNOW: A Case Study", Interfaces 31(3), S94-S107.

    Examples
    --------
    >>> log = load_cdnow()
    >>> len(log["value"]), len(set(log["customer_id"].tolist()))
    (6919, 2357)
    >>> {name: column[:2].tolist() for name, column in log.items() if name != "date"}
    {'customer_id': [1, 1], 'value': [29.33, 29.73]}
    >>> str(log["date"].min()), str(log["date"].max())
    ('1997-01-01', '1998-06-30')
    """
    if backend is not None and backend not in _BACKENDS:
        choices = ", ".join(map(repr, _BACKENDS))
        raise invalid("backend", f"`backend` must be one of {choices}, or None for arrays, and is {backend!r}")
    packed = (resources.files("customervalue.datasets") / _FILE).read_bytes()
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), dtype=_COLUMNS, delimiter=",", skiprows=1, encoding="ascii")
    return _columns.to_frame({name: np.ascontiguousarray(table[name]) for name, _ in _COLUMNS}, backend)
