"""The inputs bucket and the web in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from wan_video.domain.image import BadImage
from wan_video.domain.objects import UploadLink
from wan_video.errors import ImageUnavailable


@dataclass
class FakeInputs:
    """The port `ApiInputs`: objects by key. `renewed` and `signed` record calls."""

    stored: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    renewed: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    links: int = 0

    def exists(self, key: str) -> bool:
        return key in self.stored

    def read(self, key: str, most_bytes: int) -> bytes | None:
        content = self.stored.get(key)
        if content is not None and len(content) > most_bytes:
            raise BadImage(f"The image has {len(content)} bytes; the limit is {most_bytes // (1024 * 1024)} MB.")
        return content

    def link(self, key: str, seconds: int, content_type: str) -> str:
        self.links += 1
        return f"https://inputs.invalid/{key}?seconds={seconds}&type={content_type}&signature=CANARY-LINK-{self.links}"

    def sign(self, key: str, seconds: int) -> UploadLink:
        self.signed.append(key)
        return UploadLink(f"https://inputs.invalid/{key}?seconds={seconds}", {"If-None-Match": "*"})

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self.stored[key] = content
        self.types[key] = content_type

    def renew(self, key: str) -> bool:
        self.renewed.append(key)
        return key in self.stored

    def delete(self, key: str) -> None:
        self.stored.pop(key, None)

    def origin(self) -> str:
        return "https://inputs.invalid"


@dataclass
class FakeWebImages:
    """The port `WebImages`: what URLs serve. `fetched` records the calls."""

    served: dict[str, bytes | ImageUnavailable] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def fetch(self, url: str, seconds: float) -> bytes:
        self.fetched.append(url)
        answer = self.served.get(url, ImageUnavailable("The server of the image answers 404 instead of sending it."))
        if isinstance(answer, ImageUnavailable):
            raise answer
        return answer
