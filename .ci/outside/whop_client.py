"""The sandbox's Whop, used by Whop's own client, and its webhooks and user tokens, checked by it.

usage: whop_client.py ALONE     ALONE is the built example of the sandbox

Every object is also held against the client's models field by field: none that a model has is missing, and none that a
model has not is there. Prints a line per thing proved; ends non-zero on the first that is not as it should be.
"""

import contextlib
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import typing

import requests
from programs import wait
from receiver import Receiver
from whop_sdk import Whop
from whop_sdk.environment import WhopEnvironment
from whop_sdk.lib import verify_user_token as tokens
from whop_sdk.lib.verify_webhook import WebhookVerificationError, unwrap

KEY = "apik_sandbox_A0000000000000000000000000000000000000000000000000000"
ACCOUNT, APP = "biz_frontdesk0001", "app_frontdesk0001"
SECRET = "ws_outside0123456789"
PATIENCE = 20
# The models of what webhooks carry: dated and legacy.
MODELS = {
    "membership": ("membership.Membership", "membership_legacy.MembershipLegacy"),
    "payment": ("payment.Payment", "payment_legacy.PaymentLegacy"),
    "refund": ("refund.Refund", "refund_legacy.RefundLegacy"),
    "dispute": ("dispute.Dispute", "dispute_legacy.DisputeLegacy"),
}


def say(text):
    print("whop sdk:", text)


@contextlib.contextmanager
def alone(path, *words):
    """The sandbox by itself while the block runs; its address."""
    with tempfile.TemporaryDirectory() as scratch:
        out = open(f"{scratch}/out", "w+")
        process = subprocess.Popen([pathlib.Path(path).resolve(), *words], cwd=scratch, stdout=out, stderr=subprocess.STDOUT)
        try:
            read = lambda: re.search(r"http://127\.0\.0\.1:\d+", open(out.name).read())
            yield wait(read, "the sandbox says where it is", PATIENCE)[0]
        finally:
            process.terminate()
            process.wait(PATIENCE)


def model(name):
    module, name = name.split(".")
    return getattr(importlib.import_module(f"whop_sdk.types.{module}"), name)


def inner(annotation):
    """The model in an annotation, and whether it is of the entries of a list."""
    origin, within = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return inner(within[0])[0], True
    for one in (annotation, *within):
        if isinstance(one, type) and hasattr(one, "model_fields"):
            return one, False
        if typing.get_origin(one) is list:
            return inner(one)
    return None, False


def hold(kind, value, path, whole=True):
    """Holds an object against a model: its values, and its fields, one by one."""
    if whole:
        kind.model_validate(value)
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    assert set(value) == set(fields), f"{path}: {sorted(set(value) ^ set(fields))}"
    for name, field in fields.items():
        within, is_list = inner(field.annotation)
        for one in value[name] if is_list and value[name] else [value[name]]:
            if within and isinstance(one, dict):
                hold(within, one, f"{path}.{name}", whole=False)


def refused(call, *arguments, status=None, **options):
    """Holds that a call fails, with this status if it is one of the client's."""
    try:
        answer = call(*arguments, **options)
    except Exception as error:  # noqa: BLE001, whatever its own checks raise
        assert status is None or getattr(error, "status_code", None) == status, repr(error)
        return error
    raise AssertionError(f"{call}: was not refused: {answer}")


def main(path):
    hook = Receiver({})
    with alone(path, "0", "http://127.0.0.1:9/", "whsec_unused", f"{hook.url}/whop", SECRET) as base:
        session = requests.Session()

        def press(act, expected=204, **fields):
            action = {"do": "member", "act": act, **fields}
            answer = session.post(f"{base}/sandbox/providers", json=action, timeout=PATIENCE)
            assert answer.status_code == expected, f"{action}: {answer.status_code} {answer.text}"

        client = Whop(environment=WhopEnvironment(api=f"{base}/whop/api/v1", vault=base), token=KEY)
        raw = lambda path: client._client_wrapper.httpx_client.request(
            path, base_url=f"{base}/whop/api/v1", method="GET"
        ).json()
        reads(client, press, raw)
        writes(client, press, base)
        webhooks(client, press, hook)
        user_tokens(base, session)
    hook.shutdown()


