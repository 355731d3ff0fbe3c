"""Who may import whom, how large a file may be, and what starting up costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[1]
VENDORS: Final = ("acoustic_connect", "ivvy", "wix")
LONGEST: Final = 260
PURE_STAGES: Final = (
    "addresses", "batch", "blocks", "covering", "differences", "drift", "evidence", "fold", "forgotten",
    "guard", "intents", "kin", "loads", "map", "moved", "numbering_plans", "opt_outs",
    "outcomes", "permissions", "precedence", "reconcile", "record", "records", "resolve",
    "retries", "revert", "seen", "split", "suppress", "told", "validate", "withheld",
    "witnesses",
)  # fmt: skip
"""The stages between read and deliver, and those that only join frames after it."""
PACKAGES: Final = sorted(
    str(path.parent.relative_to(ROOT))
    for path in (ROOT / "pipeline").glob("*/**/__init__.py")
    if path.parent.name != "stages" and "sandbox" not in path.parts
)
"""Those that list their modules; a stage is named after what it does, and the sandbox is a house of its own."""
WORLD: Final = frozenset(
    {"asyncio", "deltalake", "duckdb", "httpx", "io", "logging", "os", "pathlib", "prefect", "random", "requests"}
    | {"secrets", "shutil", "socket", "sqlalchemy", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time"}
    | {"urllib", "uuid"}
)
"""Files, sockets, clocks, chance and logs."""
VOCABULARY: Final = frozenset(
    {"pipeline.model", "pipeline.job", "pipeline.mapping_file", "pipeline.values", "pipeline.hashing"}
)
"""What a pure stage may import at run time beside other stages; the state's column names are vocabulary too."""


class Imports(ast.NodeVisitor):
    """The modules that a file imports; those for type checkers are kept apart."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.typing: set[str] = set()
        self._into = self.running

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self._into = self.typing
            for child in node.body:
                self.visit(child)
            self._into = self.running
            node = ast.If(node.test, [], node.orelse)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._into |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        assert node.level == 0, "imports are absolute"
        self._into.add(module)
        # `from pipeline.planning import sealing` imports the module pipeline.planning.sealing.
        self._into |= {f"{module}.{alias.name}" for alias in node.names if _is_module(f"{module}.{alias.name}")}


@cache
def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def imports_of(path: Path) -> Imports:
    """What a file imports, at any depth of nesting."""
    found = Imports()
    found.visit(ast.parse(path.read_text("utf-8")))
    return found


def files_of(*folders: str) -> list[Path]:
    """Python files below folders of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def below(module: str, *packages: str) -> bool:
    """Whether a module is one of the packages, or in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def outside(path: Path) -> Iterator[str]:
    """Packages that are not the project's, for type checkers too."""
    found = imports_of(path)
    yield from sorted({module.partition(".")[0] for module in found.running | found.typing})


def offenders(wanted: Callable[[str], bool], *folders: str, typing: bool = True) -> dict[str, list[str]]:
    """File -> the modules it imports that it should not; empty where all is well."""
    found = {}
    for path in files_of(*folders):
        imports = imports_of(path)
        modules = imports.running | (imports.typing if typing else set())
        if wrong := sorted(module for module in modules if wanted(module)):
            found[str(path.relative_to(ROOT))] = wrong
    return found


@pytest.mark.parametrize("stage", PURE_STAGES)
def test_stages_are_pure(stage: str) -> None:
    """A stage touches no file, no socket, no clock and no log: what it needs is handed to it."""
    path = ROOT / "pipeline" / "stages" / f"{stage}.py"
    assert WORLD.isdisjoint(outside(path))
    own = {module for module in imports_of(path).running if below(module, "pipeline")}
    allowed = VOCABULARY | ({"pipeline.state"} if stage == "record" else set())
    stages = {f"pipeline.stages.{other}" for other in PURE_STAGES}
    assert own - allowed - stages - {"pipeline.stages"} == set()


