// A visitor in headless Chromium gets things done, offline but for the gateway and the stand-in's page to pay: books a
// meeting, pays by a link and hears of it in the open chat, takes the meeting back, calls a person and is answered by one.
// The receipts stand in the thread and the rows in the books.
//
// usage: node hands.mjs GATEWAY_URL FRONTDESK_DIR PICTURES_DIR      (needs playwright-core and Debian's chromium)

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { lines, openChat, say, type, until, WAIT, withBrowser } from './kit.mjs';

const [gateway, directory, pictures] = process.argv.slice(2);
const operator = readFileSync(`${directory}/operator-token`, 'utf8').trim();
/**
 * What an open chat may take to show what happened elsewhere: its look, which comes every four seconds (widget_test.mjs),
 * and as much for a machine that is slow, or for one look that fails.
 */
const SOON = 10_000;

async function ask(method, path, body) {
  const response = await fetch(`${gateway}/api/operator/${path}`, {
    method,
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${response.ok ? '' : await response.text()}`);
  return response.json();
}

const row = (tab, fits) => until(`a row of ${tab}`, async () => (await lines(gateway, tab)).find(fits));
const card = (page, text) => page.locator('.card', { hasText: text });

async function book(page) {
  await say(page, "I'd like to book a call");
  // the first one may be too soon a moment later
  await say(page, 'The third one please');
  await say(page, 'My name is Ben Example, ben@example.com');
  await card(page, 'Your meeting is booked').waitFor(WAIT);
  const contact = await row('contacts', (one) => one.email === 'ben@example.com');
  const booking = await row('bookings', (one) => one.contact_id === contact.id && one.status === 'booked');
  await row('leads', (one) => one.contact_id === contact.id);
  await row('engagements', (one) => one.outcome === 'booked');
  return { contact, booking };
}

async function pay(page, context, contact) {
  await say(page, 'I want to pay for the automation audit');
  const [till] = await Promise.all([
    context.waitForEvent('page', WAIT),
    page.locator('.card a, .card button', { hasText: /pay/i }).last().click(),
  ]);
  await till.locator('button[value=pay]').click();
  await till.waitForURL((url) => url.origin === gateway, WAIT);
  await till.close();
  // Nobody reloads: the open chat shows it by itself.
  await page.locator('.card', { hasText: /payment|paid/i }).last().waitFor({ timeout: SOON });
  const paid = await row('payments', (one) => one.status === 'paid' && /490/.test(one.amount));
  assert.equal(paid.currency, 'EUR');
  return contact;
}

async function takeBack(page, booking) {
  await card(page, 'Your meeting is booked').getByRole('button').click();
  await page.locator('.card', { hasText: 'Your meeting was cancelled' }).first().waitFor(WAIT);
  await row('bookings', (one) => one.id === booking.id && one.status === 'canceled');
  assert.equal(await card(page, 'Your meeting is booked').getByRole('button').count(), 0, 'it is taken back once');
}

async function callPerson(page) {
  await say(page, 'Let me talk to a human');
  await row('engagements', (one) => one.outcome === 'needs_human');
  const { threads } = await ask('GET', 'threads?handed_off=true');
  assert.equal(threads.length, 1, 'one thread waits');
  const [thread] = threads;

  const before = await page.locator('.item.answer').count();
  await type(page, 'Is anybody there?');
  const said = async () => (await ask('GET', `threads/${thread.id}`)).messages;
  await until('the message is kept', async () => (await said()).some(({ text }) => text === 'Is anybody there?'));

  await ask('POST', `threads/${thread.id}/messages`, { text: 'Hello, **Ben**. <b>How</b> can I help?', author: 'Anna' });
  await page.locator('.item.answer', { hasText: 'How can I help?' }).or(page.locator('.item.answer', { hasText: 'Anna' })).last()
    .waitFor({ timeout: SOON });
  const answers = await page.locator('.item.answer').allInnerTexts();
  assert.ok(!answers.slice(before).some((text) => text.includes('guess')), 'the model is silent');
  assert.equal(await page.locator('.item.answer b').count(), 0, 'what a person writes is no markup');
  await page.screenshot({ path: `${pictures}/hands-person.png` });

  await ask('POST', `threads/${thread.id}/release`);
  await say(page, 'How do you work with clients?');
  assert.equal((await ask('GET', 'threads?handed_off=true')).threads.length, 0);
}

await withBrowser(async (browser) => {
  const local = (url) => url.hostname === '127.0.0.1' || url.hostname === 'localhost';
  const { page, context, complaints } = await openChat(browser, gateway, local, { viewport: { width: 1280, height: 860 } });
  const { contact, booking } = await book(page);
  await page.screenshot({ path: `${pictures}/hands-booked.png` });
  await pay(page, context, contact);
  await takeBack(page, booking);
  await page.screenshot({ path: `${pictures}/hands-receipts.png` });
  await callPerson(page);
  await page.reload();
  await card(page, 'Your meeting was cancelled').first().waitFor(WAIT);
  const notices = await page.locator('.card', { hasText: /payment|paid/i }).count();
  assert.equal(notices, 1, 'a closed chat has it at the next load, once');
  assert.deepEqual(complaints, [], 'nothing went wrong in the page');
  await context.close();
  console.log('hands: booked, paid, taken back, handed off, answered by a person, in the thread and in the books');
});
