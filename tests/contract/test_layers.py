"""The output of a real `sam build`: every import under its name in the checkout, and nothing that is not shipped."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import botocore
import pytest
from samcli.yamlhelper import yaml_parse

import build_layer
from tools.harness.artifact import ENVIRONMENT, paths, start_command
from tools.harness.calls import BUCKET_ACTIONS, OBJECT_ACTIONS
from tools.harness.calls import NAMES as NAMED
from tools.rights import listed
from tools.template import ROOT, Json, logical_id
from tools.words import WORDS
from wan_video_local.sam import ARCHITECTURES, LAYERS

NOT_SHIPPED = {
    "wan_simulator",
    "wan_video_local",
    "wan_video_cli",
    "bench",
    "tests",
    "tools",
    "local",
    "cli",
    "ministack",
    "samcli",
    "av",
}


def files(folder: Path) -> set[str]:
    """Return every file below a folder, as a relative path."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_layer_contains_the_package_unchanged(built: Path) -> None:
    source = ROOT / "layers/shared/wan_video"
    sources = {name for name in files(source) if "__pycache__" not in name}
    shipped = built / "SharedLayer/python/wan_video"

    assert {name for name in files(shipped) if "__pycache__" not in name} == sources
    assert all((shipped / name).read_bytes() == (source / name).read_bytes() for name in sources)


def test_what_the_local_stack_deploys_is_what_was_built_with_its_layers_compressed(built: Path) -> None:
    deployed = json.loads((built / "deployed.json").read_text(encoding="utf-8"))
    expected = yaml_parse((built / "template.yaml").read_text(encoding="utf-8"))
    for layer in LAYERS:
        expected["Resources"][layer]["Properties"]["ContentUri"] = f"{layer}.zip"

    assert deployed == expected
    for layer in LAYERS:
        with ZipFile(built / f"{layer}.zip") as archive:
            members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        assert members == {name: (built / layer / name).read_bytes() for name in files(built / layer)}


def test_the_layer_contains_the_packages_of_its_lock(built: Path) -> None:
    lock = (ROOT / "layers/shared/requirements.txt").read_text(encoding="utf-8")
    locked = {
        line.split("==")[0].replace("-", "_").lower()
        for line in lock.splitlines()
        if "==" in line and line[0] not in " #"
    }
    installed = {path.name.rsplit("-", 1)[0].lower() for path in (built / "SharedLayer/python").glob("*.dist-info")}
    installed = {name.rsplit("-", 1)[0].replace("-", "_").replace(".", "_") for name in installed}

    assert {name.replace(".", "_").split("[")[0] for name in locked} == installed


@pytest.mark.parametrize("word", WORDS)
def test_a_function_contains_only_its_own_folder_under_its_own_name(built: Path, word: str) -> None:
    sources = {f"functions/{word}/{name}" for name in files(ROOT / "functions" / word) if "__pycache__" not in name}

    assert {name for name in files(built / logical_id(word)) if "__pycache__" not in name} == sources


def test_an_artifact_contains_nothing_that_is_not_shipped(built: Path) -> None:
    packages = {path.name for path in built.glob("*/*")} | {
        path.name for path in (built / "SharedLayer/python").iterdir()
    }

    assert packages & NOT_SHIPPED == set()


@pytest.mark.parametrize("word", WORDS)
def test_lambda_finds_the_handler_and_importing_it_needs_no_environment(built: Path, word: str) -> None:
    path = paths(built, word)
    script = (
        f"import sys; sys.path[:0] = {path!r}\n"
        f"from functions.{word}.handler import lambda_handler\n"
        f"import functions.{word}.handler as handler, wan_video\n"
        "print(handler.__file__); print(wan_video.__file__); print('botocore' in sys.modules)"
    )
    # With -I and -S Python sees neither this checkout nor this environment, as in Lambda.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], env={}, cwd=os.sep, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    handler, package, botocore = done.stdout.splitlines()
    assert handler == f"{path[0]}/functions/{word}/handler.py"
    assert package == f"{path[1]}/wan_video/__init__.py"
    assert botocore == "False", "importing is free: clients are created for the first call"


