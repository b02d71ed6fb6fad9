"""The REST API as API Gateway creates it: it lists every method, has one stage, and errors of the usual form."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

import pytest

from tools.template import Json, of_type
from wan_video.wire.problem import CONTENT_TYPE, problem

METHODS = {"get", "head", "post", "put", "patch", "delete", "options"}
RESPONSES = {
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "ACCESS_DENIED": HTTPStatus.FORBIDDEN,
    "MISSING_AUTHENTICATION_TOKEN": HTTPStatus.NOT_FOUND,
    "REQUEST_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "THROTTLED": HTTPStatus.TOO_MANY_REQUESTS,
    "DEFAULT_4XX": None,
    "INTEGRATION_TIMEOUT": HTTPStatus.GATEWAY_TIMEOUT,
    "DEFAULT_5XX": HTTPStatus.INTERNAL_SERVER_ERROR,
}


PUBLIC = {
    "/": {"get", "head"},
    "/console/{proxy+}": {"get", "head"},
    "/healthz": {"get", "head"},
    "/openapi.json": {"get", "head"},
    "/api/v1/{proxy+}": {"get", "head", "post"},
    "/files/{proxy+}": {"get", "head"},
}
"""Routes without the authorizer: public, or authorized by `api` with DashScope's errors, or by a signed link."""


@pytest.fixture(name="body")
def body_of(template: Json) -> Json:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()
    found: Json = api["Body"]
    return found


def test_every_method_is_listed_because_others_get_a_403(body: Json) -> None:
    assert set(body["paths"]) == {"/{proxy+}", *PUBLIC}
    assert set(body["paths"]["/{proxy+}"]) == METHODS


def test_every_route_except_the_public_ones_needs_a_token(body: Json) -> None:
    assert all(operation["security"] == [{"Bearer": []}] for operation in body["paths"]["/{proxy+}"].values())
    for path, methods in PUBLIC.items():
        operations = body["paths"][path]
        assert {method: operation["security"] for method, operation in operations.items()} == {
            method: [{"NONE": []}] for method in methods
        }


def test_the_authorizer_handles_only_bearer_tokens_and_is_cached_for_five_minutes(body: Json) -> None:
    authorizer = body["components"]["securitySchemes"]["Bearer"]

    assert (authorizer["in"], authorizer["name"]) == ("header", "Authorization")
    details = authorizer["x-amazon-apigateway-authorizer"]
    assert details["type"] == "token"
    assert details["authorizerResultTtlInSeconds"] == 300
    expression = details["identityValidationExpression"]
    assert all(re.fullmatch(expression, f"{scheme} x") for scheme in ("Bearer", "bearer", "BEARER"))
    assert not any(re.fullmatch(expression, header) for header in ("Basic x", "Bearer", "Bearer ", "xBearer x"))
    assert "Authorize" in str(details["authorizerUri"])


def test_there_is_only_one_stage_because_the_openapi_version_is_set(template: Json, body: Json) -> None:
    (stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
    (deployment,) = of_type(template, "AWS::ApiGateway::Deployment").values()

    assert stage["StageName"] == "live"
    assert "StageName" not in deployment
    assert body["openapi"] == "3.0.1"


def test_the_stage_is_throttled_and_logs_only_on_request(template: Json) -> None:
    (stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
    (settings,) = stage["MethodSettings"]

    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}
    assert "DataTraceEnabled" not in settings
    condition, _, otherwise = stage["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("HasAccessLogs", {"Ref": "AWS::NoValue"})
    assert template["Parameters"]["AccessLogs"]["Default"] == "disabled"


def test_an_access_log_line_is_json_without_tokens_or_query_strings(template: Json) -> None:
    (stage,) = of_type(template, "AWS::ApiGateway::Stage").values()
    line = json.loads(stage["AccessLogSetting"]["Fn::If"][1]["Format"])

    assert all(value.startswith("$context.") for value in line.values())
    assert not any("header" in value or "query" in value for value in line.values())


def test_only_forms_are_passed_on_as_bytes(template: Json) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()

    # A form may contain an image; anything else, in both directions, is text.
    assert api["BinaryMediaTypes"] == ["multipart~1form-data"]
    assert api["Body"]["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]


def test_answers_are_sent_compressed_unless_they_are_tiny(template: Json) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()

    assert 0 < api["MinimumCompressionSize"] <= 1400, "an answer that fits into one packet is not worth compressing"


def gateway_responses(body: Json) -> Json:
    found: Json = body["x-amazon-apigateway-gateway-responses"]
    return found


def test_api_gateways_own_answers_have_our_form(body: Json) -> None:
    assert set(gateway_responses(body)) == set(RESPONSES)


@pytest.mark.parametrize(("kind", "status"), RESPONSES.items())
def test_an_error_of_api_gateway_has_the_form_of_our_errors(body: Json, kind: str, status: HTTPStatus | None) -> None:
    response = gateway_responses(body)[kind]
    document = json.loads(response["responseTemplates"]["application/json"])
    ours: dict[str, Any] = problem(
        status or HTTPStatus.BAD_REQUEST, document["error"]["code"], document["detail"], instance="$context.requestId"
    )

    if status is None:
        del ours["status"]
        assert "statusCode" not in response
    else:
        assert int(response["statusCode"]) == status
    # Python renamed the phrase of 413 between the supported versions.
    assert document.pop("title")
    del ours["title"]
    assert document == ours
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == f"'{CONTENT_TYPE}'"
    assert headers["gatewayresponse.header.x-request-id"] == "context.requestId"


def test_an_answer_says_how_a_client_can_continue(body: Json) -> None:
    responses = gateway_responses(body)

    assert responses["UNAUTHORIZED"]["responseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Bearer'"
    assert responses["THROTTLED"]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    for kind in ("INTEGRATION_TIMEOUT", "DEFAULT_5XX"):
        assert responses[kind]["responseParameters"]["gatewayresponse.header.x-should-retry"] == "'false'"
