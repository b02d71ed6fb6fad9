"""`python -m tests.fuzz.seeds` writes the corpus that every search starts with: a small file for each form of input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from tools.harness.images import bmp_header, jpeg_header, png_chunk, png_header

CORPUS: Final = Path(__file__).parent / "corpus"

FOX: Final[dict[str, Any]] = {
    "prompt": "a fox 狐 in a coat",
    "model": "wan2.6-t2v",
    "size": "1280x720",
    "seconds": 5,
    "negative_prompt": "rain",
    "prompt_extend": True,
    "watermark": False,
    "seed": 7,
    "shot_type": "multi",
    "metadata": {"case": "7"},
    "custom_id": "fox-1",
    "max_price": 9.5,
}
ORDER: Final[dict[str, Any]] = {
    "model": "wan2.5-t2v-preview",
    "input": {"prompt": "a fox", "negative_prompt": "rain", "audio_url": "https://example.com/a.mp3"},
    "parameters": {"size": "832*480", "duration": 5, "prompt_extend": True, "watermark": False, "seed": 7},
}
TASK: Final[dict[str, Any]] = {
    "request_id": "r",
    "output": {
        "task_id": "task-of-video_1",
        "task_status": "SUCCEEDED",
        "submit_time": "2026-05-29 04:26:40.000",
        "scheduled_time": "2026-05-29 04:26:41.000",
        "end_time": "2026-05-29 04:27:40.000",
        "orig_prompt": "a fox",
        "actual_prompt": "a red fox",
        "video_url": "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/a.mp4?Signature=s",
    },
    "usage": {"duration": 5, "output_video_duration": 5, "video_count": 1, "SR": 720, "size": "1280*720"},
}
LISTED: Final[dict[str, Any]] = {
    "total": 2,
    "total_page": 1,
    "page_no": 1,
    "page_size": 50,
    "data": [
        {"task_id": "t-1", "status": "RUNNING", "model_name": "wan2.6-t2v", "gmt_create": 1_780_000_000_000},
        {"task_id": "t-2", "status": "SUCCEEDED", "model_name": "wan2.6-t2v", "gmt_create": 1_780_000_001_000},
    ],
}


TWO_PAGES: Final[dict[str, Any]] = {"data": [{"task_id": "t-3"}], "total_page": 2, "total": 3}


MEDIA: Final = [
    {"type": "first_frame", "url": "https://example.com/a.png"},
    {"type": "last_frame", "url": "oss://dashscope-instant/a/b.png"},
    {"type": "driving_audio", "url": "https://example.com/a.mp3"},
]


def _form(*parts: str, options: str = "; boundary=b") -> bytes:
    return "".join([options, "\n", *(f"--b\r\n{part}\r\n" for part in parts), "--b--\r\n"]).encode()


def _field(name: str, text: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'


def _dumped(value: Any, **changed: Any) -> bytes:
    return json.dumps({**value, **changed} if isinstance(value, dict) else value, ensure_ascii=False).encode()


SEEDS: Final[dict[str, tuple[bytes, ...]]] = {
    "form": (
        _form(_field("prompt", "a fox 狐"), _field("metadata[case]", "7"), _field("seed", "7")),
        _form(_field("watermark", "true"), _field("seconds", "10")),
        _form(_field("a%22b\\\\c%0D%0A", "x")),
        _form('Content-Disposition: form-data; name="f"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\nx'),
        _form("Content-Disposition: form-data; name*=utf-8''fox\r\n\r\nx"),
        _form(_field("prompt", "x"), options='; boundary="b"; charset=utf-8'),
        _form("Content-Disposition: form-data; name=fox\r\nContent-Transfer-Encoding: base64\r\n\r\neA=="),
        b"; boundary=b\npreamble\r\n--b\r\n\r\n\r\n--b--epilogue",
        b"\nno boundary",
    ),
    "body": (
        _dumped(FOX),
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": "\\ud83e\\udd8a \\ud800", "seed": 1e400, "max_price": NaN}',
        b'{"seconds": 99999999999999999999, "size": "1x1", "colour": null}',
        b"[" * 60,
    ),
    "dashscope_order": (
        _dumped(ORDER),
        _dumped(ORDER, model="wan2.7-t2v", parameters={"resolution": "720P", "ratio": "16:9", "duration": 10}),
        _dumped(ORDER, input={}, parameters=[]),
        _dumped(ORDER, model="wan2.6-i2v", input={"prompt": None, "img_url": "QUJD"}, parameters={"audio": False}),
        _dumped(ORDER, model="wan2.7-i2v", input={"media": MEDIA}, parameters={"resolution": "720P"}),
        b"{}",
    ),
    "csv": (
        b'\x05prompt,seconds,metadata.case,custom_id\r\n"a ""fox""",5,7,f1\r\n"a\nb",5,,f2\r\n',
        b'\x04prompt,metadata\na,"{""a"":""b""}"\n',
        "\x01\ufeffprompt\na fox\n\n狐\n".encode(),
        b'\x03prompt\n"never closed\n',
        b"\x02prompt,prompt\na,b\rc\n",
        b"\x07prompt;seed\na;1\n",
    ),
    "jsonl": (
        b"\x05" + _dumped(FOX) + b"\n\n" + _dumped({"prompt": "b"}) + b"\r\n",
        b"\x01\xef\xbb\xbf{}\n7\nnull\n{\n",
        b'\x02{"prompt": "\xff"}\n',
    ),
    "json_file": (b"\x05" + _dumped([FOX, {"prompt": "b"}]), b"\x01" + _dumped(FOX), b"\x02[]", b"\x03[1, [2], null]"),
    "encoded_words": (
        b"plain text",
        b"=?UTF-8?B?5L2c5ZOB?=",
        b"=?utf-8?Q?a=20f=C3=B6x?= and =?ISO-8859-1?Q?f=F6x?=",
        b"=?UTF-8?B?5L2c?= =?UTF-8?B?5ZOB?=",
        b"=?utf-7?B?AAA?= =?x?q?a?= =?UTF-8?B?a?=",
        b"=?UTF-8*en?Q?a?= =?us-ascii?q?=ff?=",
    ),
    "wan_answer": (
        _dumped(TASK),
        _dumped(TASK, usage={"video_count": 1, "video_duration": 5.2, "video_ratio": "832*480"}),
        _dumped(TASK, output={"task_id": "t", "task_status": "FAILED", "code": "InternalError", "message": "m"}),
        b'{"code": "Throttling", "message": "m", "request_id": "r"}',
        b'{"output": {"task_id": "t", "task_status": "UNKNOWN"}}',
        b'{"output": {"task_id": "t", "task_status": "running", "video_url": ""}, "usage": {"duration": 1e308}}',
    ),
    "wan_list": (
        _dumped(LISTED),
        _dumped(LISTED, total_page=2, total=3) + b"\n" + _dumped(LISTED | TWO_PAGES),
        _dumped(LISTED, total=-1, total_page=True),
        b'{"data": [], "total": 0, "total_page": 0}',
    ),
    "image_header": (
        png_header(640, 360),
        png_header(640, 360)[:33] + png_chunk(b"tRNS", b"\0\0\0\0\0\0") + png_header(640, 360)[33:],
        jpeg_header(640, 360, b"Exif\0\0"),
        bmp_header(640, -360, length=108, bits=32, alpha_mask=0xFF000000),
        b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\x7f\x02\x00\x67\x01\x00" + bytes(8),
        b"RIFF\x1e\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\x7f\xc2\x59\x10" + bytes(13),
        b"RIFF\x1e\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\x80\x02\x68\x01" + bytes(8),
    ),
    "retry_after": (b"120", b"Fri, 31 Dec 1999 23:59:59 GMT", b"Fri, 31 Dec 9999 23:59:59 -2359", b"-1", b"1e9"),
}
"""For each target, valid inputs and the kinds of invalid input that have been seen."""


def main() -> None:
    """Write each seed to a file named after its digest, as libFuzzer does."""
    for name, seeds in SEEDS.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main()
