"""What is written in two places says the same in both."""

import re
import sys
from pathlib import Path

import skflow

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def versions(requirements: list[str], operator: str) -> dict[str, tuple[str, str]]:
    """Name to (version, marker) of requirements, each written `name<operator>version`."""
    pattern = re.compile(rf"([\w-]+){operator}([\d.]+) *(?:; *(.*))?")
    matches = [pattern.fullmatch(requirement) for requirement in requirements]
    assert None not in matches, requirements
    found = {match[1]: (match[2], match[3] or "") for match in matches}
    assert len(found) == len(requirements), requirements
    return found


def readme_command(name: str) -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"^<!-- {name} -->\n+```\w*\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert match is not None, f"README.md has no fenced block right after <!-- {name} -->"
    return match[1].strip()


def test_oldest_pins_are_the_lower_bounds():
    extras = PROJECT["optional-dependencies"]
    parts = [extras[name] for name in ("fast", "table", "polars", "plot", "test")]
    requirements = [*PROJECT["dependencies"], *(line for part in parts for line in part)]
    own = f"{PROJECT['name']}["  # an extra that takes in another one
    bounds = [requirement for requirement in requirements if not requirement.startswith(own)]
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert versions(pins, "==") == versions(bounds, ">=")


def test_version():
    assert skflow.__version__ == PROJECT["version"]


def test_the_version_to_cite():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == PROJECT["version"]


def test_readme_test_command():
    assert readme_command("test command") == 'pip install ".[test]" && pytest'


def test_readme_transport_command():
    command = readme_command("transport command")
    assert command.startswith('pip install ".[table]" && skflow transport examples/data/penguins_')
