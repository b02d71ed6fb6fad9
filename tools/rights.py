"""The rights that the functions use, and whether template.yaml grants them.

`cli/wan_video_cli/rights.json` lists every right that a function was seen to use. Integration tests record the calls of
each function, the running stack records the calls to its engine, and both are compared with this list and with the
policies of the transformed template. A new right is written to `.run/rights.jsonl`; `python -m tools.rights` adds it to
the list.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from tools.template import ROOT, Json, as_list, logical_id, of_type, role_policies, transformed
from tools.words import WORDS
from wan_video_local.rights import Call, Right

LIST: Final = ROOT / "cli/wan_video_cli/rights.json"
NEW: Final = ROOT / ".run/rights.jsonl"
LEADING_KEYS: Final = "dynamodb:LeadingKeys"

Rights = Mapping[str, frozenset[Right] | set[Right]]
"""Rights by the word of the function that uses them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource that a statement allows, for partition keys that match `keys`; None means all keys."""

    action: str
    resource: str
    keys: tuple[str, ...] | None = None

    def allows(self, call: Call) -> bool:
        """Return whether this grant by itself allows a call.

        A grant for certain keys does not allow a call without a key, such as a Scan, although AWS allows it.
        """
        if call.action != self.action or not fnmatchcase(call.resource, self.resource):
            return False
        if self.keys is None:
            return True
        patterns = self.keys
        return bool(call.keys) and all(any(fnmatchcase(key, pattern) for pattern in patterns) for key in call.keys)


def written(value: object) -> str:
    """Return the text of a !Sub for an intrinsic function: `${Videos.Arn}`, `${VideosBucket.Arn}/videos/*`."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::Sub": text}:
            return str(text)
    return str(value)


def granted(template: Json) -> Mapping[str, Sequence[Grant]]:
    """Return what the policies of the transformed template allow, by the word of the function."""
    return {word: _granted(template, f"{logical_id(word)}Role") for word in WORDS}


def _granted(template: Json, role: str) -> Sequence[Grant]:
    policies = role_policies(of_type(template, "AWS::IAM::Role")[role])
    policies += [
        policy for policy in of_type(template, "AWS::IAM::Policy").values() if {"Ref": role} in policy["Roles"]
    ]
    return [
        Grant(action, written(resource), _keys(statement))
        for policy in policies
        for statement in as_list(policy["PolicyDocument"]["Statement"])
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        if not action.startswith(
            "kms:"
        )  # These apply with your own KMS key, through the services that the other rights are for.
        for resource in as_list(statement["Resource"])
    ]


def _keys(statement: Json) -> tuple[str, ...] | None:
    """Return the patterns of keys that a statement allows; raises ValueError for any other condition."""
    keys: list[str] = []
    for operator, condition in statement.get("Condition", {}).items():
        if operator not in ("ForAllValues:StringLike", "ForAllValues:StringEquals") or [*condition] != [LEADING_KEYS]:
            raise ValueError(f"{statement['Sid']} has a condition that this check does not support: {operator}")
        keys += as_list(condition[LEADING_KEYS])
    return tuple(keys) or None


def listed() -> Rights:
    """Return the list that the command line tool ships."""
    found = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    return {word: frozenset(Right(**right) for right in found.get(word, ())) for word in WORDS}


def faults(calls: Iterable[tuple[str, Call]], grants: Mapping[str, Sequence[Grant]], known: Rights) -> list[str]:
    """Return a message for each right in use that the template does not grant or that is not in the list."""
    found: set[str] = set()
    for word, call in calls:
        if not any(grant.allows(call) for grant in grants[word]):
            rights = " and ".join(map(str, call.rights))
            found.add(
                f"{word} lacks the right {rights}. "
                f"Add it to the policies of {logical_id(word)} in template.yaml, in one statement for each action."
            )
        found.update(
            f"{word} uses the right {right}, which {LIST.relative_to(ROOT)} does not list. "
            "Run `.venv/bin/python -m tools.rights` to add it."
            for right in call.rights
            if right not in known[word]
        )
    return sorted(found)


def check(calls: Iterable[tuple[str, Call]]) -> None:
    """Raise AssertionError if a function uses a right that is not granted or not listed; record the latter."""
    seen = set(calls)
    found = faults(seen, _template_grants(), _listed())
    for word, call in seen:
        note(word, [right for right in call.rights if right not in _listed()[word]])
    assert not found, "\n".join(found)


def note(word: str, rights: Iterable[Right]) -> None:
    """Record rights for `python -m tools.rights`."""
    lines = [json.dumps({"function": word, **asdict(right)}) + "\n" for right in rights]
    if lines:
        NEW.parent.mkdir(exist_ok=True)
        with NEW.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def as_text(rights: Rights) -> str:
    """Return the list as it is stored: one line for each right."""
    words = []
    for word in WORDS:
        lines = [
            json.dumps({k: v for k, v in asdict(right).items() if v is not None}) for right in sorted_(rights[word])
        ]
        words.append(f'  "{word}": [\n    ' + ",\n    ".join(lines) + "\n  ]")
    return "{\n" + ",\n".join(words) + "\n}\n"


def sorted_(rights: Iterable[Right]) -> list[Right]:
    """Return rights in the order of action, resource and key."""
    return sorted(rights, key=lambda right: (right.action, right.resource, right.leading_key or ""))


@cache
def _template_grants() -> Mapping[str, Sequence[Grant]]:
    return granted(transformed())


@cache
def _listed() -> Rights:
    return listed()


def main() -> None:
    """Add the rights that tests have recorded to the list."""
    rights = defaultdict(set, {word: set(known) for word, known in listed().items()})
    for line in NEW.read_text(encoding="utf-8").splitlines() if NEW.exists() else ():
        found = json.loads(line)
        rights[found.pop("function")].add(Right(**found))
    LIST.write_text(as_text(rights), encoding="utf-8")
    NEW.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
