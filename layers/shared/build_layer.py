"""Build the layer: install the packages of the lock, leave out what no function uses, and compile the rest.

    python3.13 build_layer.py <folder> <architecture> <runtime>

`sam build` runs this through the Makefile beside it, with the Python of the functions, because a compiled file works
only with the version that compiled it. Nothing but Python and pip is needed, so it also runs in SAM's build containers.
"""

from __future__ import annotations

import ast
import compileall
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, Final

SOURCE: Final = Path(__file__).resolve().parent
MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
"""The processors of Lambda's architectures, as names of wheels say them."""

AMAZON_LINUX_2: Final = 26
AMAZON_LINUX_2023: Final = 34
OLDEST_WHEELS: Final = 17
"""Minor versions of glibc 2: of the systems that run Python 3.11, and 3.12 and later, and of the oldest wheels."""

DEFERRED: Final = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.data_classes",
    "charset_normalizer",
)
"""Packages that import all of their modules at once, of which a function uses a few.

requests imports `charset_normalizer` to guess the encoding of a text that does not state one; Wan answers with JSON.
"""

CALLED_LATER: Final = ("botocore.docs", "botocore.docs.docstring")
"""Modules that import what only `help()` of a client calls: botocore's generator of documentation."""

CALL: Final = """

def {name}(*args, **kwargs):
    # build_layer.py moved the import of this function here, so that only its first call pays for it.
    from {module} import {name}

    return {name}(*args, **kwargs)
"""

LOOK_UP: Final = """
_ORIGINS = {origins!r}


def __getattr__(name):
    # build_layer.py moved the imports of this package here, so that a cold start pays only for what it uses.
    if name not in _ORIGINS:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_ORIGINS[name]), name)
    return value
"""


PLAIN_CLASSES: Final = """class _PlainClass(type):
    # build_layer.py replaced typing.TypedDict here: only type checkers read the types of these dictionaries.
    def __new__(meta, name, bases, namespace, total=True):
        return type.__new__(meta, name, (dict,), namespace)

    __call__ = dict


TypedDict = type.__new__(_PlainClass, "TypedDict", (dict,), {})
"""
"""Replaces `TypedDict` in a module: its classes have the same names, and calling one returns a dictionary."""


class BuildError(Exception):
    """Raised when the layer cannot be built as asked."""


