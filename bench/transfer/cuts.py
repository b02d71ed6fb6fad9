"""A copy from a result host that ends every connection after 11 MB: the result, and the bytes that are fetched."""

from __future__ import annotations

from boto3.session import Session
from botocore.config import Config
from botocore.credentials import Credentials

from bench.rows import Row
from tools.harness.result_host import cut_after, result_host
from tools.harness.s3_server import SIGNS_WITH, s3_server
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.transfer import StreamTransfer

EVERY = 11_000_000
KEY = "videos/film/video.mp4"


def cut_row(size: int) -> Row:
    """Return the bytes fetched per byte of the video; raises AssertionError if the copy differs."""
    block = b"".join(number.to_bytes(8, "big") for number in range(size // 8))
    body = b"\x00\x00\x00\x18ftypisom" + block
    with result_host(body, cut_after(EVERY)) as host, s3_server() as s3:
        client = Session("testing", SIGNS_WITH, region_name="eu-central-1").client(
            "s3", endpoint_url=s3.url, config=Config(request_checksum_calculation="when_required")
        )
        transfer = StreamTransfer(
            client, Credentials("testing", SIGNS_WITH), "videos", S3Objects(lambda: client, "videos")
        )
        transfer.copy(host.link, KEY, "task", 600)
        assert s3.objects[KEY].body == body
        fetched = host.sent / len(body)
    what = f"copy {size // 1_000_000} MB, every connection cut at 11 MB, byte-identical"
    return Row(what, "bytes fetched / bytes", fetched, goal=1.2, better="below")
