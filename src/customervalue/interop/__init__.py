"""To and from other packages: models that were fitted elsewhere, and models that other code is to use."""

from __future__ import annotations

from customervalue.interop.lifetimes import from_lifetimes, to_lifetimes

__all__ = ["from_lifetimes", "to_lifetimes"]
