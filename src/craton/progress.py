"""What the command line says while it works: steps and warnings, on the standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def show_progress() -> Iterator[Callable[[int, int, str], None]]:
    """Show one line that moves on a terminal, a line a step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        last, began = "", time.monotonic()

        def plain(done: int, total: int, text: str) -> None:
            nonlocal last
            step = text.split(":")[0]
            if step != last:
                # the step that is being done, counted from one, and the seconds before it
                at = f"[{min(done + 1, total)}/{total}] {time.monotonic() - began:5.0f} s "
                print(f"{at} {step}", file=sys.stderr, flush=True)
            last = step

        yield plain
        return
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        line = bar.add_task("starting", total=1)
        yield lambda done, total, text: bar.update(
            line, completed=done, total=max(total, 1), description=text
        )


def show_warnings() -> None:
    """Let warnings, and what a download tells, come as one plain line each."""
    import logging
    import warnings

    class Say(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print(record.getMessage(), file=sys.stderr, flush=True)

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if category is UserWarning:
            print(f"warning: {message}", file=sys.stderr)
        else:
            before(message, category, *place)

    before = warnings.showwarning
    warnings.showwarning = show  # type: ignore[assignment]
    log = logging.getLogger("craton")
    log.setLevel(logging.INFO)
    log.handlers = [Say()]
