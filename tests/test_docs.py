"""The site names everything that is public, and names nothing that is not there."""

import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest

from skflow.cli._arguments import COMMANDS, make_parser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted([*DOCS.glob("*.md"), *DOCS.glob("guide/*.md")])]
PACKAGES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in (ROOT / "skflow").glob("**/*.py")
    if not path.stem.startswith("_") or path.stem == "__init__"
)


def listed_objects() -> list[object]:
    """Everything that docs/api.rst lists."""
    found, module = [], None
    for line in (DOCS / "api.rst").read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule::"):
            module = importlib.import_module(line.split()[-1])
        elif match := re.fullmatch(r"(?:   |\.\. data:: )(\w+)", line):
            found.append(getattr(module, match[1]))
    return found


@pytest.mark.parametrize("name", PACKAGES)
def test_the_api_reference_lists_every_public_object(name):
    module = importlib.import_module(name)
    listed = {id(item) for item in listed_objects()}
    public = set(getattr(module, "__all__", ())) - {"__version__", "Affine"}  # a string, an alias
    assert sorted(item for item in public if id(getattr(module, item)) not in listed) == []


def test_every_class_and_function_of_the_api_reference_has_an_example():
    named = [item for item in listed_objects() if isinstance(item, type) or inspect.isroutine(item)]
    assert len(named) > 100
    assert [item.__name__ for item in named if ">>>" not in (inspect.getdoc(item) or "")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"`((?:skflow|examples|docs)/[\w/.]+)`", text)
    files += re.findall(r"python (examples/[\w/]+\.py)", text)
    assert [name for name in set(files) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_command_knows_the_options_that_a_page_gives_it(page):
    parser = make_parser(dict.fromkeys(COMMANDS))
    for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("skflow ") and not line.split()[1].isupper():
                parser.parse_args(shlex.split(line, comments=True)[1:])
