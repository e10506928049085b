// What was sent to Stripe's stand-in, held against Stripe's published description of its API.
//
// usage: node stripe_schema.mjs SANDBOX_URL NODE_MODULES CONTRACTS_DIR
//
// Reads the log of requests of a stand-in that served somebody, e.g. a running Frontdesk at its gateway, and fails if
// nothing was asked. Whatever was answered, every request is judged. The description is of 2023: what is newer is listed
// below with its reason and a schema of its own, and whatever else it does not know is a complaint.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const VERSION = '2026-10-28.endive';
const text = { type: 'string', minLength: 1, maxLength: 5000 };
const flag = { enum: ['true', 'false'] };
const number = { type: 'string', pattern: '^[0-9]{1,12}$' };
const object = (properties, required = []) => ({ type: 'object', properties, required, additionalProperties: false, minProperties: 1 });
const range = { anyOf: [number, object({ gt: number, gte: number, lt: number, lte: number })] };
const METHODS = `acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum
  blik boleto card cashapp crypto customer_balance eps fpx giropay grabpay ideal kakao_pay klarna konbini kr_card link
  mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco paynow paypal paypay payto pix promptpay
  revolut_pay samsung_pay satispay scalapay sepa_debit sequra sofort sunbit swish twint upi us_bank_account wechat_pay
  zip`.split(/\s+/);

/**
 * Newer than the description: operation, parameter, why it is right all the same, and what it may be, written down from
 * the types of the client 23.1.0 (`resources/Checkout/Sessions.d.ts`); values are as a form has them.
 */
const NEWER = [
  ['POST /v1/checkout/sessions', 'adaptive_pricing', 'newer than 2023 (changelog of the client)', object({ enabled: flag })],
  [
    'POST /v1/checkout/sessions', 'allowed_payment_method_types', 'added in 2026-09-30, when payment_method_types left',
    { type: 'array', minItems: 1, uniqueItems: true, items: { enum: METHODS } },
  ],
  [
    'POST /v1/checkout/sessions', 'ui_mode', 'newer than 2023; its value hosted_page is of 2026',
    { enum: ['elements', 'embedded_page', 'form', 'hosted_page'] },
  ],
  ['GET /v1/checkout/sessions', 'created', 'newer than 2023', range],
  ['GET /v1/checkout/sessions', 'status', 'newer than 2023', { enum: ['complete', 'expired', 'open'] }],
];
/** Operations that the description does not have yet, from `resources/InvoicePayments.d.ts` of the same client. */
const NEWER_PATHS = [
  [
    'GET /v1/invoice_payments', 'added in 2025-03-31, when payment intents and charges lost `invoice`',
    {
      ...object({
        created: range,
        ending_before: text,
        expand: { type: 'array', items: text },
        invoice: text,
        limit: { type: 'string', pattern: '^([1-9][0-9]?|100)$' },
        payment: object({ payment_intent: text, payment_record: text, type: { enum: ['payment_intent', 'payment_record'] } }, ['type']),
        starting_after: text,
        status: { enum: ['canceled', 'open', 'paid'] },
      }),
      minProperties: 0,
    },
  ],
];
/** What the description has parameters of that are gone: they are refused since. */
const GONE = [['POST /v1/checkout/sessions', 'payment_method_types', 'left in 2026-09-30']];

const PREFIX = '/stripe';

/** The description leaves levels below the first open; Stripe does not. */
function close(schema) {
  if (Array.isArray(schema)) return schema.map(close);
  if (schema === null || typeof schema !== 'object') return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
  const named = closed.type === 'object' && closed.properties && typeof closed.properties === 'object';
  return named && !('additionalProperties' in closed) ? { ...closed, additionalProperties: false } : closed;
}

