// The sandbox's Stripe, used by Stripe's own client, and its webhooks, checked by it.
//
// usage: node stripe_sdk.mjs ALONE NODE_MODULES CONTRACTS_DIR      ALONE is the built example of the sandbox
//
// Prints a line per thing proved; ends non-zero on the first that is not as it should be, and stops what it started.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, hold, prove } from './stripe_schema.mjs';

const [alone, modules, contracts] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, 'x.js'));
const Stripe = require('stripe').default ?? require('stripe');
const SECRET = 'whsec_outside';
const PATIENCE = 20_000;
const say = (text) => console.log('stripe sdk:', text);

/** Fields of Stripe's fixtures that our objects are without, and why. */
const WITHOUT = {
  charge: { refunds: 'only when expanded, since 2022-11-15' },
  invoice: { subscription: 'moved to parent in 2025-03-31' },
};

const deliveries = [];
const receiver = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  deliveries.push({ body: Buffer.concat(chunks), signature: request.headers['stripe-signature'] });
  response.writeHead(200).end();
});
await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
const hook = `http://127.0.0.1:${receiver.address().port}/`;
const sandbox = spawn(alone, ['0', hook, SECRET], { stdio: ['ignore', 'pipe', 'inherit'] });
const stop = () => { sandbox.kill(); receiver.close(); };
process.on('exit', stop);

const base = new URL(await new Promise((done, fail) => {
  createInterface({ input: sandbox.stdout }).once('line', done);
  sandbox.once('exit', () => fail(new Error('the sandbox ended')));
}));
// The client takes a host and no path, so the path is put before its own on the way.
const settings = {
  host: base.hostname,
  port: Number(base.port),
  protocol: 'http',
  telemetry: false,
  httpClient: Stripe.createFetchHttpClient((url, options) => {
    const to = new URL(url);
    to.pathname = `/stripe${to.pathname}`;
    return fetch(to, options);
  }),
};
const stripe = new Stripe('sk_test_sandbox', settings);

const within = async (condition, what) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = condition();
    if (answer) return answer;
    assert.ok(Date.now() < end, `${what}: not within ${PATIENCE} ms`);
    await new Promise((done) => setTimeout(done, 10));
  }
};
const post = (to, type, body) => fetch(new URL(to, base), {
  method: 'POST', redirect: 'manual', headers: { 'content-type': type, origin: base.origin }, body,
});
/** Somebody presses a button of the hosted page. */
const press = async (session, button) => {
  const answer = await post(session.url, 'application/x-www-form-urlencoded', `email=ann%40example.com&button=${button}`);
  assert.equal(answer.status, 303, await answer.text());
  return answer.headers.get('location');
};
const act = async (action) => {
  const answer = await post('/sandbox/providers', 'application/json', JSON.stringify(action));
  assert.equal(answer.status, 204, await answer.text());
};

const order = {
  mode: 'payment',
  ui_mode: 'hosted_page',
  success_url: 'https://shop.example/ok?s={CHECKOUT_SESSION_ID}',
  cancel_url: 'https://shop.example/back',
  client_reference_id: 'boo_1',
  customer_email: 'ann@example.com',
  expires_at: Math.floor(Date.now() / 1000) + 3600,
  allowed_payment_method_types: ['card'],
  line_items: [{ price_data: { currency: 'eur', unit_amount: 4900, product_data: { name: 'Call' } }, quantity: 2 }],
  metadata: { contact: 'con_1' },
  payment_intent_data: { metadata: { contact: 'con_1' } },
};

// === sessions
const session = await stripe.checkout.sessions.create(order, { idempotencyKey: 'one' });
assert.equal(session.amount_total, 9800);
assert.equal(session.payment_intent, null);
assert.equal((await stripe.checkout.sessions.create(order, { idempotencyKey: 'one' })).id, session.id);
await assert.rejects(
  stripe.checkout.sessions.create({ ...order, client_reference_id: 'boo_2' }, { idempotencyKey: 'one' }),
  Stripe.errors.StripeIdempotencyError,
);
assert.equal((await stripe.checkout.sessions.retrieve(session.id)).client_reference_id, 'boo_1');
say('a session is created once per key, and read');

await assert.rejects(stripe.checkout.sessions.create({ ...order, payment_method_types: ['card'] }), (error) => {
  assert.ok(error instanceof Stripe.errors.StripeInvalidRequestError);
  assert.deepEqual([error.code, error.param, error.statusCode], ['parameter_unknown', 'payment_method_types', 400]);
  return true;
});
await assert.rejects(stripe.checkout.sessions.retrieve('cs_test_none'), { code: 'resource_missing', statusCode: 404 });
const wrong = new Stripe('sk_test_wrong', settings);
await assert.rejects(wrong.balance.retrieve(), Stripe.errors.StripeAuthenticationError);
say('refusals are the errors of its own kinds');

