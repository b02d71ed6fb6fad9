"""The live probe: a video of an owner whose day is spent is queued, waits for budget, is listed and cancelled.

It costs nothing, because dispatch starts no video whose owner has no seconds left. The owner's days are spent for a
month ahead, so that a video which an interrupted probe leaves behind does not start either; the next probe cancels it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.checks import Deployment, Finding, State
from wan_video_cli.errors import NotUsable, Refused, Unreachable
from wan_video_cli.token import PARTITION, Scope, made, shown

if TYPE_CHECKING:
    from wan_video_cli.api import Api

OWNER: Final = "wan-video-doctor"
PROMPT: Final = "wan-video doctor: a probe that is cancelled before it costs anything"
DAILY_SECONDS: Final = 60
"""The token's limit, all of which is spent; no video is longer, so that each could start on a day with room."""

DAYS: Final = 31
SPENT_SECONDS: Final = (DAYS + 14) * 24 * 3600
"""Seconds after which DynamoDB removes the spent days."""

TOKEN_SECONDS: Final = 24 * 3600
"""Seconds after which DynamoDB removes the token, which is revoked long before."""

TOKEN_TRIES: Final = 3
"""Seconds within which the authorizer finds a new token: DynamoDB's reads are eventually consistent."""

WAIT_SECONDS: Final = 100.0
"""Seconds within which dispatch, started every minute, looks at a video, and sweep publishes its end."""

LOOK_SECONDS: Final = 1.0


