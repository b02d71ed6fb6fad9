"""The other routes: models, usage, health and the OpenAPI document."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.app import App
from functions.api.callers import base_url_of, caller_of
from functions.api.openapi import answers, openapi_document
from wan_video.domain.budget import DayUsage
from wan_video.domain.models import CURRENCY, PRICED_ON, Model, Region, pool_name
from wan_video.domain.quota import InForce
from wan_video.services.api.account import Account
from wan_video.wire.answers import to_json
from wan_video.wire.documents import (
    AccountDocument,
    DayDocument,
    DefaultsDocument,
    HealthDocument,
    LimitDocument,
    ModelDocument,
    ModelListDocument,
    SpendingDocument,
)


def add_routes(app: App, account: Account) -> None:
    """Add these routes to the resolver."""

    @app.get(
        "/v1/models",
        operation_id="listModels",
        summary="List the models",
        description="Returns the models that the stack's regions offer, with their sizes, lengths, prices and limits.",
        responses=answers({200: ModelListDocument}),
    )
    def models() -> Response[ModelListDocument]:
        defaults = account.defaults
        offered = account.models()
        limits = account.limits(offered)
        data = [_shown(model, defaults.regions, limits) for model in offered]
        filled_in = DefaultsDocument(
            model=defaults.model, size=str(defaults.size), seconds=defaults.seconds, region=defaults.region
        )
        return Response(HTTPStatus.OK, "application/json", ModelListDocument(data=data, defaults=filled_in))

    @app.get(
        "/v1/models/<model>",
        operation_id="getModel",
        summary="Show a model",
        description="Returns one of the models that the stack's regions offer.",
        responses=answers({200: ModelDocument}, 404),
    )
    def show_model(model: str) -> Response[ModelDocument]:
        one = account.model(model)
        shown = _shown(one, account.defaults.regions, account.limits([one]))
        return Response(HTTPStatus.OK, "application/json", shown)

    @app.get(
        "/v1/usage",
        operation_id="getUsage",
        summary="Show the usage",
        description="Returns the owner's seconds and cost of today, of this month, and of each day of one month. "
        "Days are UTC.",
        responses=answers({200: AccountDocument}, 403),
    )
    def usage(
        month: Annotated[
            str | None,
            Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="The month to list in `days`, as YYYY-MM."),
        ] = None,
    ) -> Response[AccountDocument]:
        caller = caller_of(app)
        today, this_month = account.usage(caller)
        days = this_month if month in (None, today[:7]) else account.usage(caller, month)[1]
        shown = AccountDocument(
            owner=caller.owner,
            day=today,
            today=_spending([day for day in this_month if day.day == today]),
            this_month=_spending(this_month),
            month=month or today[:7],
            days=[DayDocument(day=day.day, **_spending([day]).model_dump()) for day in days],
            daily_seconds=caller.daily_seconds,
        )
        return Response(HTTPStatus.OK, "application/json", shown)

    @app.get(
        "/healthz",
        operation_id="getHealth",
        summary="Check that the API is running",
        security=[{}],
        responses=answers({200: HealthDocument}, public=True),
    )
    def health() -> Response[HealthDocument]:
        return Response(HTTPStatus.OK, "application/json", HealthDocument())

    @app.get("/openapi.json", include_in_schema=False)
    def description() -> Response[Any]:
        return Response(HTTPStatus.OK, "application/json", to_json(openapi_document(app, base_url_of(app))))


def _shown(model: Model, regions: Collection[Region], limits: Mapping[str, InForce]) -> ModelDocument:
    in_force = {region: limits[pool_name(region, model.name)] for region in model.regions if region in regions}
    return ModelDocument(
        id=model.name,
        sizes={tier: {ratio: str(size) for ratio, size in sizes.items()} for tier, sizes in model.sizes.items()},
        default_size=str(model.default_size),
        seconds=list(model.durations),
        prompt_limit=model.prompt_limit,
        fps=model.fps,
        audio=model.audio,
        shot_types=list(model.shot_types),
        regions={
            region: {tier: str(price) for tier, price in offer.prices.items()}
            for region, offer in model.regions.items()
            if region in regions
        },
        limits={
            region: LimitDocument.model_validate(
                {"concurrency": one.limit.concurrency, "source": str(one.limit.source), "read_at": one.read_at}
            )
            for region, one in in_force.items()
        },
        retires_at={region: one.retires_at for region, one in in_force.items() if one.retires_at is not None},
        currency=CURRENCY,
        priced_on=PRICED_ON,
    )


def _spending(days: Sequence[DayUsage]) -> SpendingDocument:
    return SpendingDocument(
        reserved_seconds=sum(day.reserved for day in days),
        spent_seconds=sum(day.spent for day in days),
        spent_price=str(sum(day.price for day in days)),
        currency=CURRENCY,
    )
