"""`python -m bench.transfer.ways WAY FILMS S3 CA`: for each line of the input, copy a video of that length in bytes.

Each answer is a line of JSON: the seconds, and the peak resident memory of the process so far.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, KEY = "videos", "videos/film/video.mp4"
Way = Callable[[str], object]


def client(s3: str, ca_file: str, **config: Any) -> S3Client:
    """Return a boto3 client with its defaults, except for the address."""
    from boto3.session import Session
    from botocore.config import Config

    session = Session("testing", "testing", region_name="eu-central-1")
    return session.client("s3", endpoint_url=s3, verify=ca_file, config=Config(**config))


def ours(s3: str, ca_file: str) -> Way:
    """Return this project's copy; it looks up addresses like the product, but accepts that of this machine."""
    from botocore.credentials import Credentials

    from wan_video.adapters.connections import look_up
    from wan_video.adapters.s3.objects import S3Objects
    from wan_video.adapters.transfer import StreamTransfer

    to = client(s3, ca_file, signature_version="s3v4", request_checksum_calculation="when_required")
    transfer = StreamTransfer(
        to,
        Credentials("testing", "testing"),
        BUCKET,
        S3Objects(lambda: to, BUCKET),
        ca_file=ca_file,
        addresses=look_up,
    )
    return lambda link: transfer.copy(lambda: link, KEY, "task", 600)


def upload_fileobj(s3: str, ca_file: str) -> Way:
    """Return a copy that passes the response to boto3's managed upload."""
    import requests

    to = client(s3, ca_file)

    def copy(link: str) -> None:
        with requests.get(link, stream=True, timeout=60, verify=ca_file) as answer:
            answer.raise_for_status()
            raw: Any = answer.raw
            to.upload_fileobj(raw, BUCKET, KEY)

    return copy


def in_tmp(s3: str, ca_file: str) -> Way:
    """Return a copy that downloads to a file and uploads from it."""
    import requests

    to = client(s3, ca_file)

    def copy(link: str) -> None:
        with tempfile.NamedTemporaryFile() as file:
            with requests.get(link, stream=True, timeout=60, verify=ca_file) as answer:
                answer.raise_for_status()
                shutil.copyfileobj(answer.raw, file, 1024 * 1024)
            file.flush()
            to.upload_file(file.name, BUCKET, KEY)

    return copy


def with_smart_open(s3: str, ca_file: str) -> Way:
    """Return a copy with smart_open on both sides."""
    import smart_open

    to = client(s3, ca_file)
    os.environ["REQUESTS_CA_BUNDLE"] = ca_file

    def copy(link: str) -> None:
        target = {"client": to, "min_part_size": 8 * 1024 * 1024}
        with (
            smart_open.open(link, "rb") as source,
            smart_open.open(f"s3://{BUCKET}/{KEY}", "wb", transport_params=target) as out,
        ):
            shutil.copyfileobj(source, out, 1024 * 1024)

    return copy


def rclone(s3: str, ca_file: str) -> Way:
    """Return a copy that starts rclone."""
    to = f":s3,provider=Other,endpoint='{s3}',access_key_id=testing,secret_access_key=testing,region=eu-central-1"
    options = ["--multi-thread-streams", "8", "--s3-upload-concurrency", "8", "--s3-chunk-size", "8M"]
    options += ["--ca-cert", ca_file, "--s3-no-check-bucket", "--s3-no-head", "--retries", "1", "--config", "/dev/null"]

    def copy(link: str) -> None:
        films, name = link.rsplit("/", 1)
        command = ["rclone", "copyto", f":http,url='{films}':{name}", f"{to}:{BUCKET}/{KEY}", *options]
        subprocess.run(command, check=True)

    return copy


WAYS: dict[str, Callable[[str, str], Way]] = {
    "ours": ours,
    "requests + upload_fileobj": upload_fileobj,
    "file in /tmp": in_tmp,
    "smart_open": with_smart_open,
    "rclone, 8 streams": rclone,
}


def peak_megabytes() -> float:
    """Return the peak resident memory of this process since its start, in MB."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    return int(match[1]) * 1024 / 1e6 if match else 0.0


if __name__ == "__main__":
    name, films, s3, ca_file = sys.argv[1:]
    copy = WAYS[name](s3, ca_file)
    for line in sys.stdin:
        began = time.monotonic()
        copy(f"{films}/{int(line)}")
        print(json.dumps({"seconds": time.monotonic() - began, "peak_megabytes": peak_megabytes()}), flush=True)
