"""Pages for people name only what exists, and what is written from the code is what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import food_inspections_dagster
from food_inspections_dagster.command_line.app import app

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(food_inspections_dagster.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
VERBS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SUFFIXES = (".py", ".md", ".yaml", ".toml", ".svg", ".png", ".lock", ".csv")
# Written by people or by the program later, so absent from a fresh clone.
MADE_LATER = ("conf/local/", ".local", ".venv", "models/", "raw/", "reports/")


def code_of(text: str) -> list[str]:
    """Return the pieces of code of a page: fenced blocks by line, and what stands in backticks."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```[^\n]*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in fenced for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


def named_paths(text: str) -> set[str]:
    """Return what reads like a path of the repository: a known suffix, or a first part that stands in its root."""
    roots = {path.name for path in ROOT.iterdir() if path.is_dir()}
    found = set()
    for word in (word for piece in code_of(text) for word in piece.split()):
        path = word.strip("()[],;:'\"")
        if re.search(r"[<>*{}$=…|]|://", path) or path.startswith(MADE_LATER):
            continue
        if (path.endswith(SUFFIXES) and re.fullmatch(r"[\w./-]+", path)) or (
            "/" in path and path.split("/")[0] in roots
        ):
            found.add(path)
    return found


def missing_paths(text: str, page: Path) -> list[str]:
    """Return the named paths that are neither in the repository, nor in the package, nor beside the page.

    A bare file name, as in a drawing of folders, may lie anywhere in the package.
    """
    folders = (ROOT, PACKAGE, page.parent)
    return sorted(
        path
        for path in named_paths(text)
        if not any((folder / path).exists() for folder in folders)
        and not ("/" not in path and any(PACKAGE.rglob(path)))
    )


def broken_links(text: str, page: Path) -> list[str]:
    """Return links to files that are not there."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    return sorted(t for t in targets if "://" not in t and not (page.parent / t).exists())


def unknown_commands(text: str) -> list[str]:
    """Return verbs of make, subcommands and options of the command line, and modules that do not exist."""
    unknown = []
    for piece in code_of(text):
        unknown += [f"make {v}" for v in re.findall(r"\bmake ([a-z]+)\b", piece) if v not in VERBS]
        for name, rest in re.findall(r"\bfood-inspections ([a-z]+)([^|;&#]*)", piece):
            if name not in COMMANDS:
                unknown.append(f"food-inspections {name}")
                continue
            command = COMMANDS[name]
            if hasattr(command, "commands") and rest.split():  # a group, such as `keys create`
                name = f"{name} {rest.split()[0]}"
                command = command.commands.get(rest.split()[0])
                if command is None:
                    unknown.append(f"food-inspections {name}")
                    continue
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            unknown += [f"food-inspections {name} {o}" for o in re.findall(r"--[a-z-]+", rest) if o not in options]
        for module in re.findall(r"python -m (benchmarks|docs|food_inspections_dagster)[\w.]*", piece):
            unknown += [] if (ROOT / module / "__main__.py").exists() else [f"python -m {module}"]
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_only_what_exists(page):
    text = page.read_text(encoding="utf-8")
    assert missing_paths(text, page) == []
    assert broken_links(text, page) == []
    assert unknown_commands(text) == []


def test_the_test_finds_what_does_not_exist():
    text = """Run `make fly`, `food-inspections soar --high`, `food-inspections run --high`,
    `food-inspections keys burn`, `food-inspections bucket create --high`,
    `food-inspections bucket create --apply-rules`, then see
    `modeling/nowhere.py`, `conf/base/nothing.yaml` and [this](nowhere.md), but also `modeling/training.py`,
    `make run`.
    """
    page = ROOT / "README.md"
    assert missing_paths(text, page) == ["conf/base/nothing.yaml", "modeling/nowhere.py"]
    assert broken_links(text, page) == ["nowhere.md"]
    assert unknown_commands(text) == [
        "make fly",
        *("food-inspections soar", "food-inspections run --high", "food-inspections keys burn"),
        "food-inspections bucket create --high",
    ]


def check_of(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the generator of a folder's docs in its checking mode."""
    command = [sys.executable, str(folder / "docs/generate.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)  # noqa: S603


def test_generated_pages_are_what_the_code_says():
    done = check_of(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed(tmp_path):
    (tmp_path / "docs").mkdir()
    for file in (ROOT / "docs").iterdir():
        if file.is_file():
            (tmp_path / "docs" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    page = tmp_path / "docs/data_dictionary.md"
    page.write_text(page.read_text(encoding="utf-8").replace("| `week` |", "| `wek` |", 1), encoding="utf-8")
    done = check_of(tmp_path)
    assert done.returncode != 0
    assert "docs/data_dictionary.md no longer says what the code does" in done.stderr
