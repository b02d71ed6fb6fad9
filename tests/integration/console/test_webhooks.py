"""The panel of webhooks: the endpoints of the owner, their deliveries, and a test event."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import Route, expect

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
    expect(row).to_contain_text("webhook.testFailed: all attempts failedDeliver again12503")
    assert violations(tab) == []
    panel.get_by_role("button", name="Send a test").click()
    expect(row).to_have_count(2)
    expect(panel.get_by_text("A test event is on its way.")).to_be_visible()
    assert secret not in page.content()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_role("button", name="Webhooks")).to_be_focused()


def test_a_secret_is_replaced_shown_once_and_copied(tab: Tab) -> None:
    page, service = tab.page, own_webhooks(tab.api.webhooks)
    _, before = service.create(ALICE, "https://hooks.example.com/wan")
    tab.sign_in()
    page.get_by_role("button", name="Webhooks").click()
    panel = page.get_by_role("dialog", name="Webhooks")
    panel.get_by_role("button", name="Replace the secret").click()
    asked = page.get_by_role("dialog", name="Replace the secret of https://hooks.example.com/wan?")
    expect(asked).to_contain_text("For 24 hours")
    asked.get_by_role("button", name="Keep it").click()
    expect(panel.get_by_role("button", name="Replace the secret")).to_be_focused()
    assert not [path for _, path, _ in tab.api.requests if path.endswith("/rotate")]
    panel.get_by_role("button", name="Replace the secret").click()
    asked.get_by_role("button", name="Replace it").click()
    copy = panel.get_by_role("button", name="Copy the secret")
    expect(copy).to_be_focused()
    expect(panel.get_by_role("status")).to_contain_text("The secret is replaced. Copy the new one now")
    secret = panel.locator(".secret code").text_content() or ""
    assert secret.startswith("whsec_")
    assert secret != before
    assert violations(tab) == []
    page.keyboard.press("Escape")
    lost = page.get_by_role("dialog", name="Close without the new secret?")
    lost.get_by_role("button", name="Keep it open").click()
    expect(copy).to_be_focused()
    copy.click()
    expect(panel.get_by_role("button", name="Copied")).to_be_focused()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Webhooks").click()
    expect(panel).to_contain_text("https://hooks.example.com/wan")
    assert secret not in page.content()


def test_a_new_secret_that_was_not_copied_is_not_lost_by_another_one_or_by_closing_the_panel(tab: Tab) -> None:
    page, service = tab.page, own_webhooks(tab.api.webhooks)
    service.create(ALICE, "https://one.example.com/wan")
    tab.api.clock.advance(1)
    service.create(ALICE, "https://two.example.com/wan")
    tab.sign_in()
    page.get_by_role("button", name="Webhooks").click()
    panel = page.get_by_role("dialog", name="Webhooks")
    rotations: list[Route] = []
    page.route("**/rotate", lambda route: rotations.append(route))
    panel.get_by_role("button", name="Replace the secret").first.click()
    with page.expect_request("**/rotate"):
        page.get_by_role("button", name="Replace it").click()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    rotations[0].continue_()
    expect(panel.get_by_role("button", name="Copy the secret")).to_be_focused()
    secret = panel.locator(".secret code").text_content()
    panel.get_by_role("button", name="Replace the secret").nth(1).click()
    page.get_by_role("dialog", name="Continue without the other new secret?").get_by_role(
        "button", name="Go back"
    ).click()
    assert panel.locator(".secret code").text_content() == secret
    assert len(rotations) == 1


def test_deliveries_are_sent_again_one_by_one_or_all_that_failed(tab: Tab) -> None:
    page, world = tab.page, tab.api.webhooks
    service = own_webhooks(world)
    shown, _ = service.create(ALICE, "https://hooks.example.com/wan")
    for _ in range(3):
        delivery = service.test(ALICE, shown.endpoint.id)
        world.deliveries.save(
            delivery, replace(delivery, status=DeliveryStatus.FAILED, attempts=12, error="attempts_exhausted")
        )
    tab.sign_in()
    page.get_by_role("button", name="Webhooks").click()
    panel = page.get_by_role("dialog", name="Webhooks")
    panel.get_by_role("button", name="Deliveries").click()
    again = panel.get_by_role("button", name="Deliver again")
    expect(again).to_have_count(3)
    again.first.click()
    expect(panel.get_by_text("1 event will be delivered again.")).to_be_visible()
    expect(panel.locator("tr[data-status=pending]")).to_have_count(1)
    expect(again).to_have_count(2)
    assert page.evaluate("document.querySelector('#webhooks').contains(document.activeElement)")
    panel.get_by_role("button", name="Deliver the failures again").click()
    page.get_by_role("button", name="Deliver them").click()
    expect(panel.get_by_text("2 events will be delivered again.")).to_be_visible()
    expect(panel.locator("tr[data-status=pending]")).to_have_count(3)
    expect(panel.get_by_role("button", name="Deliver the failures again")).to_have_count(0)
    assert page.evaluate("document.querySelector('#webhooks').contains(document.activeElement)")
    assert violations(tab) == []


def test_an_owner_without_endpoints_learns_how_to_create_one(tab: Tab) -> None:
    tab.sign_in()
    tab.page.get_by_role("button", name="Webhooks").click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("POST /v1/webhook_endpoints creates one")
