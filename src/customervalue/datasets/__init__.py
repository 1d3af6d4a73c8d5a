"""Small public data sets, for examples and for tests."""

from customervalue.datasets.cdnow import load_cdnow

__all__ = ["load_cdnow"]
