"""The JSON bodies of Wan's answers, which differ by the generation of the model.

Sources: Model Studio, "Wan text-to-video API reference", "Wan image-to-video API reference" and "Wan 3.0 API
reference": wan2.5 and before, wan2.6, wan2.7 and wan3.0 report usage differently, and so do their models that need an
image, which state neither a size nor a ratio. The pages do not say what `orig_prompt` is for a task without a prompt;
here it is "".
"""

from __future__ import annotations

from typing import Any

from wan_simulator.clock import wan_time
from wan_simulator.errors import RefusalError
from wan_simulator.orders import Order
from wan_simulator.tasks import Phase, Task

Json = dict[str, Any]


def created(task: Task, request_id: str) -> Json:
    """Return the answer to a create call that was accepted."""
    return {"output": {"task_status": Phase.PENDING, "task_id": task.id}, "request_id": request_id}


def refused(refusal: RefusalError, request_id: str) -> Json:
    """Return the answer to a call that was refused."""
    return {"code": refusal.code, "message": refusal.message, "request_id": request_id}


def cancelled(request_id: str) -> Json:
    """Return the answer to a cancel call that took effect."""
    return {"request_id": request_id}


def unknown(task_id: str, request_id: str) -> Json:
    """Return the answer about a task that does not exist, is another account's, or is more than 24 hours old."""
    return {"request_id": request_id, "output": {"task_id": task_id, "task_status": Phase.UNKNOWN}}


def task_state(task: Task, video_url: str, request_id: str) -> Json:
    """Return the answer about a task; it has `video_url` if the task has succeeded."""
    output: Json = {"task_id": task.id, "task_status": task.phase, "submit_time": wan_time(task.submitted_at)}
    if task.scheduled_at is not None:
        output["scheduled_time"] = wan_time(task.scheduled_at)
    if task.ended_at is not None:
        output["end_time"] = wan_time(task.ended_at)
    answer: Json = {"request_id": request_id, "output": output}
    match task.phase:
        case Phase.FAILED:
            assert task.failure is not None
            output |= {"code": task.failure.code, "message": task.failure.message}
        case Phase.SUCCEEDED:
            output |= {"orig_prompt": task.order.prompt, **_actual_prompt(task.order), "video_url": video_url}
            answer["usage"] = _usage(task.order)
        case _:
            pass
    return answer


def _actual_prompt(order: Order) -> Json:
    """Return the rewritten prompt, which only models up to wan2.5 report."""
    if not order.prompt_extend or order.model.generation > (2, 5):
        return {}
    return {"actual_prompt": f"{order.prompt.rstrip(' .')}. Smooth camera movement, rich detail, cinematic light."}


def _usage(order: Order) -> Json:
    size = f"{order.size.width}*{order.size.height}"
    generation = order.model.generation
    if generation <= (2, 1) and order.model.follows_image:
        return {"video_duration": order.seconds, "video_ratio": "standard", "video_count": 1}
    if generation <= (2, 5) and order.model.follows_image:
        return {"duration": order.seconds, "video_count": 1, "SR": _lines(order)}
    if generation <= (2, 5):
        return {"video_count": 1, "video_duration": order.seconds, "video_ratio": size}
    usage: Json = {
        "duration": order.seconds,
        "input_video_duration": type(order.seconds)(0),
        "output_video_duration": order.seconds,
        "video_count": 1,
        "SR": _lines(order),
    }
    if order.model.follows_image:
        return usage | ({"audio": order.audio} if order.model.sound_is_shown else {})
    if generation == (2, 6):
        return usage | {"size": size}
    usage["ratio"] = order.model.ratio_of(order.size)
    return usage if generation < (3, 0) else usage | {"fps": order.model.fps}


def _lines(order: Order) -> int:
    """Return Wan's SR, the tier as a number: 720 for 720P."""
    assert order.tier is not None
    return int(order.tier.removesuffix("P"))
