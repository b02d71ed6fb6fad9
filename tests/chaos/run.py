"""One run, from its start to its verdict."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import requests

from tests.chaos.callers import Asked, Callers, knock_all
from tests.chaos.checker import GRACE_SECONDS, Evidence, Usage, Verdict, digest, judge
from tests.chaos.foreign import ForeignHost
from tests.chaos.hooks import CALLBACK, CALLBACK_GONE, KINDS, Hook, Receivers, Webhooks
from tests.chaos.hooks import TOKEN as HOOK_TOKEN
from tests.chaos.observer import Observer
from tests.chaos.plan import CANARY, IMAGES, LARGE, OWNER, SMALL, THRIFTY, Arrival, Spec, Wish, arrivals
from wan_video.domain.trouble import SUBMISSION_UNCERTAIN
from wan_video.domain.video import Status
from wan_video.services.repairs.multiparts import ABANDONED_SECONDS
from wan_video_local.evidence import copy_function_logs, function_logs, histories, logs_of
from wan_video_local.log import RunLog
from wan_video_local.servers import Server
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import WORK, LocalStack, Plan, Stack, simulator_keys

DAY: Final = 24 * 3600
WARM_SECONDS: Final = 1800
FLIGHT: Final = 70
"""Number of accepted videos that may be unfinished; above it, no further request is sent."""

AT_WORK_SECONDS: Final = 60.0
"""A video that has not ended after these seconds, or twice the warm-up's, waits for the clock or for a repair."""

OWED: Final = 3
"""Factor by which `Spec.quiet` is multiplied for a wait that does not only depend on the clock."""

WARM_UPS: Final = 5
"""Factor by which the duration of the warm-up, which shows how fast this machine is, is multiplied for such a wait."""

ROUNDS_SECONDS: Final = 900.0
"""Seconds within which sweep's last rounds end, unless it is broken."""

DOWN_SECONDS: Final = 3 * 3600
"""Seconds of the stack's clock after the last video for which one receiver is still down."""

HOUR: Final = 3600
LONGEST_GAP: Final = 7 * HOUR
"""Seconds of the stack's clock after which every delivery that has failed is due again."""

LEAPS: Final = 2
"""How often the clock is moved by LONGEST_GAP for deliveries that are not due yet."""

VISIBILITY_SECONDS: Final = 30
"""Real seconds after which the message of a killed worker comes back: six times as early as in the template, because
queues do not follow the stack's clock."""

ROTATED_REGION: Final = "singapore"

PARAMETERS: Final = {
    "FirstPollSeconds": "45",
    "PollIntervalSeconds": "30",
    "ReconcileGraceSeconds": str(GRACE_SECONDS),
    "ReconcileIntervalSeconds": "180",
    "DailySeconds": "0",
    "ApiRateLimit": "1000",
    "ApiBurstLimit": "1000",
}


@dataclass
class Result:
    """The last line of a run."""

    spec: Spec
    verdict: Verdict
    open_multiparts: int
    leaks: int
    kills: int
    faults: int
    by_fault: Mapping[str, int]
    seconds: float
    videos: int
    events: int = 0
    """Final events on the topic."""
    deliveries: int = 0
    """Events that a receiver has accepted, once for each receiver."""
    posts: int = 0
    """Requests that receivers got."""

    def line(self) -> str:
        """One JSON document."""
        verdict = self.verdict
        return json.dumps(
            {
                "videos": self.videos,
                "seed": self.spec.seed,
                "mode": self.spec.mode,
                "mutant": self.spec.mutant or None,
                "completed": verdict.completed,
                "failed": verdict.failures.total(),
                "billed_twice": verdict.billed_twice,
                "lost": verdict.lost,
                "contradictory": verdict.contradictory,
                "uncertain": verdict.uncertain,
                "cancelled": verdict.cancelled,
                "events": self.events,
                "deliveries": self.deliveries,
                "posts": self.posts,
                "undelivered": verdict.undelivered,
                "open_multiparts": self.open_multiparts,
                "leaks": self.leaks,
                "violations": len(verdict.violations),
                "kills": self.kills,
                "faults": self.faults,
                "seconds": round(self.seconds, 1),
            }
        )