/** The description as a check of single requests. */
export function describe(modules, contracts) {
  const require = createRequire(path.resolve(modules, 'x.js'));
  const Ajv = require('ajv').default ?? require('ajv');
  const qs = require('qs');
  const spec = JSON.parse(readFileSync(path.join(contracts, 'stripe.v1.apisguru-2023.openapi.json')));
  const ajv = new Ajv({ strict: false, coerceTypes: true, allErrors: true, logger: false, validateFormats: false });
  ajv.addSchema({ $id: 'spec', components: spec.components });
  // What is written down here is of forms, so nothing is made of another type.
  const strict = new Ajv({ allErrors: true, strict: false });
  const newer = new Map(NEWER.map(([of, parameter, , schema]) => [`${of} ${parameter}`, strict.compile(schema)]));
  const newerPaths = new Map(NEWER_PATHS.map(([of, , schema]) => [of, strict.compile(schema)]));
  const told = (validate, at = '') => validate.errors.map((error) => `${at}${error.instancePath} ${error.message}`);
  const known = new Map();

  const operation = (method, route) => {
    const steps = route.split('/');
    const fits = (template) => {
      const parts = template.split('/');
      return parts.length === steps.length && parts.every((part, at) => part.startsWith('{') || part === steps[at]);
    };
    const template = spec.paths[route] ? route : Object.keys(spec.paths).find(fits);
    return template && spec.paths[template][method.toLowerCase()] && [template, spec.paths[template][method.toLowerCase()]];
  };

  const validator = (name, method, described) => {
    if (known.has(name)) return known.get(name);
    const inQuery = (described.parameters ?? []).filter((parameter) => parameter.in === 'query');
    const schema = method === 'POST'
      ? described.requestBody.content['application/x-www-form-urlencoded'].schema
      : {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(inQuery.map((parameter) => [parameter.name, parameter.schema])),
        required: inQuery.filter((parameter) => parameter.required).map((parameter) => parameter.name),
      };
    const absolute = JSON.parse(JSON.stringify(close(schema)).replaceAll('"#/components/', '"spec#/components/'));
    known.set(name, ajv.compile(absolute));
    return known.get(name);
  };

  /** What is wrong with the parameters of a request; its operation and the exceptions that it made use of. */
  const parameters = ({ method, path: asked, body }) => {
    const [where, query = ''] = asked.split('?');
    const route = where.slice(PREFIX.length);
    // A text that says the same twice would be read as a list.
    const values = qs.parse(method === 'POST' ? body ?? '' : query, { depth: 20, arrayLimit: 1000 });
    const late = `${method} ${route}`;
    if (newerPaths.has(late)) {
      const validate = newerPaths.get(late);
      return { name: late, complaints: validate(values) ? [] : told(validate), used: [late] };
    }
    const found = operation(method, route);
    if (!found) return { name: late, complaints: ['no such operation'], used: [] };
    const name = `${method} ${found[0]}`;
    const used = [];
    const complaints = GONE.filter(([of, parameter]) => of === name && parameter in values)
      .map(([, parameter, why]) => `/${parameter} ${why}`);
    for (const [of, parameter] of NEWER) {
      const exception = `${of} ${parameter}`;
      if (of !== name || !(parameter in values)) continue;
      const validate = newer.get(exception);
      if (!validate(values[parameter])) complaints.push(...told(validate, `/${parameter}`));
      delete values[parameter];
      used.push(exception);
    }
    const validate = validator(name, method, found[1]);
    if (!validate(values)) complaints.push(...told(validate));
    return { name, complaints, used };
  };

  /** What is wrong with a request as the log has it. */
  return (asked) => {
    const { name, complaints, used } = parameters(asked);
    const more = [];
    if (!asked.bearer) more.push('no key');
    if (asked.api_version !== VERSION) more.push(`Stripe-Version is ${asked.api_version}`);
    return { name, complaints: [...complaints, ...more], used };
  };
}

/**
 * Every request to Stripe's API in a log, whatever it was answered. `wrong` says of a request that somebody meant it to be
 * wrong; each of them must be.
 */
export function hold(log, check, { wrong = () => false, keyed = false } = {}) {
  const counts = new Map();
  const used = new Set();
  const pages = `${PREFIX}/pay/`;
  for (const asked of log.filter((one) => one.provider === 'stripe' && !one.path.startsWith(pages))) {
    const { name, complaints, used: exceptions } = check(asked);
    if (wrong(asked)) {
      assert.ok(complaints.length > 0, `${name}: nothing is wrong with what was meant to be`);
      continue;
    }
    assert.deepEqual(complaints, [], `${name}, answered ${asked.status}: ${complaints.slice(0, 3)}`);
    assert.ok(!keyed || asked.method !== 'POST' || asked.idempotency_key, `${name}: written without an Idempotency-Key`);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    exceptions.forEach((exception) => used.add(exception));
  }
  return { counts, used };
}

