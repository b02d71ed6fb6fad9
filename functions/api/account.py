"""The other routes: models, usage, health and the OpenAPI document."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.app import App
from functions.api.callers import base_url_of, caller_of
from functions.api.openapi import answers, openapi_document
from wan_video.domain.budget import DayUsage
from wan_video.domain.catalogue import Offered
from wan_video.domain.image import ImageFormat
from wan_video.domain.models import CURRENCY, Model, Region, Tier, pool_name
from wan_video.domain.price import UnitPrice
from wan_video.domain.quota import InForce
from wan_video.services.api.account import Account
from wan_video.wire.answers import to_json
from wan_video.wire.documents.account import (
    AccountDocument,
    DayDocument,
    DefaultsDocument,
    HealthDocument,
    ImagesDocument,
    LimitDocument,
    ModelDocument,
    ModelListDocument,
    SpendingDocument,
    UnreachableModel,
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
        defaults, catalogue = account.defaults, account.catalogue()
        offered, now = list(catalogue.offered.values()), account.clock.now()
        limits = account.limits(offered)
        filled_in = DefaultsDocument(
            model=defaults.model, size=str(defaults.size), seconds=defaults.seconds, region=defaults.region
        )
        listed = ModelListDocument(
            data=[_shown(one, limits, now) for one in offered],
            unreachable=[UnreachableModel(id=name, reason=reason) for name, reason in catalogue.unreachable.items()],
            defaults=filled_in,
        )
        return Response(HTTPStatus.OK, "application/json", listed)

    @app.get(
        "/v1/models/<model>",
        operation_id="getModel",
        summary="Show a model",
        description="Returns one of the models that the stack's regions offer.",
        responses=answers({200: ModelDocument}, 404),
    )
    def show_model(model: str) -> Response[ModelDocument]:
        one = account.offered(model)
        shown = _shown(one, account.limits([one]), account.clock.now())
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


def _shown(offered: Offered, limits: Mapping[str, InForce], now: float) -> ModelDocument:
    model = offered.model
    in_force = {region: limits[pool_name(region, model.name)] for region in offered.prices}
    return ModelDocument(
        id=model.name,
        sizes={tier: {ratio: str(size) for ratio, size in sizes.items()} for tier, sizes in model.sizes.items()},
        aspect_ratios={tier: list(model.ratios_at(tier)) for tier in model.sizes},
        default_size=str(model.default_size) if model.default_size else None,
        seconds=list(model.durations),
        auto_seconds=model.auto_seconds,
        usual_seconds=model.usual_seconds,
        prompt_limit=model.prompt_limit,
        negative_prompt=model.negative_prompt,
        fps=model.fps,
        audio=model.audio,
        audio_switch=model.audio_switch,
        audio_url=model.takes_audio_url,
        shot_types=list(model.shot_types),
        images=_images(model),
        regions=_amounts(offered.prices),
        silent_regions=_amounts(offered.silent_prices),
        limits={
            region: LimitDocument.model_validate(
                {"concurrency": one.limit.concurrency, "source": str(one.limit.source), "read_at": one.read_at}
            )
            for region, one in in_force.items()
        },
        retires_at={region: one.retires_at for region, one in in_force.items() if one.retires_at is not None},
        unconfirmed={region: list(map(str, tiers)) for region, tiers in offered.unconfirmed.items()},
        currency=CURRENCY,
        priced_on=offered.priced_on,
        price_warning=offered.price_warning(now),
    )


def _amounts(prices: Mapping[Region, Mapping[Tier, UnitPrice]]) -> dict[str, dict[str, str]]:
    return {region: {tier: str(price.amount) for tier, price in by_tier.items()} for region, by_tier in prices.items()}


def _images(model: Model) -> ImagesDocument | None:
    limits = model.images
    if limits is None:
        return None
    return ImagesDocument(
        required=model.image_required,
        last_frame=model.last_frame,
        sets_aspect_ratio=model.image_sets_ratio,
        least_side=limits.least_side,
        most_side=limits.most_side,
        most_bytes=limits.most_bytes,
        most_ratio=limits.ratio,
        formats=list(map(str, ImageFormat)),
    )


def _spending(days: Sequence[DayUsage]) -> SpendingDocument:
    return SpendingDocument(
        reserved_seconds=sum(day.reserved for day in days),
        spent_seconds=sum(day.spent for day in days),
        estimated_seconds=sum(day.spent - day.beyond_estimate for day in days),
        spent_price=str(sum(day.price for day in days)),
        unpriced_seconds=sum(day.unpriced for day in days),
        currency=CURRENCY,
    )