class Probe:
    """One probe: `open` it, run its checks, and `close` it in any case."""

    def __init__(
        self,
        deployment: Deployment,
        connect: Callable[[str], Api],
        *,
        pause: Callable[[float], None] = time.sleep,
        within: float = WAIT_SECONDS,
    ) -> None:
        self._deployment = deployment
        self._connect = connect
        self._pause = pause
        self._within = within
        self._item: dict[str, Any] | None = None
        self._api: Api | None = None
        self._queued: set[str] = set()
        self.stored = False
        """Whether a token was stored and must be revoked."""

    def open(self) -> Finding:
        """Create a temporary token whose owner has already spent this day and the next ones."""
        name = "probe token"
        token, item = made(OWNER, "wan-video doctor", (Scope.READ, Scope.WRITE), DAILY_SECONDS)
        # Remembered before it is stored, so that it is revoked even if the answer is lost.
        self._item = {**item, "ttl": int(time.time()) + TOKEN_SECONDS}
        self._ledger.put_item(Item=self._item)
        self.stored = True
        api = self._connect(token)
        try:
            today = self._today(api)
        except (Refused, Unreachable) as error:
            api.__exit__()
            known = isinstance(error, Refused)
            remedy = "Is this the API of this stack? If it is, read the logs of `authorize` and `api`."
            what = f"The API does not accept a new token: {error.what}" if known else error.what
            return Finding(name, State.FAILED, what, remedy if known else error.remedy)
        with self._ledger.batch_writer() as batch:
            for days in range(DAYS):
                day = (today + timedelta(days)).isoformat()
                ttl = int(time.time()) + SPENT_SECONDS
                batch.put_item(Item={"pk": f"budget#{OWNER}", "sk": day, "used": DAILY_SECONDS, "ttl": ttl})
        self._api = api
        return Finding(name, State.OK, "The API accepts a new token.")

    def dry_run(self) -> Finding:
        """Whether a request is checked and priced."""
        from wan_video_cli.words import expected_price

        api = self._opened()
        quote = api.post("/v1/videos", {"prompt": PROMPT}, dry_run="true")
        return Finding(
            "dry run",
            State.OK,
            f"A request with the stack's defaults is valid, for {expected_price(quote['estimate'])}.",
        )

    def models(self) -> Mapping[str, Any]:
        """Return the models of the stack, with their limits."""
        found: Mapping[str, Any] = self._opened().get("/v1/models")
        return found

    def live(self) -> Finding:
        """Whether a video is queued, listed, waits for budget, is skipped by dispatch, cancelled and announced."""
        from wan_video_cli.api import new_key, path_of

        name, api = "live probe", self._opened()
        video = api.post("/v1/videos", {"prompt": PROMPT}, key=new_key())
        self._queued.add(video["id"])
        found = next((one for one in self._waiting(api) if one["id"] == video["id"]), None)
        if found is None:
            return Finding(name, State.FAILED, "The list does not show the video that was just queued.", _READ_API)
        if found.get("waiting_for") != "budget":
            what = f"The video waits for {found.get('waiting_for')} although the day of its owner is spent."
            return Finding(name, State.FAILED, what, _READ_API)
        looked_at = self._looked_at(video)
        cancelled = api.post(path_of(video["id"], "cancel"))
        if cancelled["status"] != "cancelled":
            return Finding(name, State.FAILED, f"The video is {cancelled['status']} after its cancellation.", _READ_API)
        self._queued.discard(video["id"])
        announced = self._until(lambda: "announced_at" in self._row(video["id"]))
        if announced:  # Before that, the API refuses it, and the cancelled row stays.
            api.delete(path_of(video["id"]))
        if not looked_at:
            return self._passed_by(video)
        if not announced:
            what = f"The end of a video was not published within {self._within:.0f} s."
            return Finding(
                name, State.FAILED, what, "Read the log of `sweep`: a permission or its stream may be missing."
            )
        return Finding(name, State.OK, "A video was queued, listed, held back by its budget, cancelled and announced.")

    def close(self) -> Finding:
        """Cancel waiting videos and revoke the token; a failure here is reported with what to do."""
        name = "probe clean-up"
        if self._item is None:
            return Finding(name, State.OK, "There was nothing to remove.")
        left = self._cancel_all() if self._api is not None else sorted(self._queued)
        if self._api is not None:
            self._api.__exit__()
        self._revoke(self._item["sk"])
        if left:
            what = f"{', '.join(left)} of the owner {OWNER!r} could not be cancelled."
            remedy = (
                f"Run doctor again, which cancels it; until then it waits, and starts no sooner than in {DAYS} days."
            )
            return Finding(name, State.FAILED, what, remedy)
        return Finding(name, State.OK, "The temporary token is revoked, and no video of its owner is waiting.")

    @property
    def token_id(self) -> str:
        """The id of the temporary token, as `token list` shows it; empty before it is made."""
        return str(shown(self._item)["id"]) if self._item else ""

    @property
    def _ledger(self) -> Any:
        return self._deployment.table("LedgerTableName")

    def _revoke(self, digest: str) -> None:
        ledger = self._ledger
        # A token that was never stored needs no revocation.
        with suppress(ledger.meta.client.exceptions.ConditionalCheckFailedException):
            ledger.update_item(
                Key={"pk": PARTITION, "sk": digest},
                UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
                ConditionExpression="attribute_exists(sk)",
                ExpressionAttributeValues={":now": int(time.time())},
            )

    def _today(self, api: Api) -> date:
        """The UTC day by the stack's clock; raises Refused and Unreachable."""
        for left in reversed(range(TOKEN_TRIES)):
            try:
                return date.fromisoformat(str(api.get("/v1/usage")["day"]))
            except Refused as error:
                if not left or error.status != HTTPStatus.UNAUTHORIZED:
                    raise
                self._pause(LOOK_SECONDS)
        raise AssertionError  # the last try has returned or raised

    def _opened(self) -> Api:
        if self._api is None:
            raise NotUsable("The temporary token could not be used.", "The check before says why.")
        return self._api

    def _waiting(self, api: Api) -> Iterator[Mapping[str, Any]]:
        """The queued videos of the probe's owner, the oldest probes' included, as far as one page shows them."""
        yield from api.pages("/v1/videos", 100, status="queued")[0]

    def _cancel_all(self) -> list[str]:
        """Cancel every waiting video and return the ids of those that could not be cancelled."""
        from wan_video_cli.api import path_of

        api, left = self._opened(), set(self._queued)
        try:
            # The answer to a request may have been lost, so the list decides what is waiting.
            left |= {str(one["id"]) for one in self._waiting(api)}
            for video_id in sorted(left):
                if api.post(path_of(video_id, "cancel"))["status"] == "cancelled":
                    left.discard(video_id)
        except (Refused, Unreachable):
            pass
        return sorted(left)

    def _looked_at(self, video: Mapping[str, Any]) -> bool:
        """Check whether dispatch has tried to start the video and passed its owner over; not if starts are off."""
        if self._deployment.parameters.get("Starts") == "disabled":
            return True
        key = {"pk": f"pool#{video['region']}#{video['model']}", "sk": f"line#{OWNER}"}
        return self._until(lambda: "used_at_most" in self._item_of(key))

    def _passed_by(self, video: Mapping[str, Any]) -> Finding:
        """Report that dispatch has not tried, which is correct if all places are taken."""
        pool = self._item_of({"pk": f"pool#{video['region']}#{video['model']}", "sk": "pool"})
        # Stacks before 0.3 do not count their places; they keep the set of the videos that hold them.
        busy = pool.get("taken", len(pool.get("running", ()))) > 0
        what = f"Dispatch did not look at the video within {self._within:.0f} s"
        if busy:
            return Finding("live probe", State.WARNING, f"{what}: the places are taken.", "Run doctor again later.")
        return Finding(
            "live probe", State.FAILED, f"{what}.", "Read the log of `dispatch`: a permission may be missing."
        )

    def _item_of(self, key: Mapping[str, str]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._ledger.get_item(Key=dict(key), ConsistentRead=True).get("Item", {})
        return found

    def _row(self, video_id: str) -> Mapping[str, Any]:
        table = self._deployment.table("VideosTableName")
        found: Mapping[str, Any] = table.get_item(Key={"id": video_id}, ConsistentRead=True).get("Item", {})
        return found

    def _until(self, true: Callable[[], bool]) -> bool:
        """Wait until a condition is true; return whether it became true in time."""
        deadline = time.monotonic() + self._within
        while not true():
            if time.monotonic() > deadline:
                return False
            self._pause(LOOK_SECONDS)
        return True


_READ_API: Final = "Read the log of `api`."
