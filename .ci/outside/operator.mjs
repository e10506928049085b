// A person in headless Chromium: opens the operator's page, reads what a visitor wrote, answers, and gives the
// conversation back. The page holds nothing without the token, keeps it for the tab alone, and what visitors write is text.
//
// usage: node operator.mjs GATEWAY_URL FRONTDESK_DIR PICTURES_DIR      (needs playwright-core and Debian's chromium)

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openChat, say, type, until, WAIT, withBrowser } from './kit.mjs';

const [gateway, directory, pictures] = process.argv.slice(2);
const token = readFileSync(`${directory}/operator-token`, 'utf8').trim();
const HOSTILE = '<img src=x onerror="document.title=1">';
/** What an open chat may take to show what happened elsewhere, and a little for the browser. */
const SOON = { timeout: 10_000 };

async function desk(context, address) {
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.text().includes('Content Security Policy') && complaints.push(message.text()));
  await page.goto(`${gateway}/operator${address}`);
  return { page, complaints };
}

async function signIn(page, value) {
  await page.getByLabel("Operator's token").fill(value);
  await page.getByRole('button', { name: 'Open' }).click();
}

await withBrowser(async (browser) => {
  const chat = await openChat(browser, gateway, (url) => url.origin === gateway, { viewport: { width: 1280, height: 860 } });
  await say(chat.page, 'Let me talk to a human');
  await type(chat.page, HOSTILE);

  const context = await browser.newContext({ viewport: { width: 1180, height: 860 } });
  const { page, complaints } = await desk(context, '');
  await signIn(page, 'not the token');
  await page.getByText('This is not the token.').waitFor(WAIT);
  assert.equal(await page.locator('#list li').count(), 0);
  await signIn(page, token);
  await page.locator('#list button').first().click();
  await page.locator('#messages li.visitor', { hasText: HOSTILE }).waitFor(WAIT);
  assert.equal(await page.locator('#messages img').count(), 0, 'what visitors write is text');
  assert.equal(await page.title(), 'Conversations');
  await page.screenshot({ path: `${pictures}/operator-waiting.png` });

  await page.getByLabel('Your name').fill('Anna');
  await page.getByLabel('Reply').fill('Hello, how can I help?');
  await page.keyboard.press('Control+Enter');
  await page.locator('#messages li.person', { hasText: 'Anna: Hello, how can I help?' }).waitFor(WAIT);
  await chat.page.locator('.item.answer', { hasText: 'Anna: Hello, how can I help?' }).waitFor(SOON);
  assert.equal(await page.locator('#messages li.person').count(), 1, 'it is sent once');
  await chat.page.screenshot({ path: `${pictures}/operator-visitor.png` });
  await type(chat.page, 'What about Tuesday?');
  await page.locator('#messages li.visitor', { hasText: 'What about Tuesday?' }).waitFor(WAIT);

  const kept = await page.evaluate(() => [localStorage.length, Object.keys(sessionStorage).length, document.cookie]);
  assert.deepEqual(kept, [0, 2, ''], 'the tab alone keeps the token and the name');
  const thread = await page.locator('#list button').first().getAttribute('data-thread');
  const answer = await fetch(`${gateway}/api/operator/threads/${thread}`, { headers: { authorization: `Bearer ${token}` } });
  const visitor = (await answer.json()).thread.visitor_id;
  const other = await desk(context, `?visitor=${visitor}`);
  assert.ok(await other.page.getByLabel("Operator's token").isVisible(), 'another tab asks for it');
  await signIn(other.page, token);
  await other.page.locator('#messages li.visitor', { hasText: 'What about Tuesday?' }).waitFor(WAIT);
  await other.page.screenshot({ path: `${pictures}/operator-visitors.png` });

  await page.getByRole('button', { name: 'Give back to the assistant' }).click();
  await page.getByText('Nobody waits.').waitFor(WAIT);
  await until('the assistant answers', () => page.getByText('The assistant answers.').isVisible());
  await say(chat.page, 'How do you work with clients?');
  await page.getByRole('button', { name: 'Forget the token' }).click();
  assert.equal(await page.locator('#messages li').count(), 0);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('frontdesk.operator.token')), null);
  assert.deepEqual([...complaints, ...other.complaints], [], 'nothing went wrong in the page');
  await context.close();
  await chat.context.close();
  console.log('operator: signed in, read as text, answered within seconds, given back, nothing kept but for the tab');
});
