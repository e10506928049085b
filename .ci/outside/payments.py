#!/usr/bin/env python3
"""Bookings and payments through a whole running `frontdesk`, over the stand-ins of Cal.com and Stripe.

usage: payments.py GATEWAY_URL FRONTDESK_DIR

Meetings are booked, moved and cancelled, by the agent's calls and at the calendar itself; links are paid on the till's
own page, run out, are refunded, disputed and renewed; webhooks are lost and found again. The operator's rows tell what
became of it. At the end the stand-ins' log holds every call that our clients can make to both: calcom_schema.py and
stripe_schema.mjs judge them, called with the same address.
"""

import datetime
import pathlib
import re
import secrets
import sys
import types
import urllib.parse

import requests
from programs import Desk as Services
from programs import PATIENCE, wait

BOOKING, PAYMENT = "frontdesk.booking.v1.BookingService", "frontdesk.booking.v1.PaymentService"
RECONCILE = "frontdesk.common.v1.ReconciliationService/Reconcile"
STRIPE_VERSION = "2026-10-28.endive"
WORKFLOW, INTRO, CONSULT = "lead-concierge", "intro-call", "strategy-consult"
# The calls that booking-payments' clients make, as patterns of the path: what is not asked is judged by nobody. One is left
# out: a reservation is changed by PATCH, with the body of the POST, minutes later and only where the calendar grants fewer
# minutes than a link lives.
CALLS = {
    "calcom": {
        "GET": ["event-types", "slots", "bookings", r"bookings/\w+"],
        "POST": ["slots/reservations", "bookings", r"bookings/\w+/reschedule", r"bookings/\w+/cancel"],
        "DELETE": [r"slots/reservations/[\w-]+"],
    },
    "stripe": {
        "GET": [
            r"checkout/sessions/\w+", r"payment_intents/\w+", "invoice_payments", r"invoices/\w+", r"subscriptions/\w+",
            "disputes", r"charges/\w+", "events",
        ],
        "POST": ["checkout/sessions", r"checkout/sessions/\w+/expire"],
    },
}


def prove(words):
    print(f"payments: {words}")


def instant(text):
    return datetime.datetime.fromisoformat(text)


def matches(wanted, row):
    return all(row["cells"].get(column) == value for column, value in wanted.items())


class Desk:
    """A running system: what agents, payers, providers and its operator do there."""

    def __init__(self, url, directory):
        self.url = url
        self.services = Services(types.SimpleNamespace(url=url), directory)
        self.token = (pathlib.Path(directory) / "operator-token").read_text().strip()

    def ask(self, method, refused=None, service="booking-payments", **request):
        return self.services.call(service, method, request, refused)

    def press(self, do, **action):
        answer = requests.post(f"{self.url}/sandbox/providers", json={"do": do, **action}, timeout=PATIENCE)
        assert answer.status_code == 204, f"{do}: {answer.status_code} {answer.text}"

    def webhooks(self, way):
        for provider in ("calcom", "stripe"):
            self.press("webhooks", provider=provider, way=way)

    def rows(self, tab, **wanted):
        """The rows of a tab whose cells say this."""
        found, after = [], None
        while True:
            answer = requests.get(
                f"{self.url}/api/operator/rows/{tab}",
                params={"limit": 500, **({"after": after} if after else {})},
                headers={"authorization": f"Bearer {self.token}"},
                timeout=PATIENCE,
            )
            assert answer.status_code == 200, f"{tab}: {answer.status_code} {answer.text[:200]}"
            page = answer.json()
            found += [row for row in page["rows"] if matches(wanted, row)]
            if len(page["rows"]) == 0 or not page["next"]:
                return found
            after = page["next"]

    def row(self, tab, what, **wanted):
        """Waits for the one row whose cells say this; its cells."""
        found = wait(lambda: self.rows(tab, **wanted), f"{what} in {tab}", pause=0.1)
        assert len(found) == 1, f"{what}: {len(found)} rows in {tab}"
        return found[0]["cells"]

    def payments_of(self, checkout, **wanted):
        """The payments of a link whose cells say this."""
        return [row for row in self.rows("payments", **wanted) if checkout["checkoutId"] in str(row["cells"]["metadata"])]

    def log(self):
        answer = requests.get(f"{self.url}/sandbox/log", timeout=PATIENCE)
        assert answer.status_code == 200, f"the log: {answer.status_code}"
        return answer.json()


