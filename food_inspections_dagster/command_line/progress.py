"""What a person sees while something runs: a bar on a terminal, a line every ten seconds in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS = 10.0


class ProgressDisplay:
    """Shows the present work and how far it is.

    On a terminal its words stand beside a bar; in a log they are a line whenever there was none for ten seconds.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._lock = Lock()
        self._last_line = self._began = monotonic()
        self._words, self._share = "", ""

    @contextmanager
    def showing(self, words: str) -> Iterator[None]:
        """Show the work within the block; the thread that repeats it lives there only."""
        self.update(words)
        if not self._console.is_terminal:
            ended = Event()
            # A step may say nothing for minutes, and a log that stands still looks like a program that does.
            thread = Thread(target=self._repeat, args=[ended], name="progress in a log", daemon=True)
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()
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

    def print(self, words: str) -> None:
        """Print a line at once."""
        with self._lock:
            self._print(words)

    def update(self, words: str, done: int | None = None, total: int | None = None) -> None:
        """Take note of how far the present work is."""
        with self._lock:
            if words != self._words:
                self._words, self._began = words, monotonic()
            self._share = f" ({done:,} of {total:,})" if done is not None and total else ""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words, completed=done or 0, total=total)
        elif not self._console.is_terminal:
            self._print_if_due()

    def _repeat(self, ended: Event) -> None:
        while not ended.wait(max(0.1, self._last_line + LINE_SECONDS - monotonic())):
            self._print_if_due()

    def _print_if_due(self) -> None:
        with self._lock:
            moment = monotonic()
            if moment - self._last_line >= LINE_SECONDS:
                seconds = moment - self._began
                time = f", {seconds:.0f} s" if seconds >= 1 and not self._share else ""
                self._print(f"  {self._words}{self._share}{time} ...")

    def _print(self, words: str) -> None:
        self._console.print(words, markup=False)
        self._last_line = monotonic()


def console() -> Console:
    """Return the console of the command line; a pipe or a log has no width, and tables of 80 columns read badly."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)
