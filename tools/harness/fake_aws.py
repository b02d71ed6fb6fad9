"""moto as the tests use it: started once in a process, with a state that can be saved and restored.

Starting moto registers 1,300 routes, and building a stack takes 16 calls. Together they took 34 ms for each test, as
much as most tests themselves, so a process does each of them once; to restore a state takes 1 ms.
"""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from moto import mock_aws
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.model_instances import reset_model_data
from moto.core.models import botocore_stubber, responses_mock

_REENTRANT: Final = type(threading.RLock())


@contextmanager
def fake_aws(state: bytes | None = None) -> Iterator[None]:
    """Answer calls to AWS while the block runs, from `state` (see `saved_state`) or from an empty account.

    Nothing outlives the block. The caller sets the credentials, and no block may run within another one.
    """
    assert not botocore_stubber.enabled, "another block is running"
    _reset()
    _start()
    botocore_stubber.enabled = True
    responses_mock.start()
    try:
        if state is not None:
            _restore(state)
        yield
    finally:
        responses_mock.stop()
        botocore_stubber.enabled = False
        _reset()


def saved_state() -> bytes:
    """Return a copy of everything that is in the account now."""
    file = io.BytesIO()
    _Pickler(file).dump(
        [
            (backends, _beside(backends), {account: dict(regions) for account, regions in backends.items()})
            for backends in BackendDict._instances
        ]
    )
    return file.getvalue()


def _restore(state: bytes) -> None:
    for backends, beside, accounts in _Unpickler(io.BytesIO(state)).load():
        for name, value in beside.items():
            vars(backends)[name].update(value)
        for account, regions in accounts.items():
            backends[account].update(regions)


def _beside(backends: BackendDict[Any]) -> dict[str, dict[str, Any]]:
    """Return what a service keeps beside its accounts, such as the account of each bucket."""
    return {name: value for name, value in vars(backends).items() if isinstance(value, dict)}


def _reset() -> None:
    BackendDict.reset()
    reset_model_data()


@cache
def _start() -> None:
    """Register moto's routes, which then stay registered; `fake_aws` decides when they answer."""
    mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}}).start()
    responses_mock.stop()
    botocore_stubber.enabled = False
    _answer_one_call_at_a_time()


def _answer_one_call_at_a_time() -> None:
    """Lock moto: a transaction copies whole tables, and a write of another thread would change them meanwhile."""
    lock, answer = threading.RLock(), BotocoreStubber.__call__

    def answer_locked(stubber: BotocoreStubber, *arguments: Any, **more: Any) -> Any:
        with lock:
            return answer(stubber, *arguments, **more)

    BotocoreStubber.__call__ = answer_locked


class _Pickler(pickle.Pickler):
    """Writes the state of services; what holds a service's accounts is named, and locks are made again."""

    def persistent_id(self, value: Any) -> str | None:
        return value.service_name if isinstance(value, BackendDict) else None

    def reducer_override(self, value: Any) -> Any:
        return (threading.RLock, ()) if isinstance(value, _REENTRANT) else NotImplemented


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, name: str) -> Any:
        return get_backend(name)