class Guest:
    """Somebody who talks to the agent, and what the agent asks for them."""

    def __init__(self, desk, name):
        self.desk, self.name = desk, name
        mark = secrets.token_hex(4)
        self.email = f"{name.lower()}.{mark}@example.com"
        self.caller = {"visitorId": f"vis_{secrets.token_hex(16)}", "workflow": WORKFLOW, "sessionId": f"ses_{mark}"}
        self.attendee = {"name": f"{name} Example", "email": self.email, "timeZone": "Europe/Berlin"}

    def ask(self, method, refused=None, **request):
        return self.desk.ask(method, refused, caller=self.caller, **request)

    def change(self, method, refused=None, **request):
        return self.ask(method, refused, requestId=f"req_{secrets.token_hex(8)}", **request)

    def slots(self, **of):
        slots = self.ask(f"{BOOKING}/ListSlots", pageSize=20, timeZone="Europe/Berlin", **of).get("slots", [])
        assert slots, f"no slot is free: {of}"
        return [slot["startTime"] for slot in slots]

    def book(self, start):
        answer = self.change(
            f"{BOOKING}/CreateBooking", eventTypeSlug=INTRO, startTime=start, attendee=self.attendee, notes="by phone, please"
        )
        return answer["booking"]

    def booking(self, booking):
        return self.ask(f"{BOOKING}/GetBooking", bookingId=booking["bookingId"])["booking"]

    def checkout(self, item, **more):
        answer = self.change(f"{PAYMENT}/CreateCheckout", itemId=item, attendee=self.attendee, page="/pricing", **more)
        return answer["checkout"]

    def look(self, checkout, what, **wanted):
        """Waits until a link stands so."""

        def stands():
            found = self.ask(f"{PAYMENT}/GetCheckout", checkoutId=checkout["checkoutId"])["checkout"]
            return found if all(found.get(name) == value for name, value in wanted.items()) else None

        return wait(stands, what, pause=0.1)

    def pay(self, checkout):
        """On the till's own page; the page to which it leads back, as people see it."""
        page = requests.get(checkout["url"], timeout=PATIENCE)
        assert page.status_code == 200 and checkout["item"]["name"] in page.text, page.text[:300]
        origin = "/".join(checkout["url"].split("/")[:3])
        paid = requests.post(
            checkout["url"], data={"email": self.email, "button": "pay"}, headers={"origin": origin},
            allow_redirects=False, timeout=PATIENCE,
        )
        assert paid.status_code == 303, f"{paid.status_code} {paid.text[:300]}"
        return paid.headers["location"]


def session_of(checkout):
    return checkout["url"].rsplit("/", 1)[-1].split("?")[0].split("#")[0]


def dispute_of(checkout, payment):
    """The id of what was said against a payment, as the till itself has it."""
    answer = requests.get(
        "/".join(checkout["url"].split("/")[:3]) + "/stripe/v1/disputes",
        params={"payment_intent": payment},
        headers={"authorization": "Bearer sk_test_sandbox", "stripe-version": STRIPE_VERSION},
        timeout=PATIENCE,
    )
    assert answer.status_code == 200 and len(answer.json()["data"]) == 1, answer.text[:300]
    return answer.json()["data"][0]["id"]