def run(spec: Spec) -> Result:
    """Start a stack, inject faults, and check the result against the invariants."""
    began = time.monotonic()
    WORK.mkdir(exist_ok=True)
    with ExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory(prefix="wan-video-chaos-")))
        foreign = exits.enter_context(ForeignHost())
        trap = exits.enter_context(ForeignHost())
        receivers = exits.enter_context(Receivers(spec.seed)) if spec.hooks else None
        log = exits.enter_context(RunLog(WORK / f"chaos-{spec.mutant or spec.mode}-{spec.seed}.log"))
        local = exits.enter_context(LocalStack(_plan(spec, folder, foreign, receivers), log.file, _say))
        try:
            stack = local.start()
        except Exception:
            _say(log.tail())
            raise
        chaos = _Chaos(spec, stack, folder, foreign, exits, log, trap, receivers)
        chaos.create_hooks()
        chaos.warm_up()
        chaos.unleash()
        chaos.let_knock()
        chaos.await_ends()
        chaos.await_deliveries()
        return chaos.conclude(began)


def _plan(spec: Spec, folder: Path, foreign: ForeignHost, receivers: Receivers | None) -> Plan:
    mix = json.dumps(spec.mix)
    common = ("--mix", mix, "--folder", str(folder))
    ledger = WORK / f"chaos-{spec.mutant or spec.mode}-{spec.seed}.ledger"
    ledger.unlink(missing_ok=True)
    own = ("--list-lag", str(spec.list_lag), "--seed", str(spec.seed), "--ledger", str(ledger))
    return Plan(
        speed=spec.speed,
        films="reuse",
        latency=45,
        parameters={
            **PARAMETERS,
            "OnAmbiguousSubmit": spec.mode,
            "WebhookOrigins": "" if receivers is None else receivers.origins,
        },
        servers={
            "engine": ("tests.chaos.engine", "--seed", str(spec.seed), "--mutant", spec.mutant, *common),
            "simulator": (
                "tests.chaos.wan",
                "--fault-seed",
                str(spec.seed),
                "--foreign",
                foreign.address,
                *common,
                *own,
            ),
        },
    )