def reads(client, press, raw):
    for user, plan in [
        ("user_mara", "plan_growthtrial"), ("user_mara", "plan_playbooklife"), ("user_jonas", "plan_growthmonthly"),
        ("user_jonas", "plan_free"), ("user_lena", "plan_scalemonthly"),
    ]:
        press("join", user=user, plan=plan)
    everything = [one.id for one in client.memberships.list(first=2)]
    assert len(everything) == len(set(everything)) == 5, everything
    assert [one.id for one in client.memberships.list(first=2, direction="asc")] == everything[::-1]
    found = list(client.memberships.list(statuses=["trialing", "one_time"], product_ids=["prod_growthretainer", "prod_playbooklife"]))
    assert sorted(one.plan_id for one in found) == ["plan_free", "plan_growthtrial", "plan_playbooklife"]
    trial = next(one for one in found if one.status == "trialing")
    assert client.memberships.retrieve(trial.license_key) == client.memberships.retrieve(trial.id) == trial
    assert (trial.initial_price.amount, trial.renewal_price.amount, trial.billing_period_days) == ("0.00", "1490.00", 30)
    say(f"{len(everything)} memberships are listed by pages of two, filtered, and found by licence key")

    [member] = client.members.list(query="lena@example.com")
    assert member.user.id == "user_lena" and client.users.retrieve("user_lena").email is None
    assert client.users.check_access("user_lena", "prod_scaleretainer").has_access
    assert not client.users.check_access("user_lena", "prod_growthretainer").has_access
    assert [one.billing_period for one in client.variants.list(product_ids=["prod_growthretainer"])] == [365, 30, 30]
    assert len(list(client.plans.list(first=1))) == 6 and len(list(client.products.list())) == 3
    [paid] = client.payments.list(user_id="user_lena")
    assert (paid.total.amount, paid.total.currency, paid.customer_email) == ("3490.00", "eur", "lena@example.com")
    say("members, users, access, products, plans, variants and payments are read")

    press("refund", id=paid.id, amount=100)
    [refund] = client.refunds.list(payment_id=paid.id)
    assert refund.amount.amount == "1.00" and client.payments.retrieve(paid.id).substatus == "partially_refunded"
    shapes = {
        f"memberships/{trial.id}": "membership.Membership", f"payments/{paid.id}": "payment.Payment",
        f"refunds/{refund.id}": "refund.Refund", f"members/{member.id}": "member.Member", "users/user_lena": "user.User",
        "plans/plan_growthtrial": "plan.Plan", "variants/plan_free": "variant.Variant",
        "products/prod_playbooklife": "product.Product", "webhooks/hook_frontdesk0001": "webhook.Webhook",
    }
    for path, name in shapes.items():
        hold(model(name), {"webhook_secret": None, **raw(path)} if "Webhook" in name else raw(path), path)
    say(f"{len(shapes)} kinds of objects have every field of its models and no other")

    refused(client.memberships.retrieve, "mem_none", status=404)
    refused(client.memberships.list, first=1000, status=400)
    wrong = Whop(environment=client._client_wrapper.get_environment(), token="apik_other")
    refused(wrong.memberships.list, status=401)
    old = Whop(environment=client._client_wrapper.get_environment(), token=KEY, api_version_date="2026-07-20")
    refused(old.memberships.list, status=400)
    say("refusals are the errors of its own kinds")


def writes(client, press, base):
    [mine] = client.memberships.list(user_id="user_jonas", plan_id="plan_growthmonthly")
    leaving = client.memberships.cancel(mine.id, cancel_at_period_end=True, reason="Too expensive")
    assert leaving.cancel_at_period_end and leaving.status == "active" and leaving.cancellation_reason == "Too expensive"
    assert [one.id for one in client.memberships.list(status="canceling")] == [mine.id]
    assert client.memberships.update(mine.id, metadata={"a": 1}).metadata == {"a": 1}
    assert not client.memberships.update(mine.id, cancel_at_period_end=False).cancel_at_period_end
    assert client.memberships.cancel(mine.id).status == "canceled"
    say("a membership is set to cancel at the end of its period, kept, changed, and revoked by what is left out")

    keyed = {"request_options": {"additional_headers": {"Idempotency-Key": "one"}}}
    link = client.checkout_configurations.create(plan_id="plan_scalemonthly", metadata={"contact": "con_1"}, **keyed)
    assert client.checkout_configurations.create(plan_id="plan_scalemonthly", metadata={"contact": "con_1"}, **keyed).id == link.id
    refused(client.checkout_configurations.create, plan_id="plan_free", **keyed, status=422)
    bought = requests.post(link.purchase_url, data={"user": "user_mara", "button": "buy"}, timeout=PATIENCE)
    assert bought.status_code == 200 and bought.url.startswith(base), bought.text
    [scale] = client.memberships.list(user_id="user_mara", plan_id="plan_scalemonthly")
    assert scale.metadata == {"contact": "con_1"}
    channel = client.support_channels.create(account_id=ACCOUNT, user_id="user_mara")
    assert client.support_channels.create(account_id=ACCOUNT, user_id="user_mara").id == channel.id
    message = client.messages.create(channel_id=channel.id, content="Please help")
    assert [one.id for one in client.messages.list(channel_id=channel.id)] == [message.id]
    say("a link is made once per key and bought, a channel opened once and written to")