def offered(desk):
    guest = Guest(desk, "Olga")
    kinds = guest.ask(f"{BOOKING}/ListEventTypes")["eventTypes"]
    sold = {kind["slug"]: kind.get("sold", False) for kind in kinds}
    assert sold.get(INTRO) is False and sold.get(CONSULT) is True, sold
    items = {item["itemId"]: item for item in guest.ask(f"{PAYMENT}/ListItems")["items"]}
    assert items["strategy-consult"]["eventTypeSlug"] == CONSULT and items["growth"]["interval"] == "month", items
    guest.change(f"{BOOKING}/CreateBooking", "failed_precondition", eventTypeSlug=CONSULT, attendee=guest.attendee,
                 startTime=guest.slots(eventTypeSlug=CONSULT)[0])
    prove(f"{len(kinds)} kinds of meetings and {len(items)} items are offered; a sold meeting is not booked unpaid")


def meetings(desk):
    ann = Guest(desk, "Ann")
    intro = next(kind for kind in ann.ask(f"{BOOKING}/ListEventTypes")["eventTypes"] if kind["slug"] == INTRO)
    starts = ann.slots(eventTypeSlug=INTRO)
    kept = ann.change(f"{BOOKING}/ReserveSlot", eventTypeId=intro["eventTypeId"], startTime=starts[2])
    assert instant(kept["untilTime"]) > datetime.datetime.now(datetime.UTC)
    booking = ann.book(starts[2])
    assert booking["status"] == "BOOKING_STATUS_BOOKED" and instant(booking["startTime"]) == instant(starts[2]), booking
    stranger = Guest(desk, "Eve")
    stranger.ask(f"{BOOKING}/GetBooking", "not_found", bookingId=booking["bookingId"])
    later = ann.slots(bookingId=booking["bookingId"])
    moved = ann.change(f"{BOOKING}/RescheduleBooking", bookingId=booking["bookingId"], startTime=later[-1], reason="ill")
    moved = moved["booking"]
    assert moved["reschedules"] == 1 and moved["uid"] != booking["uid"], moved
    desk.row("bookings", "the moved meeting", cal_event_id=moved["uid"], status="rescheduled")
    canceled = ann.change(f"{BOOKING}/CancelBooking", bookingId=booking["bookingId"], reason="no need")["booking"]
    assert canceled["status"] == "BOOKING_STATUS_CANCELED", canceled
    desk.row("bookings", "the cancelled meeting", cal_event_id=moved["uid"], status="canceled")
    prove("the agent reserves, books, moves and cancels a meeting, one row tells it, and nobody else sees it")

    ben = Guest(desk, "Ben")
    booking = ben.book(ben.slots(eventTypeSlug=INTRO)[4])
    desk.row("bookings", "the booking", cal_event_id=booking["uid"], status="booked")
    desk.press("reschedule", id=booking["uid"])
    moved = wait(lambda: (now := ben.booking(booking))["uid"] != booking["uid"] and now, "the move is heard of", pause=0.1)
    desk.press("cancel", id=moved["uid"])
    desk.row("bookings", "the meeting cancelled there", cal_event_id=moved["uid"], status="canceled")
    assert ben.booking(booking)["status"] == "BOOKING_STATUS_CANCELED"
    prove("what the attendee moves and cancels at the calendar is heard of")


def paid_consult(desk):
    cleo = Guest(desk, "Cleo")
    start = cleo.slots(eventTypeSlug=CONSULT)[1]
    checkout = cleo.checkout("strategy-consult", startTime=start)
    assert checkout["meeting"] == "MEETING_OUTCOME_HELD", checkout
    back = cleo.pay(checkout)
    checkout = cleo.look(checkout, "the meeting is booked", status="CHECKOUT_STATUS_PAID", meeting="MEETING_OUTCOME_BOOKED")
    assert instant(checkout["booking"]["startTime"]) == instant(start), checkout
    assert checkout["paid"] == {"minorUnits": "15000", "currencyCode": "EUR"}, checkout["paid"]
    page = requests.get(back, timeout=PATIENCE)
    assert page.status_code == 200 and "Strategy Consult" in page.text and "booked" in page.text, page.text[:2000]
    assert cleo.email not in page.text, "the page of a payment names who paid"
    desk.row("bookings", "the paid meeting", cal_event_id=checkout["booking"]["uid"], status="booked")
    row = desk.row("payments", "the payment", id=checkout["paymentId"], status="paid")
    assert row["amount"] == {"minor": 15000, "currency": "EUR"}, row
    prove("a consult is held, paid on the till's page and booked, and the page of the link says so")

    payment = checkout["paymentId"]
    desk.press("refund", id=payment, amount=5000)
    desk.row("payments", "the refund in part", id=payment, status="partially_refunded")
    desk.press("refund", id=payment, amount=None)
    desk.row("payments", "the refund", id=payment, status="refunded")
    assert cleo.look(checkout, "the refund", refunded={"minorUnits": "15000", "currencyCode": "EUR"})
    prove("it is refunded in part, then whole")


