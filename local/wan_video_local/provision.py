"""Add what the engine omits from a deployment, read from the deployed template itself."""

from typing import Any

from wan_video_local.aws import Aws

GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
GATEWAY_RESPONSE_KEYS = ("statusCode", "responseParameters", "responseTemplates")


def add_gateway_responses(aws: Aws, stack_name: str) -> int:
    """Create the GatewayResponses of every REST API of the stack, which the engine omits when it imports an API.

    Returns their number. Their values must be literal; API Gateway serves them from the next deployment on.
    """
    template: Any = aws.cloudformation.get_template(StackName=stack_name, TemplateStage="Processed")["TemplateBody"]
    resources = aws.cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    added = 0
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != "AWS::ApiGateway::RestApi":
            continue
        responses = resource["Properties"].get("Body", {}).get(GATEWAY_RESPONSES, {})
        for response_type, response in responses.items():
            aws.apigateway.put_gateway_response(
                restApiId=ids[logical_id],
                responseType=response_type,
                **{key: response[key] for key in GATEWAY_RESPONSE_KEYS if key in response},
            )
            added += 1
        if responses:
            for stage in aws.apigateway.get_stages(restApiId=ids[logical_id])["item"]:
                aws.apigateway.create_deployment(restApiId=ids[logical_id], stageName=stage["stageName"])
    return added