def main(folder: Path, architecture: str, runtime: str) -> None:
    """Build the layer into `folder`/python. Raises BuildError."""
    running = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if running != runtime:
        raise BuildError(f"The layer of {runtime} is being built by {running}; install {runtime}.")
    packages = folder / "python"
    install(packages, architecture, runtime)
    shutil.copytree(SOURCE / "wan_video", packages / "wan_video", ignore=shutil.ignore_patterns("__pycache__"))
    prune(packages)
    # Not checked against their sources, because time stamps do not survive a zip; with the names they have on Lambda.
    compiled = compileall.compile_dir(
        packages,
        quiet=2,
        workers=0,
        stripdir=str(folder),
        prependdir="/opt",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        raise BuildError(f"{running} could not compile all sources of the layer.")


def install(packages: Path, architecture: str, runtime: str) -> None:
    """Install the packages of the lock as wheels for Lambda, whatever machine this is. Raises BuildError."""
    machine = MACHINES[architecture]
    newest = AMAZON_LINUX_2 if runtime == "python3.11" else AMAZON_LINUX_2023
    glibcs = range(newest, OLDEST_WHEELS - 1, -1)
    platforms = [f"manylinux_2_{glibc}_{machine}" for glibc in glibcs] + [f"manylinux2014_{machine}"]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", runtime.removeprefix("python")),
        *(part for platform in platforms for part in ("--platform", platform)),
        *("--target", str(packages), "--requirement", str(SOURCE / "requirements.txt")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildError(f"pip could not install the packages of the layer for {architecture}:\n{done.stderr}")


def prune(packages: Path) -> None:
    """Leave out what no function uses. Raises BuildError if a needed description is missing."""
    shutil.rmtree(packages / "bin", ignore_errors=True)  # commands of packages, which nothing on Lambda runs
    keep_descriptions(packages / "botocore/data", services_of(SOURCE / "wan_video"))
    called = names_in((SOURCE / "wan_video").rglob("*.py")) | names_in(
        (packages / "botocore").glob("*.py"), texts=False
    )
    for path in sorted((packages / "botocore/data").glob("*/*/*.json.gz")):
        document = json.loads(gzip.decompress(path.read_bytes()))
        if path.name == "service-2.json.gz":
            document = undocumented(with_operations(document, called), "operations", "shapes")
        elif path.name == "endpoint-rule-set-1.json.gz":
            document = undocumented(document, "parameters", "rules")
        # Python reads them several times as fast without compression, spaces and documentation.
        path.with_suffix("").write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
        path.unlink()
    for name in DEFERRED:
        defer_imports(packages, name)
    for name in CALLED_LATER:
        import_when_called(packages, name)
    simplify_typed_dicts(packages / "pydantic_core/core_schema.py")


def defer_imports(packages: Path, name: str) -> None:
    """Let a package import its names when they are first used, apart from those that it uses itself.

    Raises BuildError if there are none.
    """
    path = packages.joinpath(*name.split("."), "__init__.py")
    lines, module = path.read_text(encoding="utf-8").splitlines(), ast.parse(path.read_bytes())
    # A name that is also that of a module would mean the module as soon as this is imported.
    taken = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)} | {
        each.stem for each in path.parent.iterdir()
    }
    origins: dict[str, str] = {}
    for node in module.body:
        if not isinstance(node, ast.ImportFrom) or node.module in (None, "__future__") or node.level > 1:
            continue
        names = {alias.name for alias in node.names}
        if names & (taken | {"*"}) or any(alias.asname for alias in node.names):
            continue
        origins |= dict.fromkeys(sorted(names), f"{name}.{node.module}" if node.level else str(node.module))
        lines[node.lineno - 1 : node.end_lineno] = [""] * len(lines[node.lineno - 1 : node.end_lineno])
    if not origins:
        raise BuildError(f"{path} has no imports that could be deferred.")
    path.write_text("\n".join(lines) + "\n" + LOOK_UP.format(origins=origins), encoding="utf-8")


def import_when_called(packages: Path, name: str) -> None:
    """Let a module import the functions of its own distribution when it calls them.

    Raises BuildError if there are none, or if the module does anything else with one of them.
    """
    folder = packages.joinpath(*name.split("."))
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    lines, module = path.read_text(encoding="utf-8").splitlines(), ast.parse(path.read_bytes())
    called = {id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    imports = [
        node
        for node in module.body
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{name.split('.')[0]}.")
    ]
    origins = {alias.name: str(node.module) for node in imports for alias in node.names}
    uses = {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and id(node) not in called}
    others = uses & origins.keys() | {alias.name for node in imports for alias in node.names if alias.asname}
    if not origins or others:
        raise BuildError(f"{path} does not only call what it imports: {', '.join(sorted(others)) or 'nothing'}.")
    for node in imports:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    calls = "".join(CALL.format(name=each, module=origins[each]) for each in origins)
    path.write_text("\n".join(lines) + "\n" + calls, encoding="utf-8")


def services_of(package: Path) -> set[str]:
    """Return the names of the services for which the code creates clients. Raises BuildError for a name it cannot see.

    The names are read from the code itself, so that a client that is added later is not forgotten here.
    """
    names = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "create_client":
                if not (node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)):
                    raise BuildError(f"{path}, line {node.lineno}: create_client needs the literal name of a service.")
                names.add(node.args[0].value)
    return names


