"""What a person sees while something runs: a bar on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS = 10.0


class Teller:
    """Tells stages and how far they are.

    On a terminal the newest words stand beside a bar; elsewhere they are a line, at most every ten seconds.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = monotonic()

    @contextmanager
    def showing(self, words: str) -> Iterator[None]:
        """Show a bar within the block, where there is a terminal; its refresh thread lives there only."""
        if not self._console.is_terminal:
            yield
            return
        with Progress(
            TextColumn("{task.description:<44}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        ) as bar:
            self._bar, self._task = bar, bar.add_task(words, total=None)
            try:
                yield
            finally:
                self._bar = None

    def say(self, words: str) -> None:
        """Print a line at once."""
        self._console.print(words, markup=False)
        self._last_line = monotonic()

    def at(self, words: str, done: int | None = None, total: int | None = None) -> None:
        """Tell how far the present work is."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words, completed=done or 0, total=total)
        elif monotonic() - self._last_line >= LINE_SECONDS:
            share = f" ({done:,} of {total:,})" if done is not None and total else ""
            self.say(f"  {words}{share} ...")


def console() -> Console:
    """Return the console of the command line; a pipe or a log has no width, and tables of 80 columns read badly."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)
