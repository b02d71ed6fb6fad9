"""Parameters and outputs: explained, bounded, grouped, used, and with correct defaults."""

from __future__ import annotations

import re

import pytest

from tools.template import Json
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.models import MODELS, Region, Size

EVENTS_AN_EXECUTION_MAY_WRITE = 25_000
EVENTS_OF_A_LOOP = 9
EVENTS_OF_A_RETRY = 3


def default_list(source: Json, name: str) -> list[str]:
    found: list[str] = source["Parameters"][name]["Default"].split(",")
    return found


def test_every_parameter_is_explained_and_refuses_nonsense(source: Json) -> None:
    for name, parameter in source["Parameters"].items():
        assert re.fullmatch(r".{10,}[.]", parameter["Description"], re.DOTALL), name
        assert "Default" in parameter, name
        bounds = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"} & set(parameter)
        assert bounds, name
        assert parameter.get("NoEcho") is None, f"{name}: a secret is no parameter"


def test_every_default_satisfies_its_own_rules(source: Json) -> None:
    for name, parameter in source["Parameters"].items():
        default = parameter["Default"]
        values = default.split(",") if parameter["Type"] == "CommaDelimitedList" else [default]
        for value in values:
            assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)), name
            assert value in parameter.get("AllowedValues", [value]), name


def test_every_parameter_is_in_a_group_of_the_console(source: Json) -> None:
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]

    assert sorted(grouped) == sorted(source["Parameters"])


def test_every_parameter_is_used(source: Json) -> None:
    body = str({key: source[key] for key in ("Conditions", "Globals", "Resources")})

    unused = [
        name for name in source["Parameters"] if f"'Ref': '{name}'" not in body and f"('Ref', '{name}')" not in body
    ]
    assert unused == []


def test_the_outputs_are_those_that_a_user_needs(source: Json) -> None:
    assert set(source["Outputs"]) == {
        "ApiUrl",
        "VideosBucketName",
        "PromptsBucketName",
        "InputsBucketName",
        "VideosTableName",
        "LedgerTableName",
        "TopicArn",
        "StateMachineArn",
        "WanSecretArn",
        "WebhookSecretArn",
        "NotifyDeadLettersArn",
    }
    assert all(output["Description"] for output in source["Outputs"].values())
    assert source["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"].endswith("/live")


def test_the_defaults_are_a_valid_request_of_the_registry(source: Json) -> None:
    defaults = {
        name: source["Parameters"][f"Default{name}"]["Default"] for name in ("Model", "Size", "Seconds", "Region")
    }
    model = MODELS[defaults["Model"]]

    assert model.tier_of(Size.parse(defaults["Size"])) is not None
    assert defaults["Seconds"] in model.durations
    assert Region(defaults["Region"]) in model.regions
    assert defaults["Region"] in default_list(source, "WanRegions")


def test_every_region_of_the_registry_can_be_chosen(source: Json) -> None:
    regions = sorted(Region)

    assert sorted(source["Parameters"]["DefaultRegion"]["AllowedValues"]) == regions
    pattern = source["Parameters"]["WanRegions"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, region) for region in regions)
    assert not re.fullmatch(pattern, "paris")


@pytest.mark.parametrize(
    "host",
    [
        # Model Studio, "Wan text-to-video API reference": the published list, then the hosts in its samples.
        "dashscope-result-bj.oss-cn-beijing.aliyuncs.com",
        "dashscope-result-hz.oss-cn-hangzhou.aliyuncs.com",
        "dashscope-result-sh.oss-cn-shanghai.aliyuncs.com",
        "dashscope-result-wlcb.oss-cn-wulanchabu.aliyuncs.com",
        "dashscope-result-zjk.oss-cn-zhangjiakou.aliyuncs.com",
        "dashscope-result-sz.oss-cn-shenzhen.aliyuncs.com",
        "dashscope-result-hy.oss-cn-heyuan.aliyuncs.com",
        "dashscope-result-cd.oss-cn-chengdu.aliyuncs.com",
        "dashscope-result-gz.oss-cn-guangzhou.aliyuncs.com",
        "dashscope-result-wlcb-acdr-1.oss-cn-wulanchabu-acdr-1.aliyuncs.com",
        "dashscope-result-bj.oss-accelerate.aliyuncs.com",
        "dashscope-a717.oss-accelerate.aliyuncs.com",
        "dashscope-result-sh.oss-accelerate.aliyuncs.com",
        "dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com",
    ],
)
def test_the_default_rules_allow_every_host_that_wan_documents(source: Json, host: str) -> None:
    hosts = ResultHosts.parse(source["Parameters"]["ResultHosts"]["Default"])

    assert hosts.allow(f"https://{host}/1d/65/video.mp4?Expires=1&OSSAccessKeyId=a&Signature=b")


