"""The rows of the table `Videos`, and what its indexes go by.

index                keys                           holds
attention            attention, updated_at          keys
by_owner             owner, created_at              rows
by_status            owner_status, listed           keys
by_status_and_model  owner_status_model, listed     keys
by_batch             batch_status_model, batch_row  keys, only of the rows of batches

`listed` is `{created_at}#{id}`, so that it is unique, and lists of several statuses merge in one order. So do
those of a batch, by the number of the row in its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wan_video.adapters.dynamodb.ledger import listed_name
from wan_video.adapters.dynamodb.records import Changes, changes, dump

if TYPE_CHECKING:
    from wan_video.domain.video import Status, Video

ATTENTION_INDEX: Final = "attention"
OWNER_INDEX: Final = "by_owner"
STATUS_INDEX: Final = "by_status"
STATUS_AND_MODEL_INDEX: Final = "by_status_and_model"
BATCH_INDEX: Final = "by_batch"


def status_key(owner: str, status: Status) -> str:
    """Where an owner's videos of one status are listed."""
    return f"{owner}#{status}"


def status_and_model_key(owner: str, status: Status, model: str) -> str:
    """Where an owner's videos of one status and one model are listed."""
    return f"{owner}#{status}#{model}"


def batch_rows_key(batch_id: str, status: Status, model: str) -> str:
    """Where the rows of a batch of one status and one model are listed."""
    return f"{batch_id}#{status}#{model}"


def row_item(video: Video) -> dict[str, Any]:
    """A row as the table holds it."""
    item = {
        **dump(video),
        "pool": video.pool,
        # Always written, because a filter of a stream does not match absent attributes on the engine (docs/engine.md).
        "holds_place": video.place is not None,
        "owner_status": status_key(video.owner, video.status),
        "owner_status_model": status_and_model_key(video.owner, video.status, video.request.model),
        "listed": listed_name(video.created_at, video.id),
    }
    if video.batch_id is not None:
        item["batch_status_model"] = batch_rows_key(video.batch_id, video.status, video.request.model)
        item["batch_row"] = video.row
    return item if video.attention is None else {**item, "attention": video.attention}


def row_changes(before: Video, after: Video) -> Changes:
    """What a save of a row writes.

    All that the indexes go by is written each time: rows of earlier releases may lack some of it.
    """
    return changes({**dump(before), "attention": None}, row_item(after))