def keep_descriptions(data: Path, services: set[str]) -> None:
    """Remove botocore's descriptions and endpoints of all other services. Raises BuildError."""
    newest = {name: newest_version(data / name) for name in services}
    prefixes = {endpoint_prefix(version) for version in newest.values()}
    for version in data.glob("*/*/"):
        if version != newest.get(version.parent.name):
            shutil.rmtree(version)
    for folder in data.glob("*/"):
        if folder.name not in services:
            folder.rmdir()
    for examples in data.rglob("examples-1.json*"):
        examples.unlink()
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        known: dict[str, Any] = partition["services"]
        partition["services"] = {name: known[name] for name in known if name in prefixes}
    (data / "endpoints.json").write_text(json.dumps(endpoints, separators=(",", ":")), encoding="utf-8")


def names_in(sources: Iterable[Path], *, texts: bool = True) -> set[str]:
    """Return the attributes that sources use, and their texts, in lower case and without underscores.

    The name of each operation that they call, as a method or in a text, is therefore among them in the same form.
    """
    names = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif texts and isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return {name.replace("_", "").lower() for name in names}


def with_operations(service: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return botocore's description of a service with only the operations of these names and their shapes.

    An operation by which botocore discovers endpoints is kept too. Raises BuildError if no operation is left.
    """
    operations = {
        name: operation
        for name, operation in service["operations"].items()
        if name.lower() in names or operation.get("endpointoperation")
    }
    if not operations:
        raise BuildError(
            f"The code has a client of {service['metadata']['serviceId']} and calls none of its operations."
        )
    shapes, wanted, used = service["shapes"], [*referenced(operations)], set[str]()
    while wanted:
        if (shape := wanted.pop()) not in used:
            used.add(shape)
            wanted += referenced(shapes[shape])
    return {**service, "operations": operations, "shapes": {name: shapes[name] for name in shapes if name in used}}


def referenced(description: object) -> Iterator[str]:
    """Yield the names of the shapes to which a part of a service's description refers."""
    if isinstance(description, list):
        for part in description:
            yield from referenced(part)
    elif isinstance(description, dict):
        for key, part in description.items():
            if key == "shape" and isinstance(part, str):
                yield part
            else:
                yield from referenced(part)


def undocumented(document: dict[str, Any], *parts: str) -> dict[str, Any]:
    """Return a JSON document of botocore without texts under the key `documentation` in some of its parts.

    botocore requires the texts of other parts, the parameters of clients.
    """
    return {name: _undocumented(part) if name in parts else part for name, part in document.items()}


def _undocumented(part: Any) -> Any:
    if isinstance(part, list):
        return [_undocumented(each) for each in part]
    if isinstance(part, dict):
        return {
            key: _undocumented(each)
            for key, each in part.items()
            if key != "documentation" or not isinstance(each, str)
        }
    return part


def simplify_typed_dicts(path: Path) -> None:
    """Let a module create plain classes where it creates a `TypedDict`, each of which takes ten times as long.

    Raises BuildError if the module does not import `TypedDict` as expected.
    """
    lines, module = path.read_text(encoding="utf-8").splitlines(), ast.parse(path.read_bytes())
    imports = [
        node
        for node in module.body
        if isinstance(node, ast.If)
        and all(isinstance(each, ast.ImportFrom) for each in [*node.body, *node.orelse])
        and {alias.name for each in [*node.body, *node.orelse] for alias in getattr(each, "names", ())} == {"TypedDict"}
    ]
    if len(imports) != 1:
        raise BuildError(f"{path} does not import TypedDict as expected.")
    lines[imports[0].lineno - 1 : imports[0].end_lineno] = PLAIN_CLASSES.splitlines()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def newest_version(folder: Path) -> Path:
    """Return the folder of the version of a service that botocore uses, which is the newest. Raises BuildError."""
    versions = sorted(path.parent for path in folder.glob("*/service-2.json*"))
    if not versions:
        raise BuildError(f"botocore has no description of {folder.name}.")
    return versions[-1]


def endpoint_prefix(version: Path) -> str:
    """Return the name that a service has among the endpoints; that of stepfunctions is `states`."""
    description = json.loads(gzip.decompress((version / "service-2.json.gz").read_bytes()))
    return str(description["metadata"]["endpointPrefix"])


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except BuildError as error:
        sys.exit(str(error))