/** The check can fail: requests that are a little wrong, in what the description knows and in what it does not. */
export function prove(check) {
  const sent = { bearer: true, api_version: VERSION };
  const create = (body) => check({ ...sent, method: 'POST', path: `${PREFIX}/v1/checkout/sessions`, body }).complaints.length;
  const read = (of, query) => check({ ...sent, method: 'GET', path: `${PREFIX}/v1/${of}?${query}` }).complaints.length;
  const good = 'mode=payment&success_url=https%3A%2F%2Fa.example&line_items[0][price]=p&line_items[0][quantity]=1';
  const newer = '&ui_mode=hosted_page&allowed_payment_method_types[0]=card&adaptive_pricing[enabled]=true';
  assert.equal(create(good), 0);
  assert.equal(create(good + newer), 0);
  const bad = [
    '&colour=red', '&line_items[1][quantity]=x', '&line_items[0][colour]=red', '&expires_at=x', '&metadata=x',
    '&payment_method_types[0]=card', '&ui_mode=hosted', '&ui_mode[a]=hosted_page', '&allowed_payment_method_types=card',
    '&allowed_payment_method_types[0]=gold', '&adaptive_pricing=true', '&adaptive_pricing[enabled]=1', '&adaptive_pricing[on]=true',
  ];
  for (const more of bad) assert.ok(create(good + more) > 0, more);
  assert.ok(create(good.replace('payment', 'gift')) > 0, 'another mode');
  const fine = [
    ['invoice_payments', 'invoice=in_1&limit=100'],
    ['invoice_payments', 'payment[type]=payment_intent&payment[payment_intent]=pi_1&limit=100'],
    ['invoice_payments', 'created[gte]=1&status=paid&expand[]=data.invoice'],
    ['checkout/sessions', 'created[gte]=1&created[lte]=2&status=open'],
    ['checkout/sessions', 'created=1'],
  ];
  for (const [of, query] of fine) assert.equal(read(of, query), 0, query);
  const wrong = [
    ['events', 'colour=red'], ['invoice_payments', 'colour=red'], ['invoice_payments', 'payment[payment_intent]=pi_1'],
    ['invoice_payments', 'payment=pi_1'], ['invoice_payments', 'payment[type]=card'], ['invoice_payments', 'limit=0'],
    ['invoice_payments', 'limit=101'], ['invoice_payments', 'invoice[]=in_1'], ['invoice_payments', 'status=done'],
    ['invoice_payments', 'created[after]=1'], ['checkout/sessions', 'created=soon'], ['checkout/sessions', 'created[after]=1'],
    ['checkout/sessions', 'status=done'], ['invoice_payment', 'limit=1'],
  ];
  for (const [of, query] of wrong) assert.ok(read(of, query) > 0, `${of} ${query}`);
  const list = { ...sent, method: 'GET', path: `${PREFIX}/v1/events` };
  assert.equal(check(list).complaints.length, 0);
  assert.ok(check({ ...list, bearer: false }).complaints.length > 0, 'no key');
  assert.ok(check({ ...list, api_version: '2023-08-16' }).complaints.length > 0, 'another version');
  const refused = { ...list, provider: 'stripe', path: `${list.path}?colour=red`, status: 400 };
  assert.throws(() => hold([refused], check), 'what was refused is judged');
  assert.throws(() => hold([{ ...list, provider: 'stripe', status: 200 }], check, { wrong: () => true }));
  const unkeyed = { ...sent, provider: 'stripe', method: 'POST', path: `${PREFIX}/v1/checkout/sessions`, body: good };
  assert.throws(() => hold([unkeyed], check, { keyed: true }));
  return bad.length + 1 + wrong.length + 5;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [url, modules, contracts] = process.argv.slice(2);
  const check = describe(modules, contracts);
  console.log(`stripe schema: ${prove(check)} wrong requests are found`);
  const answer = await fetch(`${url.replace(/\/$/, '')}/sandbox/log`);
  assert.equal(answer.status, 200, 'the log of the stand-in');
  const { counts, used } = hold(await answer.json(), check, { keyed: true });
  assert.ok(counts.size > 0, 'nothing was asked of Stripe');
  console.log('stripe schema:', [...counts].map(([name, count]) => `${count} of ${name}`).join(', '));
  for (const exception of used) console.log('stripe schema: newer than the description:', exception);
}
