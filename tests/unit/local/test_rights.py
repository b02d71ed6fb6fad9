"""From the names in a request to the names in template.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_video_local.rights import EXECUTIONS, Call, Recorder, Right, key_pattern, leading_keys, recorded, resource

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/wan-video-Ledger-1"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:GenerateVideo-1"
LOGICAL_IDS = {
    "wan-video-Ledger-1": "Ledger",
    "wan-video-bucket-1": "VideosBucket",
    MACHINE: "GenerateVideo",
    "wan-video-ingest": "Ingest",
    "wan-video-sweep": "Sweep",
}


@pytest.mark.parametrize(
    ("arn", "written"),
    [
        (TABLE, "${Ledger.Arn}"),
        (f"{TABLE}/index/by_owner", "${Ledger.Arn}/index/by_owner"),
        ("arn:aws:s3:::wan-video-bucket-1", "${VideosBucket.Arn}"),
        ("arn:aws:s3:::wan-video-bucket-1/videos/video_1/video.mp4", "${VideosBucket.Arn}/videos/*"),
        ("arn:aws:s3:::wan-video-bucket-1/a:function:b.json", "${VideosBucket.Arn}/*"),
        (MACHINE, "${GenerateVideo}"),
        ("arn:aws:states:us-east-1:000000000000:execution:GenerateVideo-1:video_1-2", EXECUTIONS),
        ("arn:aws:lambda:us-east-1:000000000000:function:wan-video-ingest", "${Ingest.Arn}"),
        ("arn:aws:s3:::elsewhere", "arn:aws:s3:::elsewhere"),
    ],
)
def test_a_resource_is_written_as_the_template_writes_it(arn: str, written: str) -> None:
    assert resource(arn, LOGICAL_IDS) == written


@pytest.mark.parametrize(("key", "pattern"), [("pool#singapore#wan2.6-t2v", "pool#*"), ("tokens", "tokens")])
def test_a_key_is_matched_to_its_pattern(key: str, pattern: str) -> None:
    assert key_pattern(key) == pattern


def test_a_transaction_names_the_keys_of_each_of_its_actions() -> None:
    request = {
        "TransactItems": [
            {"Update": {"TableName": "ledger", "Key": {"pk": {"S": "pool#a"}}}},
            {"Update": {"TableName": "ledger", "Key": {"pk": "batch#b"}}},
            {"Put": {"TableName": "ledger", "Item": {"pk": {"S": "queue#c"}}}},
            {"Put": {"TableName": "videos", "Item": {"id": {"S": "video_1"}}}},
        ]
    }
    assert leading_keys(request, lambda table, _: "pk" if table == "ledger" else None) == {
        ("UpdateItem", "ledger"): ["pool#a", "batch#b"],
        ("PutItem", "ledger"): ["queue#c"],
    }


def test_a_call_is_recorded_once_and_only_calls_of_functions_are_read(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "rights.jsonl")
    for session, pool in (("wan-video-sweep", "pool#a"), ("wan-video-sweep", "pool#b"), ("probe", "pool#c")):
        recorder.note(session, "dynamodb:Query", TABLE, [pool])
    assert len((tmp_path / "rights.jsonl").read_text().splitlines()) == 2
    ((word, call),) = recorded(tmp_path / "rights.jsonl", LOGICAL_IDS)
    assert (word, call) == ("Sweep", Call("dynamodb:Query", "${Ledger.Arn}", frozenset({"pool#*"})))
    assert call.rights == [Right("dynamodb:Query", "${Ledger.Arn}", "pool#*")]
    assert str(call.rights[0]) == "dynamodb:Query on ${Ledger.Arn} for pool#*"
