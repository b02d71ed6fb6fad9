"""The real `sam build` and `sam deploy` of template.yaml, aimed at the local engine."""

import fcntl
import hashlib
import json
import platform
import py_compile
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO

import av

from wan_video_local.aws import Aws, command_environment
from wan_video_local.engine import REGION
from wan_video_local.servers import Guarded, new_temp_dir

STACK_NAME = "wan-video"
BUILD_INPUTS = ("template.yaml", "statemachine", "functions", "layers")
"""The inputs of a build, besides the interpreter, the machine, the SAM CLI and this module."""

LAYERS = ("SharedLayer", "ThumbnailLayer")
"""The layers of the template; `sam build` skips that of the thumbnails."""

ARCHITECTURES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


STAND_IN = '''"""The package av of this machine, in place of the one in the layer."""

from pathlib import Path

__path__ = [{folder!r}]
exec(compile(Path({folder!r}, "__init__.py").read_bytes(), "av", "exec"))
'''


class SamError(Exception):
    """Raised when `sam build` or `sam deploy` fails; its output is in the log."""

    def __init__(self, verb: str, code: int) -> None:
        super().__init__(f"`sam {verb}` failed (exit code {code}).")
        self.verb = verb
        self.code = code


def runtime_parameters() -> dict[str, str]:
    """Return the parameters that make a build run here: this interpreter's runtime and this machine's architecture."""
    return {
        "PythonRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "Architecture": ARCHITECTURES[platform.machine()],
    }


class Sam:
    """The SAM CLI of this virtual environment, working on one project with a build folder of the local stack's own."""

    def __init__(self, project: Path, work: Path, log: IO[bytes]) -> None:
        """`work` keeps the build between runs; `log` receives all output."""
        self._project = project
        self._work = work
        self._log = log
        self._build = work / "build"
        self._built = work / "build.fingerprint"
        self._deployed = self._build / "deployed.json"

    def fingerprint(self) -> str:
        """Return a digest of all inputs of a build."""
        digest = hashlib.sha256()
        digest.update(repr((sys.version, platform.machine(), version("aws-sam-cli"), av.__file__)).encode())
        digest.update(Path(__file__).read_bytes())
        for path in self._inputs():
            digest.update(f"\0{path.relative_to(self._project)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def build(self) -> bool:
        """Build the stack for this machine; return False if the last build has the same sources and is kept.

        Raises SamError.
        """
        fingerprint = self.fingerprint()
        with self._alone():
            if self._built.exists() and self._built.read_text() == fingerprint:
                return False
            self._built.unlink(missing_ok=True)
            self._run(
                "build",
                *("--template-file", str(self._project / "template.yaml")),
                *("--build-dir", str(self._build), "--cached", "--cache-dir", str(self._work / "cache")),
                *("--parameter-overrides", *_overrides(runtime_parameters())),
            )
            self._stand_in_for_the_thumbnail_layer()
            self._prepare_deployments()
            self._built.write_text(fingerprint)
        return True

    def _stand_in_for_the_thumbnail_layer(self) -> None:
        """Give the deployment a layer that leads to this machine's PyAV, which is the same package.

        A build of it would download 35 MB, and each deployment would compress and upload 103 MB. `sam build` also
        refuses its wheel for the runtime of Python 3.11, whose Linux on Lambda is older than the wheel's.
        """
        layer = self._build / "ThumbnailLayer" / "python" / "av"
        layer.mkdir(parents=True)
        module = layer / "__init__.py"
        module.write_text(STAND_IN.format(folder=str(Path(av.__file__).parent)))
        py_compile.compile(str(module), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)

    def _prepare_deployments(self) -> None:
        """Write the template that is deployed: the built one as JSON, with layers that are compressed only once.

        `sam deploy` reads its template five times, which takes a hundredth of the time if it is JSON, and compresses
        each folder again.
        """
        # A command that does not build does not wait for this import.
        from samcli.yamlhelper import yaml_parse

        template = yaml_parse((self._build / "template.yaml").read_text(encoding="utf-8"))
        for layer in LAYERS:
            archive = shutil.make_archive(str(self._build / layer), "zip", self._build / layer)
            template["Resources"][layer]["Properties"]["ContentUri"] = Path(archive).name
        self._deployed.write_text(json.dumps(template), encoding="utf-8")

    def deploy(self, aws: Aws, parameters: Mapping[str, str]) -> dict[str, str]:
        """Deploy the build to the engine and return the stack's outputs. Raises SamError."""
        with self._alone():
            self._run(
                "deploy",
                *("--template-file", str(self._deployed)),
                *("--stack-name", STACK_NAME, "--region", REGION),
                *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
                *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
                *("--parameter-overrides", *_overrides({**runtime_parameters(), **parameters})),
                aws=aws,
            )
        stack = aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Prevent two commands of one checkout from using the same build folder at once."""
        self._work.mkdir(exist_ok=True)
        with (self._work / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _run(self, verb: str, *arguments: str, aws: Aws | None = None) -> None:
        env = {
            **(aws.environment() if aws else command_environment()),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
            "__SAM_CLI_APP_DIR": str(self._work / "sam"),
        }
        command = [sys.executable, "-m", "samcli", verb, *arguments]
        with Guarded(new_temp_dir("sam"), command, log=self._log, env=env, cwd=self._project) as sam:
            code = sam.wait()
        if code:
            raise SamError(verb, code)

    def _inputs(self) -> Iterator[Path]:
        for name in BUILD_INPUTS:
            root = self._project / name
            found = [root] if root.is_file() else sorted(root.rglob("*"))
            yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in parameters.items() if value]