def _waits_for_a_clock(row: Mapping[str, Any]) -> bool:
    """Return whether a row waits for its owner's next day, or for the end of a doubt."""
    doubt = (row.get("condition") or {}).get("code") == SUBMISSION_UNCERTAIN
    return doubt or (row["owner"], row["status"]) == (THRIFTY, Status.QUEUED)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class _Chaos:
    spec: Spec
    stack: Stack
    folder: Path
    foreign: ForeignHost
    exits: ExitStack
    log: RunLog
    trap: ForeignHost
    """The private address to which the name of a receiver leads."""
    receivers: Receivers | None
    hooks: list[Hook] = field(default_factory=list)
    asked: Asked = field(default_factory=Asked)

    def __post_init__(self) -> None:
        self.aws = self.stack.aws
        self.wan = SimulatorControls(self.stack.simulator_url)
        self.faults_url = ""
        self.origin = self._clock()
        self.moved = 0
        self.ahead = 0
        """Seconds by which the clock was moved."""
        self.redriven = 0
        self.began = time.monotonic()
        self.warm = 0.0
        self.observer = Observer(self.stack, self.asked)
        self.tokens = {OWNER: self.stack.token, THRIFTY: self._thrifty_token()}
        callback = (lambda *_: None) if self.receivers is None else self.receivers.callback
        random = Random(f"{self.spec.seed}/callers")
        self.callers = Callers(self.stack, self.tokens[THRIFTY], self.asked, random, callback)
        self.keys = simulator_keys()
        self.stop = threading.Event()
        self.rotated = False

    # --- before ------------------------------------------------------------------------------------------------------

    def create_hooks(self) -> None:
        """Create the webhook endpoints of all owners, before anything is requested."""
        if self.receivers is None:
            return
        queue = self._queue_of("NotifyQueue")
        visibility = str(VISIBILITY_SECONDS)
        self.aws.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": visibility})
        for owner, kinds in KINDS.items():
            for kind in kinds:
                made = self._webhooks("POST", owner, {"url": self.receivers.url(owner, kind)})
                self.receivers.expect(owner, kind, made["secret"])
                self.hooks.append(Hook(made["id"], owner, kind))
            signer = self._webhooks("POST", owner, {})
            for path in (CALLBACK, CALLBACK_GONE):
                self.receivers.expect(owner, path, signer["secret"])
        (self.folder / "moved").write_text(self.trap.address.rpartition(":")[2])

    def _webhooks(self, method: str, owner: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call the API of webhook endpoints, before or after the faults."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{self.stack.api_url}/v1/webhook_endpoints",
                headers={"Authorization": f"Bearer {self.tokens[owner]}"},
                json=body,
                timeout=60,
            )
        answer.raise_for_status()
        return answer.json()

    def warm_up(self) -> None:
        """Render every clip and start every function before the first fault."""
        films = dict.fromkeys((*SMALL, LARGE, *IMAGES))
        wishes = [Wish(f"warm-{at}", f"{CANARY} warm-up {at}", film, "local") for at, film in enumerate(films)]
        knock_all(self.callers, [Arrival("api", (wish,)) for wish in wishes], self.asked)
        began = time.monotonic()
        deadline = began + WARM_SECONDS
        while len(self.observer.notices) < len(wishes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the warm-up has not ended; see {self.log.path}")
            time.sleep(0.2)
        self.warm = time.monotonic() - began
        _say(f"warm after {time.monotonic() - self.began:.0f} s")

    def unleash(self) -> None:
        """Enable all faults."""
        engine_port = self.stack.engine_url.rpartition(":")[2]
        mix = json.dumps(self.spec.mix)
        options = (
            "--engine-port",
            engine_port,
            "--seed",
            str(self.spec.seed),
            "--mix",
            mix,
            "--folder",
            str(self.folder),
        )
        command = [sys.executable, "-m", "tests.chaos.aws_faults", *options]
        server = self.exits.enter_context(Server("aws-faults", command, self.log.file))
        self.faults_url = server.await_url("/_chaos/faults")
        (self.folder / "aws").write_text(self.faults_url)
        self._move_clock(0)
        (self.folder / "armed").touch()
        threading.Thread(target=self._tell, daemon=True).start()
        threading.Thread(target=self._redrive, daemon=True).start()

    # --- while it runs -----------------------------------------------------------------------------------------------

    def let_knock(self) -> None:
        """Send all requests, as fast as videos end; rotate the key half-way."""
        waiting = list(arrivals(self.spec))
        half = len(waiting) // 2
        while waiting:
            if len(waiting) <= half and not self.rotated:
                self._rotate_key()
            if self._flight() < FLIGHT:
                batch, waiting = waiting[:8], waiting[8:]
                knock_all(self.callers, batch, self.asked)
            else:
                time.sleep(0.2)
            if time.monotonic() - self.observer.heard_at > self._patience(waits=False) and not self._next_day():
                return

    def _flight(self) -> int:
        ended, since = self.observer.named(), time.monotonic() - max(AT_WORK_SECONDS, 2 * self.warm)
        return sum(at > since and name not in ended for name, at in list(self.asked.at.items()))

    def await_ends(self) -> None:
        """Wait until every video has ended; move the clock for those that wait for another day."""
        while self._missing() or self._running():
            quiet = time.monotonic() - self.observer.heard_at
            # This check reads every row, so it runs only when its result matters.
            if (
                quiet > self.spec.quiet
                and quiet > self._patience(waits=not self._owed() and self._only_clocks_help())
                and not self._next_day()
            ):
                return
            time.sleep(1)
        self._await_sweep()

    def _patience(self, *, waits: bool) -> float:
        """Return the real seconds without an end after which the clock is moved; `waits`: only the clock is waited for.

        A slow machine takes longer for the work that remains. If the clock moved in the meantime, this work would be
        late: tasks would expire before their results are fetched.
        """
        return self.spec.quiet if waits else max(self.spec.quiet * OWED, self.warm * WARM_UPS)

    def _only_clocks_help(self) -> bool:
        """Return whether every missing video waits for a budget's next day or for the end of a doubt."""
        ended = self.observer.named()
        missing = {name for name in list(self.asked.wishes) if not ended.get(name)}
        pages = self.aws.dynamodb.meta.client.get_paginator("scan")
        rows = pages.paginate(TableName=self.stack.outputs["VideosTableName"], ConsistentRead=True)
        return missing <= {self._name(row) for page in rows for row in page["Items"] if _waits_for_a_clock(row)}

    def _name(self, row: Mapping[str, Any]) -> str | None:
        """Return the name of the wish that a row belongs to."""
        return row["request"].get("custom_id") or self.asked.by_id.get(row["id"])

    def _missing(self) -> int:
        return sum(not self.observer.named().get(name) for name in list(self.asked.wishes))

    def _running(self) -> int:
        arn = self.stack.outputs["StateMachineArn"]
        return len(self.aws.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"])

    def _owed(self) -> bool:
        """Return whether a missing video does not wait for the clock: Wan has its task, or it may be sent again."""
        ended = self.observer.named()
        unfinished = {digest(wish.prompt) for name, wish in list(self.asked.wishes.items()) if not ended.get(name)}
        event = "received" if self.spec.mode == "resend" else "accepted"
        return any(entry["prompt_sha256"] in unfinished for entry in self.wan.entries(event))

    def _next_day(self) -> bool:
        if self.moved >= self.spec.days:
            return False
        self.moved += 1
        _say(f"the clock is moved by 25 hours; {self._missing()} videos wait")
        self._pass(DAY + HOUR)
        self.observer.heard_at = time.monotonic()
        return True

    def _await_sweep(self) -> None:
        """Wait until open uploads are aborted, and then for two more rounds of sweep and the notices that they send.

        Uploads are aborted when they are old. Moving the clock does not age them, because S3 says when they began.
        """
        old = time.monotonic() + ABANDONED_SECONDS / self.spec.speed
        while self._open_multiparts() and time.monotonic() < old:
            time.sleep(1)
        if self._open_multiparts():
            self._await_rounds(2)
        self._await_rounds(2)

    def _await_rounds(self, rounds: int) -> None:
        """Wait until `rounds` rounds of sweep that begin from now on have ended, by its log."""
        deadline = time.monotonic() + ROUNDS_SECONDS
        begun = self._rounds("START")
        while self._rounds("END") < begun + rounds and time.monotonic() < deadline:
            time.sleep(2)

    def _rounds(self, mark: str) -> int:
        """Return the number of lines in sweep's log that begin with a mark."""
        return sum(line.startswith(mark) for line in logs_of(self.aws, "Sweep"))

    def await_deliveries(self) -> None:
        """Wait until every event has reached its receivers; one of them is down for hours before that."""
        if self.receivers is None:
            return
        self._pass(DOWN_SECONDS)
        self._await_rounds(1)
        self.receivers.open()
        heard_at = time.monotonic()
        _say(f"the receiver that was down is reachable; {len(self._webhooks_seen().missing())} deliveries are missing")
        left, known = LEAPS, -1
        while (seen := self._webhooks_seen()).missing():
            self._redrive_deliveries()
            if len(seen.delivered) != known:
                known, heard_at = len(seen.delivered), time.monotonic()
            elif time.monotonic() > heard_at + self._patience(waits=left > 0):
                if not left:
                    break
                left -= 1
                heard_at = time.monotonic()
                _say(f"the clock is moved by hours; {len(seen.missing())} deliveries are missing")
                self._pass(LONGEST_GAP)
            time.sleep(1)
        _say(f"{len(self._webhooks_seen().missing())} deliveries are missing; {self.redriven} were dead letters")

    def _webhooks_seen(self, disabled: frozenset[str] = frozenset()) -> Webhooks:
        assert self.receivers is not None
        return Webhooks(
            hooks=self.hooks,
            callbacks=dict(self.asked.callbacks),
            events={event_id: frozenset(bodies) for event_id, bodies in list(self.observer.events.items())},
            owners=self.observer.owners(),
            posted=list(self.receivers.posted),
            disabled=disabled,
            redirected=self.receivers.redirected,
            trapped=self.trap.visits,
        )

    def _webhooks_at_the_end(self) -> Webhooks | None:
        if self.receivers is None:
            return None
        shown = [endpoint for owner in KINDS for endpoint in self._webhooks("GET", owner)["data"]]
        return self._webhooks_seen(frozenset(one["id"] for one in shown if one["status"] == "disabled"))

    def _redrive_deliveries(self) -> None:
        """Move the dead letters of webhooks back to their queue, as an operator does when a receiver is repaired."""
        letters, queue = self._queue_of("NotifyDeadLetters"), self._queue_of("NotifyQueue")
        answer = self.aws.sqs.receive_message(
            QueueUrl=letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        )
        for message in answer.get("Messages", []):
            attributes = message.get("MessageAttributes", {})
            self.aws.sqs.send_message(QueueUrl=queue, MessageBody=message["Body"], MessageAttributes=attributes)
            self.aws.sqs.delete_message(QueueUrl=letters, ReceiptHandle=message["ReceiptHandle"])
            self.redriven += 1

    def _pass(self, seconds: int) -> None:
        """Move the clocks of the stack and of Wan forward."""
        self.ahead += seconds
        self.wan.advance(seconds)
        self._move_clock(self.ahead)

    def _move_clock(self, seconds: int) -> None:
        """Give every function a clock that is `seconds` ahead of the first one, which also gives it a new worker."""
        speed = self.spec.speed
        clock = f"{speed:g}@{self.origin - seconds / (speed - 1):.3f}"
        for function in self._functions():
            variables = {**function["Environment"]["Variables"], "CLOCK": clock}
            self.aws.functions.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": variables}
            )

    def _functions(self) -> Iterator[Any]:
        for page in self.aws.functions.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if "CLOCK" in function.get("Environment", {}).get("Variables", {}):
                    yield function

    def _clock(self) -> float:
        function = next(iter(self._functions()))
        return float(function["Environment"]["Variables"]["CLOCK"].partition("@")[2])

    def _rotate_key(self) -> None:
        self.rotated = True
        self.keys[ROTATED_REGION] = f"sk-rotated-{self.spec.seed}-{CANARY}"
        secret = self.stack.outputs["WanSecretArn"]
        self.aws.secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(self.keys))
        self.wan.rotate_key(ROTATED_REGION, self.keys[ROTATED_REGION])
        _say("the key is rotated")

    def _redrive(self) -> None:
        """Announce prompt files again that became dead letters, as an operator does."""
        url = self._queue_of("DeadLetters")
        while not self.stop.wait(5):
            for message in self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"]).get("requestPayload", {})
                self.observer.raw.append(message["Body"])
                if event.get("detail-type") == "Object Created":
                    payload = json.dumps(event).encode()
                    self.aws.functions.invoke(FunctionName="wan-video-ingest", InvocationType="Event", Payload=payload)
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _queue_of(self, logical_id: str) -> str:
        resource = self.aws.cloudformation.describe_stack_resource(StackName="wan-video", LogicalResourceId=logical_id)
        return resource["StackResourceDetail"]["PhysicalResourceId"]

    def _thrifty_token(self) -> str:
        command = ["wan-video", "token", "create", "--stack", "wan-video", "--owner", THRIFTY]
        limit = ["--daily-seconds", str(self.spec.cap)]
        made = subprocess.run(
            [*command, *limit], env=self.aws.environment(), capture_output=True, text=True, check=True
        )
        return made.stdout.strip()

    def _tell(self) -> None:
        while not self.stop.wait(10):
            asked, ended = len(self.asked.wishes), len(self.observer.notices)
            _say(f"{time.monotonic() - self.began:5.0f} s: {asked} asked, {ended} ended, {len(self._kills())} kills")

    # --- after -------------------------------------------------------------------------------------------------------

    def conclude(self, began: float) -> Result:
        """Gather the evidence and judge it."""
        self.stop.set()
        by_fault = self._faults()
        (self.folder / "armed").unlink()
        self.observer.close()
        copy_function_logs(self.stack, self.log.file)
        open_multiparts = self._open_multiparts()
        leaks = list(self._leaks())
        evidence = Evidence(
            mode=self.spec.mode,
            wishes=self.asked.wishes,
            notices=self.observer.named(),
            unreadable=self.observer.unreadable,
            ledger=self.wan.entries(),
            objects=list(self._objects()),
            running=self._running(),
            open_multiparts=open_multiparts,
            leaks=leaks,
            cap=self.spec.cap,
            cancelled=self.asked.cancelled,
            trouble=self.asked.trouble,
            usage=self._usage(),
            webhooks=self._webhooks_at_the_end(),
        )
        webhooks = evidence.webhooks
        verdict = judge(evidence)
        for violation in verdict.violations[:40]:
            _say(violation)
        return Result(
            spec=self.spec,
            verdict=verdict,
            open_multiparts=open_multiparts,
            leaks=len(leaks),
            kills=len(self._kills()),
            faults=sum(by_fault.values()),
            by_fault=by_fault,
            seconds=time.monotonic() - began,
            videos=len(self.asked.wishes),
            events=len(self.observer.events),
            deliveries=0 if webhooks is None else len(webhooks.delivered),
            posts=0 if webhooks is None else len(webhooks.posted),
        )

    def _usage(self) -> Mapping[str, Usage]:
        """Return each owner's usage by the API, from the day before the first task to the last."""
        at = [float(entry["at"]) for entry in self.wan.entries()]
        first, last = min(at, default=0.0) - DAY, max(at, default=0.0) + DAY
        days = [datetime.fromtimestamp(first + DAY * number, UTC) for number in range(int((last - first) / DAY) + 2)]
        months = sorted({f"{day:%Y-%m}" for day in days})
        return {
            owner: _used([day for month in months for day in self.callers.usage(owner, month)])
            for owner in (OWNER, THRIFTY)
        }

    def _kills(self) -> Sequence[str]:
        path = self.folder / "kills"
        return path.read_text().splitlines() if path.exists() else []

    def _faults(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for url in (f"{self.stack.simulator_url}/_chaos/faults", f"{self.faults_url}/_chaos/faults"):
            with requests.Session() as session:
                session.trust_env = False
                for stream, kinds in session.get(url, timeout=30).json().items():
                    found.update({f"{stream}/{kind}": count for kind, count in kinds.items()})
        if self.receivers is not None:
            found.update({f"webhooks/{kind}": count for kind, count in self.receivers.faults.items()})
        return found

    def _open_multiparts(self) -> int:
        bucket = self.stack.outputs["VideosBucketName"]
        return len(self.aws.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))

    def _stored(self) -> Iterator[tuple[str, bytes]]:
        bucket = self.stack.outputs["VideosBucketName"]
        for page in self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", []):
                yield item["Key"], self.aws.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()

    def _objects(self) -> Iterator[tuple[str, str]]:
        for key, body in self._stored():
            if key.startswith("videos/") and key.endswith(".mp4"):
                yield key.split("/")[1], hashlib.sha256(body).hexdigest()

    def _leaks(self) -> Iterator[str]:
        """Yield the places that contain a key, a token, a link's signature or a prompt and must not."""
        if self.foreign.visits:
            yield f"the foreign host was visited {self.foreign.visits} times"
        secrets = [
            *simulator_keys().values(),
            self.keys[ROTATED_REGION],
            self.stack.token,
            "Signature=",
            "LTAISimulator",
            "whsec_",
            *{base64.b64encode(film.content).decode()[60:100] for film in IMAGES},
        ]
        private = [*secrets, CANARY, HOOK_TOKEN]
        logs = (line for _, line in function_logs(self.aws))
        places = (
            ("a log", logs, private),
            ("a history", histories(self.aws, self.stack.outputs["StateMachineArn"]), private),
            ("a notice or dead letter", self.observer.raw, [*secrets, HOOK_TOKEN]),
            (
                "a document",
                (body.decode(errors="replace") for key, body in self._stored() if not key.endswith(".mp4")),
                secrets,
            ),
            ("a table", self._rows(), secrets),
        )
        for place, texts, words in places:
            found = Counter(word for text in texts for word in words if word in text)
            yield from (f"{place} holds {word[:12]}... {count} times" for word, count in found.items())

    def _rows(self) -> Iterator[str]:
        """Yield every item of every table, as text that is only searched."""
        client = self.aws.dynamodb.meta.client
        for name in client.list_tables()["TableNames"]:
            for page in client.get_paginator("scan").paginate(TableName=name):
                yield from (str(item) for item in page["Items"])


def _used(days: Sequence[Mapping[str, Any]]) -> Usage:
    return Usage(sum(day["reserved_seconds"] for day in days), sum(day["spent_seconds"] for day in days))
