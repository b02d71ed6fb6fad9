"""The functions call only operations that the layer describes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from tools.harness.calls import Calls


def test_a_call_that_the_code_does_not_name_fails_although_a_complete_botocore_knows_it() -> None:
    session, calls = Session(), Calls()
    calls.listen(session)
    client: Any = session.create_client(
        "sqs", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    calls.begin("notify")

    client.generate_presigned_url("send_message", Params={"QueueUrl": "https://q", "MessageBody": "a"})
    with pytest.raises(AssertionError, match="notify calls PurgeQueue, which the layer does not describe"):
        client.purge_queue(QueueUrl="https://q")

    assert len(calls.take()) == 1
