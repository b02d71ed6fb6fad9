"""The rows of the table `Videos`, and the keys of its indexes.

index                keys                           holds
attention            attention, updated_at          keys
by_owner             owner, created_at              rows
by_status            owner_status, listed           keys
by_status_and_model  owner_status_model, listed     keys
by_batch             batch_status_model, batch_row  keys, only of the rows of batches

`listed` is `{created_at}#{id}`: it is unique, and lists of several statuses are merged in its order. The lists of a
batch are merged in the order of `batch_row`, the number of the row in the file.
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
    """Return the index key of an owner's videos with one status."""
    return f"{owner}#{status}"


def status_and_model_key(owner: str, status: Status, model: str) -> str:
    """Return the index key of an owner's videos with one status and one model."""
    return f"{owner}#{status}#{model}"


def batch_rows_key(batch_id: str, status: Status, model: str) -> str:
    """Return the index key of the rows of a batch with one status and one model."""
    return f"{batch_id}#{status}#{model}"


def row_item(video: Video) -> dict[str, Any]:
    """Return the item that the table stores for a video."""
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
    """Return the changes that a save writes to a row.

    The keys of the indexes are written each time, because rows of earlier releases may lack some of them.
    """
    return changes({**dump(before), "attention": None}, row_item(after))
