"""The errors that craton raises on purpose.

Each message says what came, what was expected, where, and how to mend it. The command line prints
the message alone, without a traceback, and ends with the class's ``exit_code``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CratonError(Exception):
    """Base of every error that a user can mend.

    Parameters
    ----------
    what : str
        What came and what was expected.
    where : str, optional
        File, row, curve, station or key.
    fix : str, optional
        How to mend it.

    Examples
    --------
    >>> print(DataError("depth is in feet, metres were expected", where="a.las", fix="convert it"))
    a.las: depth is in feet, metres were expected. To mend it: convert it
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        text = f"{where}: {what}" if where else what
        super().__init__(f"{text.rstrip('.')}. To mend it: {fix}" if fix else text)


class DataError(CratonError):
    """Input data that cannot be used as they are."""


class LeakError(CratonError):
    """A split in which the test set is not independent of the training set."""


class ConfigError(CratonError):
    """A setting that does not exist or has a value out of its bounds."""


class ModelError(CratonError):
    """A model that failed to fit or to predict."""


class BundleError(CratonError):
    """A bundle that is damaged, unsafe, or of a format that this version cannot read."""


class MissingExtraError(CratonError):
    """An optional package that is needed here and is not installed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known word nearest to a misspelt one, as the end of an error message.

    Examples
    --------
    >>> nearest("lerning_rate", ["epochs", "learning_rate"])
    "did you mean 'learning_rate'? Known: epochs, learning_rate"
    """
    words = sorted(known)
    close = difflib.get_close_matches(name, words, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    shown = words if len(words) <= 30 else [*words[:30], f"and {len(words) - 30} more"]
    return f"{hint}Known: {', '.join(shown)}"
