"""How the commands that look something over say what they found."""

from collections.abc import Iterable

from rich.console import Console

from food_inspections_dagster.errors import Finding


def print_findings(console: Console, findings: Iterable[Finding]) -> bool:
    """Print a line for each; return whether none of them is a problem."""
    sound = True
    for one in findings:
        console.print(f"{'Problem' if one.is_problem else 'Note'}: {one.sentence}", markup=False, soft_wrap=True)
        sound = sound and not one.is_problem
    return sound
