"""Customer-value metrics: who is still a customer, what each will buy, and what each is worth.

The calls of the main job are here; the rooms (`clv`,
`retention`, `wallet`, `tiers`, `datasets`, `interop`) load when first touched.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from customervalue import errors
from customervalue.summary import CustomerSummary

if TYPE_CHECKING:
    from customervalue import clv, datasets, interop, retention, tiers, wallet
    from customervalue.transactions import summarize, summarize_lazy

__version__ = "0.1.0"

__all__ = [
    "CustomerSummary",
    "clv",
    "datasets",
    "errors",
    "interop",
    "retention",
    "summarize",
    "summarize_lazy",
    "tiers",
    "wallet",
]

_ROOMS = ("clv", "datasets", "interop", "retention", "tiers", "wallet")
_CALLS = {"summarize": "transactions", "summarize_lazy": "transactions"}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _CALLS:
        return getattr(importlib.import_module(f"{__name__}.{_CALLS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