@pytest.mark.parametrize(
    "url",
    [
        "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/video.mp4",
        "https://oss-cn-beijing.aliyuncs.com/video.mp4",
        "https://evil.ecs-cn-beijing.aliyuncs.com/video.mp4",
        "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com.evil.example/video.mp4",
        "https://dashscope-result-bj.evil.example/.oss-cn-beijing.aliyuncs.com/video.mp4",
        "https://169.254.169.254/latest/meta-data",
    ],
)
def test_the_default_rules_allow_nothing_else(source: Json, url: str) -> None:
    hosts = ResultHosts.parse(source["Parameters"]["ResultHosts"]["Default"])

    assert not hosts.allow(url)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "WanEndpoints",
            "singapore=http://127.0.0.1:9/singapore/api/v1,beijing=https://a.b/api/v1",
            "singapore=ftp://a/api/v1",
        ),
        ("WanEndpoints", "tokyo=https://{workspace}.example.com/api/v1", "tokyo=https://example.com"),
        ("WanWorkspaceId", "", "ws 1"),
        ("WanWorkspaceId", "llm-1a2b", "mars=ws-1"),
        ("WanWorkspaceId", "singapore=ws-1,hongkong=ws-2", "singapore=ws-1,ws-2"),
        ("WanPrices", "", "singapore/wan3.0-video=0.7"),
        ("WanPrices", "singapore/wan3.0-video/720P=0.7", "singapore/wan3.0-video/720P=-0.7"),
        ("WanPrices", "tokyo/wan3.0-video/1080P=1,beijing/wan2.6-t2v/720P=0.5", "mars/wan3.0-video/720P=0.7"),
        # A region that does not exist would end every call of the functions that read these.
        ("WanEndpoints", "", "mars=https://a.b/api/v1"),
        ("WanQuotas", "singapore/wan2.6-t2v=5,beijing/wan3.0-video=20", "mars/wan2.6-t2v=5"),
        ("WanQuotas", "", "singapore/wan2.6-t2v=-1"),
        ("ResultHosts", "http://127.0.0.1:8080", "http://127.0.0.1"),
        ("ResultHosts", "", "results.example.com"),
        ("ResultHosts", "dashscope-*.oss-cn-*.aliyuncs.com", "*.aliyuncs.com"),
        ("Clock", "20@1770000000.5", "20"),
        ("KmsKeyArn", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab", "alias/mine"),
        ("AlarmTopicArn", "arn:aws-cn:sns:cn-north-1:111122223333:alarms", "alarms"),
        ("DefaultSize", "832x480", "1280*720"),
    ],
)
def test_a_pattern_accepts_valid_values_and_refuses_others(source: Json, name: str, good: str, bad: str) -> None:
    pattern = source["Parameters"][name]["AllowedPattern"]

    assert re.fullmatch(pattern, good)
    assert not re.fullmatch(pattern, bad)


def test_the_longest_execution_stays_below_the_history_limit_of_step_functions(source: Json, definition: Json) -> None:
    loops = source["Parameters"]["PollsPerExecution"]["MaxValue"]
    retries = sum(
        retrier["MaxAttempts"]
        for name in ("Deliver", "Report failure", "Go on in a successor")
        for retrier in definition["States"][name]["Retry"]
    )

    assert loops * EVENTS_OF_A_LOOP + retries * EVENTS_OF_A_RETRY < EVENTS_AN_EXECUTION_MAY_WRITE