const others = [];
for (let at = 0; at < 3; at += 1) others.push(await stripe.checkout.sessions.create(order));
const listed = [];
for await (const one of stripe.checkout.sessions.list({ limit: 2 })) listed.push(one.id);
assert.deepEqual(listed, [...others.map((one) => one.id).reverse(), session.id]);
const expired = await stripe.checkout.sessions.expire(others[0].id);
assert.deepEqual([expired.status, expired.url], ['expired', null]);
say('pages are turned, and a session is expired');

// === a payment, its refund, a dispute
assert.equal(await press(session, 'pay'), `https://shop.example/ok?s=${session.id}`);
const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent.latest_charge', 'line_items'] });
assert.equal(paid.payment_status, 'paid');
assert.equal(paid.payment_intent.latest_charge.billing_details.email, 'ann@example.com');
assert.equal(paid.line_items.data[0].quantity, 2);
const intent = paid.payment_intent.id;
const refund = await stripe.refunds.create({ payment_intent: intent, amount: 4900, reason: 'requested_by_customer' });
const charge = await stripe.charges.retrieve(refund.charge);
assert.deepEqual([charge.amount_refunded, charge.refunded], [4900, false]);
await assert.rejects(stripe.refunds.create({ payment_intent: intent, amount: 9800 }), { param: 'amount' });
await act({ do: 'dispute', id: intent });
const [dispute] = (await stripe.disputes.list({ payment_intent: intent })).data;
say('a session is paid on its page, refunded in part and disputed');

// === a subscription
const monthly = (await stripe.prices.list({ type: 'recurring', expand: ['data.product'] })).data[0];
const retainer = await stripe.checkout.sessions.create({
  mode: 'subscription', success_url: order.success_url, line_items: [{ price: monthly.id, quantity: 1 }],
  subscription_data: { metadata: { contact: 'con_1' } },
});
await press(retainer, 'pay');
const joined = await stripe.checkout.sessions.retrieve(retainer.id, { expand: ['subscription', 'invoice'] });
const [link] = (await stripe.invoicePayments.list({ invoice: joined.invoice.id })).data;
const query = { payment: { type: 'payment_intent', payment_intent: link.payment.payment_intent } };
assert.equal((await stripe.invoicePayments.list(query)).data[0].invoice, joined.invoice.id);
assert.equal(joined.invoice.parent.subscription_details.subscription, joined.subscription.id);
await stripe.subscriptions.update(joined.subscription.id, { cancel_at_period_end: true });
assert.equal((await stripe.subscriptions.cancel(joined.subscription.id)).status, 'canceled');
say('a subscription is paid by an invoice, and cancelled');

// === webhooks
const events = [];
for await (const event of stripe.events.list({ created: { gte: session.created - 60 }, limit: 100 })) events.push(event);
await within(() => deliveries.length >= events.length, 'every event is delivered');
assert.equal(deliveries.length, events.length);
const told = deliveries.map(({ body, signature }) => stripe.webhooks.constructEvent(body, signature, SECRET));
assert.deepEqual(told.map((event) => event.id), events.map((event) => event.id).reverse());
const kinds = new Set(told.map((event) => event.type));
for (const kind of ['checkout.session.completed', 'checkout.session.expired', 'payment_intent.succeeded', 'charge.refunded',
  'charge.dispute.created', 'invoice.paid', 'customer.subscription.created', 'customer.subscription.updated',
  'customer.subscription.deleted']) assert.ok(kinds.has(kind), kind);
const { body, signature } = deliveries[0];
assert.throws(() => stripe.webhooks.constructEvent(Buffer.concat([body, Buffer.from(' ')]), signature, SECRET));
assert.throws(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other'));
assert.ok(told.every((event) => event.api_version === '2026-10-28.endive'));
say(`its check accepts all ${told.length} webhooks, of ${kinds.size} types, in the order of the list`);

// === shapes
const fixtures = JSON.parse(readFileSync(path.join(contracts, 'stripe.fixtures3.json'))).resources;
const objects = [
  await stripe.checkout.sessions.retrieve(session.id), await stripe.paymentIntents.retrieve(intent), charge, refund, dispute,
  await stripe.invoices.retrieve(joined.invoice.id), joined.subscription, link, events[0], monthly, monthly.product,
  await stripe.customers.retrieve(joined.customer), await stripe.balance.retrieve(),
];
for (const object of objects) {
  const excused = WITHOUT[object.object] ?? {};
  const missing = Object.keys(fixtures[object.object]).filter((field) => !(field in object) && !(field in excused));
  assert.deepEqual(missing, [], `${object.object} has every field of Stripe's fixtures`);
}
say(`${objects.length} kinds of objects have every field of Stripe's fixtures`);

// === what was sent
const check = describe(modules, contracts);
say(`${prove(check)} wrong requests are found by the published description`);
const log = await (await fetch(new URL('/sandbox/log', base))).json();
// One names a parameter that is gone, on purpose; whatever else was refused was well formed.
const meant = (asked) => asked.status === 400 && /(^|&)payment_method_types/.test(asked.body ?? '');
const { counts, used } = hold(log, check, { wrong: meant });
say(`${[...counts.values()].reduce((sum, count) => sum + count)} requests of ${counts.size} operations fit the published description`);
for (const exception of used) say(`newer than the description: ${exception}`);
process.exit(0);