@pytest.mark.parametrize("word", WORDS)
def test_a_function_finds_everything_it_needs_for_its_first_call_in_its_artifact(built: Path, word: str) -> None:
    done = subprocess.run(
        start_command(built, word), env=ENVIRONMENT, cwd=os.sep, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_build_is_compiled_so_that_no_cold_start_compiles_it_again(built: Path) -> None:
    sources = [path for path in built.glob("*/**/*.py") if "__pycache__" not in path.parts]

    assert [path for path in sources if not Path(cache_from_source(str(path))).exists()] == []


LAYER_BYTES = 36_000_000
"""The limit of the unpacked layer, compiled files included: each cold start on a new machine unpacks it."""

MACHINES = {"x86_64": 62, "arm64": 183}
"""`e_machine` of ELF files for each architecture of Lambda."""

ENDPOINTS = """
import json, sys; sys.path.insert(0, sys.argv[1])
from botocore.session import Session
session = Session()
print(json.dumps({
    f"{name} in {region}": session.create_client(name, region_name=region).meta.endpoint_url
    for name in json.loads(sys.argv[2]) for region in ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1")
}))
"""

CLIENTS = """
import sys; sys.path.insert(0, sys.argv[1])
from wan_video.bootstrap import clients
created = [make for name, make in vars(clients).items() if make.__class__.__name__ == "_lru_cache_wrapper"]
print(*{made.meta.service_model.service_name for make in created if hasattr(made := make(), "meta")})
"""


def layer_of(built: Path) -> Path:
    """Return the folder that is /opt/python on Lambda."""
    return built / "SharedLayer/python"


def output(script: str, *arguments: str) -> str:
    """Return what a script prints that sees neither this checkout nor this environment, as on Lambda."""
    command = [sys.executable, "-B", "-I", "-S", "-c", script, *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=os.sep, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def described(layer: Path) -> set[str]:
    """Return the services that the layer's botocore describes."""
    return {path.parent.parent.name for path in layer.glob("botocore/data/*/*/service-2.json")}


def test_the_layer_describes_exactly_the_services_that_the_functions_have_clients_for(built: Path) -> None:
    layer = layer_of(built)

    assert set(output(CLIENTS, str(layer)).split()) == described(layer) == build_layer.services_of(layer / "wan_video")
    assert {path.name for path in (layer / "botocore/data").iterdir() if path.is_dir()} == described(layer)


def test_the_clients_of_the_layer_find_the_same_endpoints_as_those_of_a_complete_botocore(built: Path) -> None:
    names = json.dumps(sorted(described(layer_of(built))))

    pruned = json.loads(output(ENDPOINTS, str(layer_of(built)), names))
    complete = json.loads(output(ENDPOINTS, str(Path(botocore.__file__).parents[1]), names))

    assert len(pruned) >= 24
    assert pruned == complete


def test_the_endpoints_of_the_services_are_those_of_a_complete_botocore(built: Path) -> None:
    def services(packages: Path) -> dict[str, dict[str, Any]]:
        document = json.loads((packages / "botocore/data/endpoints.json").read_bytes())
        return {partition["partition"]: partition["services"] for partition in document["partitions"]}

    prefixes = {"dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs", "states"}
    pruned, complete = services(layer_of(built)), services(Path(botocore.__file__).parents[1])

    assert prefixes <= set(pruned["aws"])
    assert pruned.keys() == complete.keys()
    for partition, known in pruned.items():
        assert known == {name: complete[partition][name] for name in known}
        assert prefixes & complete[partition].keys() <= known.keys()


def documents_of(packages: Path, kind: str, service: str = "*") -> dict[str, dict[str, Any]]:
    """Return botocore's documents of one kind, such as `service-2`, by the service; those of all its versions.

    `service` names one service, because parsing those of a complete botocore takes more than a second.
    """
    found = {}
    for path in packages.glob(f"botocore/data/{service}/*/{kind}.json*"):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found[path.parent.parent.name] = json.loads(text)
    return found


def bare(part: Any) -> Any:
    """Return a JSON document without the texts that document it."""
    if isinstance(part, dict):
        return {k: bare(v) for k, v in part.items() if not (k == "documentation" and isinstance(v, str))}
    return [bare(each) for each in part] if isinstance(part, list) else part


COMPLETE = Path(botocore.__file__).parents[1]
SERVICES = ("dynamodb", "lambda", "s3", "secretsmanager", "sns", "sqs", "stepfunctions")


@pytest.mark.parametrize("name", SERVICES)
def test_an_operation_in_the_layer_is_described_as_in_a_complete_botocore(built: Path, name: str) -> None:
    shipped = documents_of(layer_of(built), "service-2", name)[name]
    documented = documents_of(COMPLETE, "service-2", name)[name]
    complete = bare(documented)
    operations, shapes = shipped["operations"], shipped["shapes"]

    assert operations == {each: complete["operations"][each] for each in operations}
    assert shapes == {each: complete["shapes"][each] for each in shapes}
    assert {*build_layer.referenced([operations, shapes])} <= shapes.keys()
    assert shipped.keys() == documented.keys()
    for part in documented.keys() - {"operations", "shapes"}:
        assert shipped[part] == documented[part]


def test_the_rules_of_endpoints_in_the_layer_are_those_of_a_complete_botocore(built: Path) -> None:
    complete = documents_of(COMPLETE, "endpoint-rule-set-1")

    for name, rules in documents_of(layer_of(built), "endpoint-rule-set-1").items():
        assert rules == bare(complete[name])


CALLED_BY_BOTOCORE = {("dynamodb", "DescribeEndpoints"), ("s3", "CreateSession"), ("s3", "HeadBucket")}
"""Operations that botocore calls by itself: to discover endpoints, for directory buckets, and to find a region."""

SEEN_IN_ANSWERS = {"s3:ListBucket"}
"""Actions without a call of their own: S3 answers that an object is missing only to callers who may list."""


def actions_of(service: str, operation: str) -> set[str]:
    """Return the actions that an operation needs, without the resources that they are for."""
    if operation == "TransactWriteItems":
        return {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    if operation in NAMED:
        return {NAMED[operation][0]}
    return {f"{service}:{ {**OBJECT_ACTIONS, **BUCKET_ACTIONS}.get(operation, operation) }"}


def test_the_layer_describes_the_operations_that_the_functions_have_rights_to(built: Path) -> None:
    shipped = documents_of(layer_of(built), "service-2")
    operations = {(name, each) for name, service in shipped.items() for each in service["operations"]}
    rights = {right.action for rights in listed().values() for right in rights}

    assert operations >= CALLED_BY_BOTOCORE
    actions = set[str]().union(*(actions_of(*each) for each in operations - CALLED_BY_BOTOCORE))
    assert actions == rights - SEEN_IN_ANSWERS


LINKS = """
import sys; sys.path.insert(0, sys.argv[1])
from botocore.session import Session
client = Session().create_client("s3", region_name="eu-central-1")
print(client.generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "fox.mp4"}).split("?")[0])
"""


def test_a_client_of_the_layer_finds_the_endpoint_of_a_request(built: Path) -> None:
    """botocore reads the documentation of a client's own parameters for its first request."""
    assert output(LINKS, str(layer_of(built))) == "https://films.s3.amazonaws.com/fox.mp4\n"


UNKNOWN = """
import sys; sys.path.insert(0, sys.argv[1])
from wan_video.bootstrap import clients
try:
    clients.sqs().purge_queue(QueueUrl="https://example.com")
except AttributeError as error:
    print(error, hasattr(clients.sqs(), "send_message"), hasattr(clients.sqs(), "purge_queue"))
"""


def test_an_operation_that_the_layer_does_not_describe_is_refused_with_the_reason(built: Path) -> None:
    said = output(UNKNOWN, str(layer_of(built)))

    assert "The client of sqs has no attribute 'purge_queue'. The layer describes only the operations" in said
    assert said.endswith("True False\n")


SERVICE = {
    "metadata": {"serviceId": "Parts"},
    "operations": {
        "GetPart": {"input": {"shape": "Part"}, "errors": [{"shape": "Gone"}]},
        "ListPartsV2": {"output": {"shape": "Parts"}},
        "FindHosts": {"endpointoperation": True},
        "DropPart": {"input": {"shape": "Name"}},
    },
    "shapes": {
        "Part": {"type": "structure", "members": {"shape": {"shape": "Kind"}, "Inner": {"shape": "Part"}}},
        "Parts": {"type": "list", "member": {"shape": "Part"}},
        "Kind": {"type": "string"},
        "Gone": {"type": "structure", "members": {}},
        "Name": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    ("source", "operations", "shapes"),
    [
        ("client.get_part(Name=1)", {"GetPart"}, {"Part", "Kind", "Gone"}),
        ("client.get_paginator('list_parts_v2')", {"ListPartsV2"}, {"Part", "Parts", "Kind"}),
        ("SENT = 'DropPart'", {"DropPart"}, {"Name"}),
    ],
    ids=["a method", "a paginator", "a text"],
)
def test_the_layer_keeps_the_operations_that_the_code_names_and_their_shapes(
    tmp_path: Path, source: str, operations: set[str], shapes: set[str]
) -> None:
    (tmp_path / "calls.py").write_text(source, encoding="utf-8")

    kept = build_layer.with_operations(SERVICE, build_layer.names_in([tmp_path / "calls.py"]))

    assert set(kept["operations"]) == operations | {"FindHosts"}
    assert set(kept["shapes"]) == shapes
    assert kept["metadata"] == SERVICE["metadata"]


def test_the_build_refuses_a_client_of_which_no_operation_is_called() -> None:
    lonely = {**SERVICE, "operations": {"DropPart": {}}}

    with pytest.raises(build_layer.BuildError, match="has a client of Parts and calls none of its operations"):
        build_layer.with_operations(lonely, {"getpart"})


def test_only_texts_that_document_are_removed() -> None:
    members = {"documentation": {"shape": "Text", "documentation": "<p>The text.</p>"}, "enum": ["a"]}

    assert build_layer.undocumented({"shapes": [members], "other": {"documentation": "<p>Text.</p>"}}, "shapes") == {
        "shapes": [{"documentation": {"shape": "Text"}, "enum": ["a"]}],
        "other": {"documentation": "<p>Text.</p>"},
    }


HELP = """
import sys; sys.path.insert(0, sys.argv[1])
from botocore.session import Session
client = Session().create_client("dynamodb")
print("botocore.docs.method" in sys.modules)
print(client.get_item.__doc__, client.get_paginator("query").paginate.__doc__)
"""


def test_the_help_of_a_client_still_states_its_parameters(built: Path) -> None:
    loaded, said = output(HELP, str(layer_of(built))).split("\n", 1)

    assert loaded == "False", "the generator of documentation is imported for the first help only"
    assert "response = client.get_item(\n      TableName='string'," in said
    assert "response_iterator = paginator.paginate(\n      TableName='string'," in said


def test_a_function_that_is_called_later_is_imported_by_its_first_call(tmp_path: Path) -> None:
    package = package_of(tmp_path, "from deferred.model import Model\ndef made(name):\n    return Model(name)\n")
    (package / "model.py").write_text("def Model(name, word='one'): return name, word\n", encoding="utf-8")

    build_layer.import_when_called(tmp_path, "deferred")

    script = """
import sys; sys.path.insert(0, sys.argv[1])
import deferred
print("deferred.model" in sys.modules, *deferred.made("a"), *deferred.Model("b", word="two"), *deferred.made("c"))
"""
    assert output(script, str(tmp_path)).split() == ["False", "a", "one", "b", "two", "c", "one"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("from deferred.model import Model\nclass More(Model): ...\n", "Model"),
        ("from deferred.model import Model as M\nM()\n", "Model"),
        ("from os.path import join\njoin('a')\n", "nothing"),
    ],
    ids=["a base class", "under another name", "another distribution"],
)
def test_the_build_refuses_to_import_later_what_is_not_only_called(tmp_path: Path, source: str, why: str) -> None:
    package = package_of(tmp_path, source)

    with pytest.raises(build_layer.BuildError, match=f"does not only call what it imports: {why}"):
        build_layer.import_when_called(tmp_path, "deferred")
    assert (package / "__init__.py").read_text(encoding="utf-8") == source


SCHEMAS = """
import json, sys; sys.path.insert(0, sys.argv[1])
from pydantic_core import SchemaValidator, core_schema
schema = core_schema.ModelField(type="model-field", schema=core_schema.str_schema())
print(json.dumps({
    "names": {name: getattr(value, "__qualname__", None) for name, value in sorted(vars(core_schema).items())
              if name not in ("TypedDict", "_PlainClass") and name[:2] != "__"},
    "types": {name: value.__annotations__ for name, value in vars(core_schema).items()
              if isinstance(value, type) and issubclass(value, dict)
              and all(isinstance(each, str) for each in value.__annotations__.values())},
    "made": [schema, type(schema) is dict, SchemaValidator(schema["schema"]).validate_python("text")],
}))
"""


def test_pydantic_describes_its_schemas_with_plain_classes_of_the_same_names(built: Path) -> None:
    plain = json.loads(output(SCHEMAS, str(layer_of(built))))
    complete = json.loads(output(SCHEMAS, str(COMPLETE)))

    assert plain["made"] == complete["made"] == [schema_of_a_text(), True, "text"]
    assert plain["names"] == complete["names"]
    assert len(plain["types"]) > 70, "created without looking up the types of their members"


def schema_of_a_text() -> dict[str, Any]:
    """Return the schema that the script above makes."""
    return {"type": "model-field", "schema": {"type": "str"}}


@pytest.mark.parametrize("source", ["from typing import TypedDict\n", "import sys\n"], ids=["unconditional", "none"])
def test_the_build_refuses_a_module_that_does_not_import_typed_dicts_as_expected(tmp_path: Path, source: str) -> None:
    (tmp_path / "schemas.py").write_text(source, encoding="utf-8")

    with pytest.raises(build_layer.BuildError, match=r"schemas\.py does not import TypedDict as expected"):
        build_layer.simplify_typed_dicts(tmp_path / "schemas.py")


NAMES = """
import json, sys; sys.path.insert(0, sys.argv[1])
from importlib import import_module
found = {}
for package in json.loads(sys.argv[2]):
    for name in (module := import_module(package)).__all__:
        value = getattr(module, name)
        named = hasattr(value, "__qualname__")
        found[f"{package}.{name}"] = f"{value.__module__}.{value.__qualname__}" if named else value
print(json.dumps(found))
"""


def test_packages_whose_imports_are_deferred_have_the_same_names_as_before(built: Path) -> None:
    packages = json.dumps(build_layer.DEFERRED)

    deferred = json.loads(output(NAMES, str(layer_of(built)), packages))
    complete = json.loads(output(NAMES, str(Path(botocore.__file__).parents[1]), packages))

    assert len(deferred) > 60
    assert deferred == complete


def package_of(folder: Path, source: str) -> Path:
    """Write a package `deferred` with a module, and return its folder."""
    package = folder / "deferred"
    package.mkdir()
    (package / "__init__.py").write_text(source, encoding="utf-8")
    (package / "model.py").write_text("class Model: ...\nclass Other: ...\ndef model(): ...\n", encoding="utf-8")
    return package


def test_a_deferred_import_happens_when_its_name_is_first_used(tmp_path: Path) -> None:
    package_of(tmp_path, "from .model import (\n    Model,\n    Other,\n)\n__all__ = ['Model']\n")
    build_layer.defer_imports(tmp_path, "deferred")

    script = """
import sys; sys.path.insert(0, sys.argv[1])
import deferred
print("deferred.model" in sys.modules)
from deferred import Model
print("deferred.model" in sys.modules, deferred.Model is Model, deferred.Other.__name__, hasattr(deferred, "Third"))
"""
    assert output(script, str(tmp_path)).split() == ["False", "True", "True", "Other", "False"]


@pytest.mark.parametrize(
    "source",
    [
        "from .model import Model\nFIRST = Model()\n",
        "from .model import model\n",
        "from .model import Model as M\n",
        "from .model import *\n",
        "from __future__ import annotations\n",
    ],
    ids=["used by the package", "also a module", "under another name", "all names", "future"],
)
def test_the_build_refuses_to_defer_what_would_mean_something_else(tmp_path: Path, source: str) -> None:
    package = package_of(tmp_path, source)

    with pytest.raises(build_layer.BuildError, match="no imports that could be deferred"):
        build_layer.defer_imports(tmp_path, "deferred")
    assert (package / "__init__.py").read_text(encoding="utf-8") == source


def test_the_build_refuses_a_client_whose_service_it_cannot_see(tmp_path: Path) -> None:
    (tmp_path / "clients.py").write_text("name = 's3'\nclient = session.create_client(name)\n")

    with pytest.raises(build_layer.BuildError, match=r"clients\.py, line 2: create_client needs the literal name"):
        build_layer.services_of(tmp_path)


def test_the_unpacked_layer_is_small(built: Path) -> None:
    assert sum(path.stat().st_size for path in (built / "SharedLayer").rglob("*") if path.is_file()) <= LAYER_BYTES


def test_compiled_packages_are_for_the_processor_and_the_python_that_were_asked_for(built: Path) -> None:
    native = sorted(layer_of(built).rglob("*.so"))
    here = ARCHITECTURES[platform.machine()]
    version = f"cpython-{sys.version_info.major}{sys.version_info.minor}-"

    assert len(native) >= 4
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in native} == {MACHINES[here]}
    assert all(version in path.name or ".abi3." in path.name for path in native)


def test_every_architecture_and_runtime_of_the_template_has_a_folder_that_states_it_to_make(source: Json) -> None:
    architectures = source["Parameters"]["Architecture"]["AllowedValues"]
    runtimes = source["Parameters"]["PythonRuntime"]["AllowedValues"]
    layer, functions = ROOT / "layers/shared/targets", ROOT / "functions/targets"

    assert source["Resources"]["SharedLayer"]["Metadata"] == {
        "BuildMethod": "makefile",
        "BuildArchitecture": {"Ref": "Architecture"},
        "WorkingDirectory": {"Fn::Sub": "layers/shared/targets/${Architecture}-${PythonRuntime}"},
    }
    wanted = {f"{architecture}-{runtime}" for architecture in architectures for runtime in runtimes}
    assert {path.name for path in layer.iterdir()} == wanted
    assert {path.name for path in functions.iterdir()} == set(runtimes)
    assert set(build_layer.MACHINES) == set(architectures)


def test_the_layer_of_another_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(build_layer.BuildError, match=r"python3\.10 is being built by python3\.\d+; install"):
        build_layer.main(tmp_path, "x86_64", "python3.10")


@pytest.mark.parametrize(
    ("folder", "target"),
    [("layers/shared/targets/arm64-python3.13", "build-SharedLayer"), ("functions/targets/python3.13", "build-Submit")],
)
def test_a_missing_python_is_named_with_what_to_do(tmp_path: Path, folder: str, target: str) -> None:
    for name in ("sh", "make"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    command = ["make", "--makefile", "../../Makefile", target, f"ARTIFACTS_DIR={tmp_path}"]

    done = subprocess.run(
        command, cwd=ROOT / folder, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    sentence = done.stderr.splitlines()[0]
    assert re.match(r"The functions run on python3\.13, so `sam build` needs .*`python3\.13`", sentence)
    assert "--parameter-overrides PythonRuntime=python3.12" in sentence