def test_every_stage_is_pure_or_known_not_to_be() -> None:
    """A new stage is looked at: reading, delivering (courier) and reporting are the ones that meet the world."""
    there = {
        path.stem for path in (ROOT / "pipeline" / "stages").iterdir() if path.stem not in ("__init__", "__pycache__")
    }
    assert there - set(PURE_STAGES) == {"read", "courier", "deliver", "report"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_its_modules_are_for(package: str) -> None:
    """Each module stands in the docstring of its package."""
    folder = ROOT / package
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert modules - set(re.findall(r"\w+", said)) == set()


def test_adapters_judge_and_do_not_act() -> None:
    """An adapter sees no retry, no log, no ledger and no transport, and starts no thread: at most it has a lock."""
    world = (*(WORLD - {"httpx", "threading"}), "tenacity")
    acting = ("pipeline.ledger", "pipeline.transport", "pipeline.session", "pipeline.run", "pipeline.state")
    assert offenders(lambda module: below(module, *world, *acting), "pipeline/destinations", typing=False) == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_adapters_know_no_other_vendor(vendor: str) -> None:
    """Nor the sandbox: one vendor's folder can be read, and removed, by itself."""
    others = [f"pipeline.destinations.{other}" for other in VENDORS if other != vendor]
    folder = f"pipeline/destinations/{vendor}"
    assert offenders(lambda module: below(module, *others, "pipeline.sandbox"), folder) == {}


def test_adapters_make_requests_and_send_none() -> None:
    """Of httpx they know Request, Response, Auth and URL."""
    for path in files_of("pipeline/destinations"):
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        attributes = [node for node in tree if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        used = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "httpx"}
        assert used <= {"Request", "Response", "Auth", "URL"}, path


def test_the_sandbox_knows_nothing_of_the_pipeline() -> None:
    """It is written from the contracts, so that a misreading on one side shows on the other."""

    def of_pipeline(module: str) -> bool:
        return below(module, "pipeline") and module != "pipeline" and not below(module, "pipeline.sandbox")

    assert offenders(of_pipeline, "pipeline/sandbox") == {}


def test_nothing_imports_flows_nor_the_sandbox() -> None:
    """The product works without Prefect; only the command that serves the sandbox imports it."""
    assert offenders(lambda module: below(module, "flows", "prefect", "tests"), "pipeline") == {}
    sandbox = offenders(lambda module: below(module, "pipeline.sandbox"), "pipeline")
    assert [path for path in sandbox if not path.startswith("pipeline/sandbox/")] == ["pipeline/cli.py"]


def test_flows_hold_no_business_logic() -> None:
    """A flow calls the chain: it reads no frame, no ledger, no stage and no destination."""
    parts = (
        "pipeline.stages",
        "pipeline.destinations",
        "pipeline.ledger",
        "pipeline.state",
        "pipeline.transport",
    )
    packages = ("polars", "sqlalchemy", "deltalake")
    assert offenders(lambda module: below(module, *parts, *packages), "flows") == {}


def test_no_file_is_too_long() -> None:
    """Over this, a noun is missing; a file that was divided leaves the list."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files_of("pipeline", "flows")
    }
    assert {name for name, length in lengths.items() if length > LONGEST} == set()


MAPPING: Final = """\
version: 1
destination: acoustic_connect
identity: {column: id}
addresses: {SMS: {column: mobile, attribute: Phone, region: US}}
consent:
  channels:
    EMAIL: {column: ok, values: {OPT_IN: [Y], OPT_OUT: [N]}, at: {column: at, timezone: Europe/Berlin}}
"""
COMMANDS: Final = {"--help": ["--help"], "--version": ["--version"], "check": ["check", "members.yaml"]}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_small_commands_start_without_heavy_packages(arguments: list[str], tmp_path: Path) -> None:
    """Help and the check of a mapping answer at once: neither polars nor Prefect nor a client is imported."""
    (tmp_path / "members.yaml").write_text(MAPPING, encoding="utf-8")
    program = (
        "import sys\n"
        f"sys.argv = ['consent-sync', *{arguments!r}]\n"
        "from pipeline.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    code = end.code\n"
        "heavy = {'polars', 'prefect', 'httpx', 'sqlalchemy', 'deltalake', 'phonenumbers', 'plotly', 'duckdb'}\n"
        "print(sorted(heavy & set(sys.modules)), code or 0, file=sys.stderr)\n"
    )
    ended = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert ended.stderr.splitlines()[-1] == "[] 0", ended.stdout + ended.stderr
