"""The panel of webhooks: the endpoints of the owner, their deliveries, and a test event."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import expect

from tests.fakes.api import own_webhooks
from tests.integration.console.conftest import Tab
from tests.integration.console.test_focus import violations
from tools.harness.samples import ALICE, BOB
from wan_video.domain.delivery import DeliveryStatus, Outcome


def test_the_panel_lists_only_own_endpoints_with_their_deliveries_and_sends_a_test(tab: Tab) -> None:
    page, service = tab.page, own_webhooks(tab.api.webhooks)
    shown, secret = service.create(ALICE, "https://hooks.example.com/wan", ["video.completed"], "the studio")
    service.create(BOB, "https://bob.example.com/private")
    delivery = service.test(ALICE, shown.endpoint.id)
    outcome = Outcome(status_code=503)
    lost = replace(
        delivery, status=DeliveryStatus.FAILED, attempts=12, last_outcome=outcome, last_attempt_at=1_764_500_000
    )
    tab.api.webhooks.deliveries.save(delivery, replace(lost, error="attempts_exhausted"))
    tab.sign_in()
    page.get_by_role("button", name="Webhooks").click()
    panel = page.get_by_role("dialog", name="Webhooks")
    expect(panel).to_contain_text("https://hooks.example.com/wan")
    expect(panel).to_contain_text("the studio  ·  video.completed")
    expect(panel.locator(".endpoints > li")).to_have_count(1)
    panel.get_by_role("button", name="Deliveries").click()
    row = panel.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("webhook.testFailed: all attempts failed12503")
    assert violations(tab) == []
    panel.get_by_role("button", name="Send a test").click()
    expect(row).to_have_count(2)
    expect(panel.get_by_text("A test event is on its way.")).to_be_visible()
    assert secret not in page.content()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("button", name="Webhooks")).to_be_focused()


def test_an_owner_without_endpoints_learns_how_to_create_one(tab: Tab) -> None:
    tab.sign_in()
    tab.page.get_by_role("button", name="Webhooks").click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("POST /v1/webhook_endpoints creates one")
