"""Result hosts and audio links: hostile forms are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_video.domain.hosts import MAX_URL_LENGTH, ResultHosts, public_url_problem

NARROWED = (
    "dashscope-result-*.oss-cn-*.aliyuncs.com,dashscope-result-*.oss-accelerate.aliyuncs.com,"
    "dashscope-result-*.oss-ap-southeast-1.aliyuncs.com"
)
FORMER_DEFAULT = NARROWED + (
    ",dashscope-result-*.oss-us-east-1.aliyuncs.com,dashscope-result-*.oss-eu-central-1.aliyuncs.com"
)
HOSTS = ResultHosts.parse(NARROWED)
ANY = ResultHosts.parse("")
GOOD = "dashscope-result-bj.oss-cn-beijing.aliyuncs.com"


@pytest.mark.parametrize(
    "url",
    [
        f"https://{GOOD}/1d/65/a.mp4?Expires=1&OSSAccessKeyId=b&Signature=c%3D",
        f"https://{GOOD}:443/a.mp4",
        f"HTTPS://{GOOD}/a.mp4",
        "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/a.mp4",
        "https://dashscope-result-sh.oss-accelerate.aliyuncs.com/a.mp4",
        "https://dashscope-result-wlcb-acdr-1.oss-cn-wulanchabu-acdr-1.aliyuncs.com/a.mp4",
        f"https://{GOOD}/@evil.example/a.mp4",
        f"https://{GOOD}",
    ],
)
def test_links_to_wans_own_hosts_are_allowed(url: str) -> None:
    assert HOSTS.allow(url)
    assert ANY.allow(url)


@pytest.mark.parametrize(
    "host",
    [
        "dashscope-result-wlcb.oss-cn-wulanchabu.aliyuncs.com",
        "dashscope-a717.oss-accelerate.aliyuncs.com",
        "dashscope-a717.oss-accelerate-overseas.aliyuncs.com",
        "dashscope-result-hk.oss-cn-hongkong.aliyuncs.com",
        "dashscope-result-fra.oss-eu-central-1.aliyuncs.com",
        "a-bucket-of-next-year.oss-me-east-1.aliyuncs.com",
    ],
)
@pytest.mark.parametrize("rules", ["", " , ", FORMER_DEFAULT, ",".join(reversed(FORMER_DEFAULT.split(",")))])
def test_without_rules_and_with_the_former_default_every_possible_bucket_of_wan_is_allowed(
    rules: str, host: str
) -> None:
    assert ResultHosts.parse(rules).allow(f"https://{host}/1d/65/a.mp4?Expires=1&Signature=c%3D")


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ("*.oss-cn-*.aliyuncs.com", True),
        ("dashscope-result-bj.oss-cn-beijing.aliyuncs.com", True),
        ("dashscope-result-sh.oss-cn-*.aliyuncs.com", False),
        ("http://127.0.0.1:9000", False),
    ],
)
def test_a_rule_allows_only_the_hosts_that_it_names(rules: str, allowed: bool) -> None:
    assert ResultHosts.parse(rules).allow(f"https://{GOOD}/a.mp4") is allowed


HOSTILE_RESULTS = [
    "",
    "https://",
    "https:///a.mp4",
    f"//{GOOD}/a.mp4",
    f"http://{GOOD}/a.mp4",
    f"ftp://{GOOD}/a.mp4",
    f"file://{GOOD}/etc/passwd",
    f"https:{GOOD}/a.mp4",
    f"https://{GOOD}:80/a.mp4",
    f"https://{GOOD}:8443/a.mp4",
    f"https://{GOOD}:/a.mp4",
    f"https://{GOOD}:443443/a.mp4",
    f"https://{GOOD}./a.mp4",
    f"https://user@{GOOD}/a.mp4",
    f"https://user:secret@{GOOD}/a.mp4",
    f"https://@{GOOD}/a.mp4",
    f"https://{GOOD}@evil.example/a.mp4",
    f"https://{GOOD}:443@evil.example/a.mp4",
    f"https://evil.example/{GOOD}/a.mp4",
    f"https://evil.example?{GOOD}",
    f"https://evil.example#{GOOD}",
    f"https://evil.example\\@{GOOD}/a.mp4",
    f"https://evil.example\\.{GOOD}/a.mp4",
    f"https://{GOOD}.evil.example/a.mp4",
    f"https://evil.{GOOD}/a.mp4",
    f"https://{GOOD}%2eevil.example/a.mp4",
    f"https://{GOOD}%00.evil.example/a.mp4",
    f"https://{GOOD}\t/a.mp4",
    f"https://{GOOD}\n.evil.example/a.mp4",
    f" https://{GOOD}/a.mp4",
    f"https://{GOOD}/a b.mp4",
    "https://-.oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://.oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://bucket.oss-.aliyuncs.com/a.mp4",
    "https://bucket.oss.aliyuncs.com/a.mp4",
    "https://bucket.ecs-cn-beijing.aliyuncs.com/a.mp4",
    "https://bucket.oss-cn-beijing.aliyuncs.org/a.mp4",
    "https://dashscope-result-a.b.oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://dashscope-result-bj.oss-cn-a.b.aliyuncs.com/a.mp4",
    "https://dashscope-result-bj_x.oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com.cn/a.mp4",
    "https://dashscope-result-bjxoss-cn-beijing.aliyuncs.com/a.mp4",
    "https://dashscope-result-bj.oss-cn-beijingxaliyuncs.com/a.mp4",
    "https://dashscope-result-ｂj.oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://dashscope-result-bj。oss-cn-beijing.aliyuncs.com/a.mp4",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/a.mp4",
    "https://[::1/a.mp4",
    "https://localhost/a.mp4",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", HOSTILE_RESULTS)
@pytest.mark.parametrize("hosts", [HOSTS, ANY], ids=["narrowed", "any"])
def test_a_link_to_any_other_host_is_refused(hosts: ResultHosts, url: str) -> None:
    assert not hosts.allow(url)


@pytest.mark.parametrize("bucket", ["other-bucket", "evil-dashscope-result-bj", "dashscope-result-"])
def test_a_rule_excludes_the_buckets_that_it_does_not_name(bucket: str) -> None:
    assert not HOSTS.allow(f"https://{bucket}.oss-cn-beijing.aliyuncs.com/a.mp4")


@given(st.text(max_size=60))
def test_text_before_or_after_an_allowed_host_does_not_make_another_host_allowed(text: str) -> None:
    for url in (f"https://{text}evil.example/{GOOD}", f"https://evil.example{text}"):
        assert not HOSTS.allow(url)
        assert not ANY.allow(url)


def test_without_rules_plain_http_is_refused() -> None:
    assert not ANY.allow("http://127.0.0.1:9000/a.mp4")


def test_an_http_rule_allows_exactly_its_origin() -> None:
    hosts = ResultHosts.parse("http://127.0.0.1:9000")
    assert hosts.allow("http://127.0.0.1:9000/a/b.mp4?x=1")
    for url in (
        "http://127.0.0.1/a.mp4",
        "http://127.0.0.1:9001/a.mp4",
        "http://127.0.0.2:9000/a.mp4",
        "https://127.0.0.1:9000/a.mp4",
        "http://user@127.0.0.1:9000/a.mp4",
        "http://user:secret@127.0.0.1:9000/a.mp4",
        "http://127.0.0.1:9000@evil.example:9000/a.mp4",
        "http://127.0.0.1:9000.evil.example/a.mp4",
    ):
        assert not hosts.allow(url), url


@pytest.mark.parametrize(
    "rule",
    [
        "*", "*.com", "*.aliyuncs.com", "a.*.com", "aliyuncs.com", "localhost", "https://a.b.com", "http://a.b.com",
        "http://user@127.0.0.1:9000", "http://127.0.0.1:x", "a..com", "a.b_c.com", "a.b.com/path", "a.b.com:443",
        "-a.b.com", "a.b.c.com", "results.example.com", "*.s3-*.aliyuncs.com", "a.oss-b.aliyuncs.org",
        "a.b.oss-c.aliyuncs.com",
        "http://127.0.0.1:9000/path", "http://127.0.0.1:9000?x",
    ],
)  # fmt: skip
def test_a_rule_that_is_too_wide_or_is_not_a_rule_is_refused_by_name(rule: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        ResultHosts.parse(f"{GOOD},{rule}")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/voice.mp3",
        "http://example.com:8080/voice.wav?x=1",
        "HTTPS://EXAMPLE.COM/voice.mp3",
        "https://bucket.s3.eu-central-1.amazonaws.com/a.mp3?X-Amz-Signature=abc",
        "https://8.8.8.8/voice.mp3",
        "https://[2606:4700:4700::1111]/voice.mp3",
        "https://example.com./voice.mp3",
        "https://xn--fiq228c.xn--fiqs8s/voice.mp3",
    ],
)
def test_public_audio_links_are_accepted(url: str) -> None:
    assert public_url_problem(url) is None


HOSTILE_AUDIO = [
    "",
    "voice.mp3",
    "file:///etc/passwd",
    "ftp://example.com/a.mp3",
    "oss://bucket/a.mp3",
    "data:audio/wav;base64,AAAA",
    "//example.com/a.mp3",
    "https:///a.mp3",
    "http://localhost/a.mp3",
    "http://LOCALHOST:80/a.mp3",
    "http://localhost./a.mp3",
    "http://a.localhost/a.mp3",
    "http://intranet/a.mp3",
    "http://printer.local/a.mp3",
    "http://metadata.google.internal/a.mp3",
    "http://127.0.0.1/a.mp3",
    "http://127.1/a.mp3",
    "http://127.0.0.1./a.mp3",
    "http://0.0.0.0/a.mp3",
    "http://0/a.mp3",
    "http://2130706433/a.mp3",
    "http://0x7f000001/a.mp3",
    "http://0x7f.1/a.mp3",
    "http://0177.0.0.1/a.mp3",
    "http://10.0.0.1/a.mp3",
    "http://172.16.0.1/a.mp3",
    "http://192.168.1.1/a.mp3",
    "http://100.64.0.1/a.mp3",
    "http://169.254.169.254/latest/meta-data",
    "http://224.0.0.1/a.mp3",
    "http://255.255.255.255/a.mp3",
    "http://[::1]/a.mp3",
    "http://[::]/a.mp3",
    "http://[fe80::1]/a.mp3",
    "http://[fc00::1]/a.mp3",
    "http://[ff02::1]/a.mp3",
    "http://[::ffff:127.0.0.1]/a.mp3",
    "http://[::ffff:10.0.0.1]/a.mp3",
    "http://[::127.0.0.1]/a.mp3",
    "http://[64:ff9b::7f00:1]/a.mp3",
    "http://[2002:7f00:1::]/a.mp3",
    "http://[fe80::1%25eth0]/a.mp3",
    "https://user@example.com/a.mp3",
    "https://user:secret@example.com/a.mp3",
    "https://@example.com/a.mp3",
    "https://example.com:99999/a.mp3",
    "https://example.com:x/a.mp3",
    "https://exa mple.com/a.mp3",
    "https://example.com/a b.mp3",
    "https://example.com/a\n.mp3",
    "https://example.com\\@127.0.0.1/a.mp3",
    "https://exämple.com/a.mp3",
    "https://①②⑦.0.0.1/a.mp3",
    "https://example..com/a.mp3",
    "https://-example.com/a.mp3",
    "https://[::1/a.mp3",
    "http://192.0.0.192/opc/v1/instance",
    "http://192.0.0.9/a.mp3",
    "http://192.88.99.1/a.mp3",
    "http://[2001:db8::1]/a.mp3",
    "http://[2001::1]/a.mp3",
    "http://[3fff::1]/a.mp3",
    "http://kubernetes.default.svc/a.mp3",
    "http://kubernetes.default.svc.cluster.local/a.mp3",
    "http://web.cluster/a.mp3",
    "http://web.service.consul/a.mp3",
    "http://host.docker/a.mp3",
    "http://host.docker.internal/a.mp3",
    "http://wiki.corp/a.mp3",
    "http://wiki.intranet/a.mp3",
    "http://router.localdomain/a.mp3",
    "http://router.home.arpa./a.mp3",
]


@pytest.mark.parametrize("url", HOSTILE_AUDIO)
def test_an_audio_link_into_a_private_network_is_refused(url: str) -> None:
    assert public_url_problem(url) is not None


def test_an_audio_link_has_at_most_the_allowed_length() -> None:
    start = "https://example.com/"
    assert public_url_problem(start + "a" * (MAX_URL_LENGTH - len(start))) is None
    assert public_url_problem(start + "a" * (MAX_URL_LENGTH - len(start) + 1)) is not None
    assert MAX_URL_LENGTH == 2048