def webhooks(client, press, hook):
    for generation in ("legacy", "dated"):
        press("speak", generation=generation)
        press("join", user="user_lena", plan="plan_playbooklife")
        payment = next(iter(client.payments.list(user_id="user_lena", first=1)))
        press("refund", id=payment.id, amount=100)
        press("dispute", id=payment.id)
    # The order is kept, so what was told last comes last.
    last = lambda: sum(b'"type":"dispute.created"' in got.body for got in list(hook.got)) == 2
    wait(last, "every webhook is delivered", PATIENCE)
    kinds = set()
    for got in hook.got:
        event = unwrap(got.body, headers=got.headers, key=SECRET)
        assert event["id"] == got.id
        is_dated = event["api_version_date"] is not None
        assert is_dated == ("account_id" in event) == ("company_id" not in event)
        name = MODELS[event["type"].split(".")[0]][0 if is_dated else 1]
        kinds.add((event["type"], is_dated))
        hold(model(name), event["data"], event["type"])
    assert len(kinds) >= 14, kinds
    got = hook.got[0]
    flipped = [
        (got.body[:-2] + bytes([got.body[-2] ^ 1]) + got.body[-1:], got.headers, SECRET),
        (got.body, got.headers, SECRET + "x"),
        (got.body, got.headers, SECRET.removeprefix("ws_")),
        (got.body, {**got.headers, "webhook-id": "msg_other"}, SECRET),
        (got.body, {**got.headers, "webhook-timestamp": str(int(time.time()) - 301)}, SECRET),
    ]
    for body, headers, key in flipped:
        error = refused(unwrap, body, headers=headers, key=key)
        assert isinstance(error, WebhookVerificationError), repr(error)
    say(f"its check accepts all {len(hook.got)} webhooks, of {len(kinds)} kinds in two shapes, and refuses {len(flipped)} forged ones")

    attempt = next(iter(client.webhooks.list_deliveries("hook_frontdesk0001", first=1)))
    hold(model("webhook_delivery.WebhookDelivery"), json.loads(attempt.model_dump_json()), "delivery")
    count = len(hook.got)
    replayed = client.webhooks.replay_delivery("hook_frontdesk0001", attempt.id)
    assert replayed.success and replayed.status == 204 and hook.got[count].id == attempt.request_body["id"]
    client.webhooks.replay_delivery("hook_frontdesk0001", attempt.id, regenerate_id=True)
    anew = unwrap(hook.got[count + 1].body, headers=hook.got[count + 1].headers, key=SECRET)
    assert anew["id"] != attempt.request_body["id"] and anew["data"] == attempt.request_body["data"]
    say("a delivery is sent again under its id, and under a new one")


def user_tokens(base, session):
    keys = f"{base}/whop/.well-known/jwks.json"

    def mint(user="user_mara", **parts):
        answer = session.post(f"{base}/sandbox/whop/token", json={"user": user, **parts}, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    check = lambda token: tokens.verify_user_token({"X-Whop-User-Token": token}, app_id=APP, jwks_url=keys)
    for token in (mint(), mint(header={"kid": None})):
        found = check(token)
        assert (found.user_id, found.app_id) == ("user_mara", APP)
    published = session.get(keys, timeout=PATIENCE).json()["keys"][0]
    now = int(time.time())
    good = mint().split(".")
    forged = {
        "another app": mint(claims={"aud": "app_other"}),
        "a list of apps": mint(claims={"aud": [APP]}),
        "no app": mint(claims={"aud": None}),
        "another issuer": mint(claims={"iss": "urn:whopcom"}),
        "no issuer": mint(claims={"iss": None}),
        "expired": mint(claims={"exp": now - 3600}),
        "from tomorrow": mint(claims={"nbf": now + 86400}),
        "no user": mint(claims={"sub": None}),
        "a stranger's key": mint(signer="stranger"),
        "a stranger's key without its name": mint(signer="stranger", header={"kid": None}),
        "a key that is not there": mint(header={"kid": "key_none"}),
        "no algorithm": mint(signer="nobody", header={"alg": "none"}),
        "the public key as a secret": mint(secret=json.dumps(published), header={"alg": "HS256"}),
        "other claims": ".".join([good[0], mint("user_lena").split(".")[1], good[2]]),
        "no signature": ".".join([*good[:2], ""]),
        "nothing": "",
    }
    for name, token in forged.items():
        error = refused(check, token)
        assert isinstance(error, ValueError), f"{name}: {error!r}"
    say(f"its check accepts the sandbox's user tokens, with and without kid, and refuses {len(forged)} forged ones")

    session.post(f"{base}/sandbox/whop/keys", json={"do": "rotate"}, timeout=PATIENCE).raise_for_status()
    tokens._reset_jwks_cache()
    assert check(mint()).user_id == check(mint(signer="oldest")).user_id == "user_mara"
    session.post(f"{base}/sandbox/whop/keys", json={"do": "retire"}, timeout=PATIENCE).raise_for_status()
    tokens._reset_jwks_cache()
    assert check(mint()).user_id == "user_mara"
    assert refused(check, ".".join(good)), "the old key is gone"
    say("keys are turned: both hold beside each other, and the old one goes")


if __name__ == "__main__":
    main(sys.argv[1])
