"""What the portal's package may know of the project: it stands for a server that is not ours."""

import ast
import subprocess
import sys
from pathlib import Path

import food_inspections_portal

PACKAGE = Path(food_inspections_portal.__file__).parent
ALLOWED = {"food_inspections_dagster.errors", "food_inspections_dagster.weeks"}


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            names.add(str(node.module))
    return names


def test_it_knows_nothing_of_the_project_but_weeks_and_errors():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 15
    project = {name for file in files for name in imported(file) if name.startswith("food_inspections_dagster")}
    assert project == ALLOWED


def test_it_starts_without_dagster():
    """Nor does what it imports bring in more, which would cost seconds at each start."""
    code = (
        "import sys, food_inspections_portal.command as c; print([m for m in sys.modules if m.startswith('dagster')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