def unpaid(desk):
    dan = Guest(desk, "Dan")
    start = dan.slots(eventTypeSlug=CONSULT)[3]
    checkout = dan.checkout("strategy-consult", startTime=start)
    ended = dan.change(f"{PAYMENT}/ExpireCheckout", checkoutId=checkout["checkoutId"])["checkout"]
    assert ended["status"] == "CHECKOUT_STATUS_CANCELED", ended
    dan.look(checkout, "the slot is let go", meeting="MEETING_OUTCOME_RELEASED")
    assert start in dan.slots(eventTypeSlug=CONSULT), "the slot is free again"
    page = requests.get(checkout["url"], timeout=PATIENCE)
    assert "expired" in page.text, "a link that was ended can be paid"
    audit = dan.checkout("automation-audit")
    desk.press("fail", id=session_of(audit))
    # Until the row is there nobody has heard of it, and the link would be open whatever became of it.
    wait(lambda: desk.payments_of(audit, status="failed"), "the payment that failed", pause=0.1)
    assert dan.look(audit, "a card that is refused leaves the link open", status="CHECKOUT_STATUS_OPEN")
    desk.press("expire", id=session_of(audit))
    dan.look(audit, "the link has run out", status="CHECKOUT_STATUS_EXPIRED")
    prove("links are called off and run out, a refused card is a failed payment; a slot that was held is free again")

    soon = instant(start) - datetime.timedelta(days=400)
    dan.change(f"{PAYMENT}/CreateCheckout", "invalid_argument", itemId="strategy-consult", attendee=dan.attendee,
               startTime=soon.isoformat())
    starts = dan.slots(eventTypeSlug=CONSULT)[5:]
    held = [dan.checkout("strategy-consult", startTime=start) for start in starts[:3]]
    dan.change(f"{PAYMENT}/CreateCheckout", "failed_precondition", itemId="strategy-consult", attendee=dan.attendee,
               startTime=starts[3])
    for checkout in held:
        dan.change(f"{PAYMENT}/ExpireCheckout", checkoutId=checkout["checkoutId"])
    prove("one visitor holds three slots without paying and no more")


def disputed(desk):
    fay = Guest(desk, "Fay")
    for won, end in ((False, "lost"), (True, "paid")):
        checkout = fay.checkout("automation-audit")
        fay.pay(checkout)
        payment = fay.look(checkout, "it is paid", status="CHECKOUT_STATUS_PAID")["paymentId"]
        desk.row("payments", "the payment", id=payment, status="paid")
        desk.press("dispute", id=payment)
        desk.row("payments", "the dispute", id=payment, status="disputed")
        desk.press("close_dispute", id=dispute_of(checkout, payment), won=won)
        desk.row("payments", f"the dispute that is {end}", id=payment, status=end)
    prove("payments are disputed: one is lost, and one is won and paid as before")


def subscription(desk):
    gus = Guest(desk, "Gus")
    checkout = gus.checkout("growth")
    gus.pay(checkout)
    gus.look(checkout, "it is paid", status="CHECKOUT_STATUS_PAID")
    contact = wait(lambda: desk.rows("contacts", email=gus.email), "who subscribed", pause=0.1)[0]["cells"]["id"]
    row = desk.row("subscriptions", "the subscription", contact_id=contact, status="active")
    assert row["mrr"] == {"minor": 149000, "currency": "EUR"}, row
    desk.row("payments", "the first payment", contact_id=contact, status="paid")
    desk.press("renew", id=row["id"], fine=True)
    wait(lambda: len(desk.rows("payments", contact_id=contact, status="paid")) == 2, "the second payment", pause=0.1)
    desk.press("end", id=row["id"])
    desk.row("subscriptions", "its end", id=row["id"], status="canceled")
    prove("a retainer is paid, renewed and ended: one subscription, two payments")


