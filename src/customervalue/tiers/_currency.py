"""The label of a currency: results carry it when the caller gives one, and two of them are never mixed."""

from __future__ import annotations

from typing import Any

from customervalue.errors import invalid

__all__ = ["check_currency", "in_words", "one_currency"]


def check_currency(currency: Any) -> str | None:
    """Return the label if it is a text with something in it, or None; raise otherwise.

    Examples
    --------
    >>> check_currency("EUR"), check_currency(None)
    ('EUR', None)
    """
    if currency is None or (isinstance(currency, str) and currency.strip()):
        return currency
    raise invalid("currency", f"`currency` must be a text such as 'EUR', or None, and is {currency!r}")


def one_currency(*currencies: str | None) -> str | None:
    """Return the only label among these, None if there is none; raise if there are two.

    What has no label is taken to be in the currency of what has one.

    Examples
    --------
    >>> one_currency(None, "EUR", "EUR")
    'EUR'
    >>> one_currency("EUR", "USD")
    Traceback (most recent call last):
    customervalue.errors.InvalidInputError: 1 problem in `currency`:
      1. amounts in different currencies cannot be compared, and these are in 'EUR' and 'USD'.
         Convert one of them first.
    """
    given = list(dict.fromkeys(label for label in map(check_currency, currencies) if label is not None))
    if len(given) > 1:
        rule = "amounts in different currencies cannot be compared, and these are in "
        raise invalid("currency", rule + " and ".join(map(repr, given)), "Convert one of them first.")
    return given[0] if given else None


def in_words(currency: str | None) -> str:
    """What to write behind an amount: a space and the label, or nothing.

    Examples
    --------
    >>> f"12.50{in_words('EUR')}, 12.50{in_words(None)}"
    '12.50 EUR, 12.50'
    """
    return "" if currency is None else f" {currency}"
