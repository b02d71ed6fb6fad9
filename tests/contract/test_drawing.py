"""docs/images/generate_video.svg shows the current state machine."""

from __future__ import annotations

from xml.etree import ElementTree

from tools import drawing
from tools.template import state_machine


def test_the_committed_drawing_is_current() -> None:
    assert drawing.SVG.read_text(encoding="utf-8") == drawing.svg(), "python -m tools.drawing draws it again"


def test_every_state_and_every_transition_has_a_place_and_nothing_else_has_one() -> None:
    machine = state_machine()
    assert set(drawing.LAYOUT) == set(machine["States"])
    assert set(drawing.ROUTES) == {
        (transition.source, transition.target) for transition in drawing.transitions(machine)
    }


def test_the_drawing_is_xml_that_names_every_state() -> None:
    texts = {element.text for element in ElementTree.fromstring(drawing.svg()).iter("{http://www.w3.org/2000/svg}text")}
    assert set(drawing.LAYOUT) <= texts