def missed(desk):
    # The tick looks as well, every five minutes, and may have been first; it is not so twice within a minute.
    for name in ("Hal", "Ivy"):
        found = lose_and_look(desk, Guest(desk, name))
        if all(found.values()):
            break
    assert all(found.values()), f"webhooks were lost, and looking found nothing: {found}"
    prove(f"webhooks are lost, and looking finds what they told: {found['calcom']} at Cal.com and {found['stripe']} at Stripe")


def lose_and_look(desk, hal):
    """Webhooks are lost, and somebody looks: so many were missed at each provider."""
    booking = hal.book(hal.slots(eventTypeSlug=INTRO)[6])
    desk.row("bookings", "the booking", cal_event_id=booking["uid"], status="booked")
    checkout = hal.checkout("launch-deposit")
    desk.webhooks("lose")
    try:
        desk.press("cancel", id=booking["uid"])
        desk.press("pay", id=session_of(checkout))
        since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        found = {"calcom": 0, "stripe": 0}
        for provider in found:
            more = True
            while more:
                answer = desk.ask(RECONCILE, provider=provider, since=since.isoformat())["providers"][0]
                assert not answer.get("problem"), answer
                found[provider] += int(answer.get("missed", 0))
                more = answer.get("more", False)
    finally:
        desk.webhooks("deliver")
    desk.row("bookings", "what was missed", cal_event_id=booking["uid"], status="canceled")
    hal.look(checkout, "what was missed", status="CHECKOUT_STATUS_PAID")
    for provider in found:
        again = desk.ask(RECONCILE, provider=provider, since=since.isoformat())["providers"][0]
        assert int(again.get("missed", 0)) == 0, f"what is right was missed again: {again}"
    return found


def named(desk):
    """At the till every link says whose it is and what for, and so does its money, by itself."""
    forms = [
        dict(urllib.parse.parse_qsl(one["body"]))
        for one in desk.log()
        if one["provider"] == "stripe" and one["method"] == "POST" and one["path"].endswith("/checkout/sessions")
    ]
    slots = 0
    for form in forms:
        of = "subscription_data" if form["mode"] == "subscription" else "payment_intent_data"
        own = {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}
        repeated = {name[len(of) + 11:-1]: value for name, value in form.items() if name.startswith(f"{of}[metadata][")}
        assert own == repeated and own["checkout"] == form["client_reference_id"], form
        assert own["visitor"].startswith("vis_") and own["session"].startswith("ses_"), own
        if "start" in own:
            slots += 1
            assert own["event_type"] == CONSULT and int(form["expires_at"]) <= instant(own["start"]).timestamp(), form
    assert slots and len(forms) > slots, f"{slots} of {len(forms)} links have a slot"
    prove(f"all {len(forms)} links name visitor and session to the till, {slots} their slot, and so does their money")


def everything_was_asked(desk):
    asked = {
        (one["provider"], one["method"], re.sub(r"^/\w+/v\d/", "", one["path"].split("?")[0])) for one in desk.log()
    }
    wanted = [(provider, method, path) for provider, of in CALLS.items() for method, paths in of.items() for path in paths]
    for provider, method, path in wanted:
        heard = any(of == provider and by == method and re.fullmatch(path, where) for of, by, where in asked)
        assert heard, f"{provider} was never asked {method} {path}"
    prove(f"all {len(wanted)} kinds of calls of our clients were made")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    desk = Desk(sys.argv[1].rstrip("/"), sys.argv[2])
    for story in (offered, meetings, paid_consult, unpaid, disputed, subscription, missed, named, everything_was_asked):
        story(desk)


main()
