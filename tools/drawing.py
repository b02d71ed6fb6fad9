"""Draw the state machine: `python -m tools.drawing` writes docs/images/generate_video.svg from the ASL.

The ASL defines the states and transitions and their labels; LAYOUT and ROUTES say where they are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from tools.template import state_machine
from wan_video_local.stack import PROJECT

SVG: Final = PROJECT / "docs" / "images" / "generate_video.svg"

WIDTH, HEIGHT, ROW = 224, 52, 92
LEFT, MAIN, RIGHT, FAR = 148, 500, 796, 1076
SIZE = (1212, 832)

LAYOUT: Final[dict[str, tuple[int, float]]] = {
    "Is there a task already?": (MAIN, 0),
    "Submit": (MAIN, 1),
    "Was it submitted?": (MAIN, 2),
    "Wait to reconcile": (LEFT, 1),
    "Wait for the task": (MAIN, 3),
    "Poll": (MAIN, 4),
    "Is the task finished?": (MAIN, 5),
    "Deliver": (MAIN, 6),
    "Is it delivered?": (MAIN, 7),
    "Report failure": (RIGHT, 6),
    "May another execution follow?": (FAR, 3.5),
    "Go on in a successor": (FAR, 5),
    "Too many executions": (FAR, 1.2),
    "Done": (MAIN, 8),
}
"""The column (the x of its centre) and the row of each state."""

Port = tuple[str, int]
"""A side of a box, and the distance from the middle of that side."""

ROUTES: Final[dict[tuple[str, str], tuple[Port, int | None, Port]]] = {
    ("Is there a task already?", "Submit"): (("bottom", 0), None, ("top", 0)),
    ("Is there a task already?", "Poll"): (("left", 0), 18, ("left", 0)),
    ("Submit", "Was it submitted?"): (("bottom", 0), None, ("top", 0)),
    ("Was it submitted?", "Wait for the task"): (("bottom", 0), None, ("top", 0)),
    ("Was it submitted?", "Wait to reconcile"): (("left", -10), None, ("bottom", 0)),
    ("Wait to reconcile", "Submit"): (("right", 0), None, ("left", 0)),
    ("Was it submitted?", "Done"): (("left", 12), 278, ("left", -12)),
    ("Was it submitted?", "Report failure"): (("right", 10), None, ("top", 36)),
    ("Was it submitted?", "May another execution follow?"): (("right", -10), None, ("top", 36)),
    ("Wait for the task", "Poll"): (("bottom", 0), None, ("top", 0)),
    ("Poll", "Is the task finished?"): (("bottom", 0), None, ("top", 0)),
    ("Is the task finished?", "Wait for the task"): (("left", -12), 304, ("left", 0)),
    ("Is the task finished?", "Done"): (("left", 12), 304, ("left", 12)),
    ("Is the task finished?", "Deliver"): (("bottom", 0), None, ("top", 0)),
    ("Is the task finished?", "Report failure"): (("right", 10), None, ("top", -36)),
    ("Is the task finished?", "May another execution follow?"): (("right", -10), 940, ("left", 0)),
    ("Deliver", "Is it delivered?"): (("bottom", 0), None, ("top", 0)),
    ("Deliver", "Report failure"): (("right", 0), None, ("left", 0)),
    ("Is it delivered?", "Done"): (("bottom", 0), None, ("top", 0)),
    ("Is it delivered?", "Report failure"): (("right", 0), None, ("bottom", -36)),
    ("Report failure", "Done"): (("bottom", 36), None, ("right", -10)),
    ("May another execution follow?", "Go on in a successor"): (("bottom", 0), None, ("top", 0)),
    ("May another execution follow?", "Too many executions"): (("top", -36), None, ("bottom", -36)),
    ("Go on in a successor", "Done"): (("left", 0), 940, ("right", 10)),
}
"""For each transition: where it leaves, the x at which it runs vertically, and where it arrives."""

LABEL: Final = "generate_video: its states and the transitions between them"

COLOURS: Final = """
  .card { fill: light-dark(#fafbfc, #14171a) } .halo { stroke: light-dark(#fafbfc, #14171a) }
  text { fill: light-dark(#1f2933, #e7ebef) } .small { fill: light-dark(#52606d, #a9b4bf) }
  .line { stroke: light-dark(#52606d, #93a0ad) } .head { fill: light-dark(#52606d, #93a0ad) }
  .task { fill: light-dark(#fff4e8, #3a2a17); stroke: light-dark(#d9822b, #e39b4c) }
  .choice, .wait { fill: light-dark(#ffffff, #20262c); stroke: light-dark(#7b8794, #93a0ad) }
  .succeed { fill: light-dark(#e8f4ee, #17301f); stroke: light-dark(#3a8f63, #58b583) }
  .fail { fill: light-dark(#fdecec, #3b1d1c); stroke: light-dark(#c25450, #e07a75) }"""
"""The colours in the light and in the dark scheme."""

STYLE: Final = """
  text { font: 14px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; text-anchor: middle }
  .small { font-size: 12px } .halo { stroke-width: 5; paint-order: stroke; stroke-linejoin: round }
  .line { fill: none; stroke-width: 1.6; marker-end: url(#head) } .caught { stroke-dasharray: 5 4 }
  .task, .choice, .wait, .succeed, .fail { stroke-width: 1.5 } .wait { stroke-dasharray: 4 4 }"""

HEAD: Final = """<defs>
  <marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">
  <path class="head" d="M0 0 10 5 0 10z"/></marker></defs>"""


@dataclass(frozen=True)
class Transition:
    """A transition between two states: its labels, and whether only errors take it."""

    source: str
    target: str
    words: Sequence[str]
    caught: bool


def transitions(machine: dict[str, Any]) -> Sequence[Transition]:
    """Return every transition of the state machine in order; those between the same two states are merged."""
    merged: dict[tuple[str, str], tuple[list[str], bool]] = {}
    for source, state in machine["States"].items():
        for target, words, caught in _leaving(state):
            known, only_errors = merged.setdefault((source, target), ([], True))
            if words and words not in known:
                known.append(words)
            merged[source, target] = (known, only_errors and caught)
    return [
        Transition(*ends, words if ends[0].endswith("?") or caught else (), caught)
        for ends, (words, caught) in merged.items()
    ]


def svg() -> str:
    """Return the drawing as SVG."""
    machine = state_machine()
    found = transitions(machine)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE[0]} {SIZE[1]}" role="img" aria-label="{LABEL}">',
        "<!-- python -m tools.drawing wrote this from statemachine/generate_video.asl.json -->",
        f"<style>{_light_and_dark(COLOURS)}{STYLE}\n</style>",
        HEAD,
        f'<rect class="card" width="{SIZE[0]}" height="{SIZE[1]}" rx="12"/>',
        *(
            f'<path class="line{" caught" if transition.caught else ""}" d="{_path(_points(transition))}"/>'
            for transition in found
        ),
        *(line for name, state in machine["States"].items() for line in _box(name, state)),
        *(line for transition in found for line in _label(transition)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _light_and_dark(colours: str) -> str:
    """Write the rules once for each scheme, because SVG viewers do not support `light-dark()` yet."""
    light, dark = (re.sub(r"light-dark\((#\w+), (#\w+)\)", rf"\{which}", colours) for which in (1, 2))
    return f"{light}\n  @media (prefers-color-scheme: dark) {{{dark}\n  }}"


def _leaving(state: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    for choice in state.get("Choices", []):
        yield choice["Next"], _condition(choice["Condition"]), False
    if "Default" in state:
        yield state["Default"], "otherwise", False
    if "Next" in state:
        yield state["Next"], "", False
    for caught in state.get("Catch", []):
        yield caught["Next"], "error", True


def _condition(expression: str) -> str:
    """Return the words that a condition compares with, or the condition without JSONata's punctuation."""
    if words := re.findall(r"'(\w+)'", expression):
        return ", ".join(words)
    bare = re.sub(r"[{}%$]|states\.input\.", "", expression).strip()
    return re.sub(r"^exists\((\w+)\)$", r"\1", bare).replace(">=", "≥")


def _box(name: str, state: dict[str, Any]) -> Iterator[str]:
    x, y = _middle(name)
    kind = state["Type"].lower()
    rounding = {"choice": HEIGHT // 2, "succeed": HEIGHT // 2}.get(kind, 8)
    yield (
        f'<rect class="{kind}" x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}"'
        f' width="{WIDTH}" height="{HEIGHT}" rx="{rounding}"/>'
    )
    below = _below(state)
    yield f'<text x="{x}" y="{y + (-2 if below else 5)}">{escape(name)}</text>'
    if below:
        yield f'<text class="small" x="{x}" y="{y + 16}">{escape(below)}</text>'


def _below(state: dict[str, Any]) -> str:
    """Return the seconds that a state waits, or what it invokes."""
    if state["Type"] == "Wait":
        seconds = re.sub(r"[{}%$ ]", "", state["Seconds"])
        return "the pause set before" if seconds == "pause" else seconds
    if state["Type"] != "Task":
        return ""
    function = state["Arguments"].get("FunctionName", "")
    return f"Lambda, at most {state['TimeoutSeconds']} s" if function else "StartExecution"


def _label(transition: Transition) -> Iterator[str]:
    """Yield the labels of a transition, beside its start."""
    if not transition.words:
        return
    (x, y), (after, below), *_ = _points(transition)
    if below != y:
        x, y, anchor = x + 8, y + (24 if below > y else -14), "start"
    else:
        x, y, anchor = (x + 10, y - 6, "start") if after > x else (x - 10, y - 6, "end")
    text = " / ".join(transition.words)
    yield f'<text class="small halo" x="{x}" y="{y}" style="text-anchor: {anchor}">{escape(text)}</text>'


def _middle(name: str) -> tuple[int, int]:
    x, row = LAYOUT[name]
    return x, round(48 + row * ROW)


def _port(name: str, port: Port) -> tuple[int, int]:
    x, y = _middle(name)
    side, by = port
    return {
        "top": (x + by, y - HEIGHT // 2),
        "bottom": (x + by, y + HEIGHT // 2),
        "left": (x - WIDTH // 2, y + by),
        "right": (x + WIDTH // 2, y + by),
    }[side]


def _points(transition: Transition) -> list[tuple[int, int]]:
    leave, lane, arrive = ROUTES[transition.source, transition.target]
    start, end = _port(transition.source, leave), _port(transition.target, arrive)
    if lane is not None:
        return [start, (lane, start[1]), (lane, end[1]), end]
    if start[0] == end[0] or start[1] == end[1]:
        return [start, end]
    corner = (start[0], end[1]) if leave[0] in ("top", "bottom") else (end[0], start[1])
    return [start, corner, end]


def _path(points: Sequence[tuple[int, int]], radius: int = 10) -> str:
    """Return a path of straight segments with round corners."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{ax} {ay}Q{corner[0]} {corner[1]} {bx} {by}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return "".join(parts)


def _towards(corner: tuple[int, int], other: tuple[int, int], radius: int) -> tuple[int, int]:
    """Return the point that is `radius` away from a corner, towards another corner."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    return (
        corner[0] + max(-radius, min(radius, dx)),
        corner[1] + max(-radius, min(radius, dy)),
    )


if __name__ == "__main__":
    SVG.write_text(svg(), encoding="utf-8")
