// A visitor in headless Chromium, offline but for the gateway: opens the page, talks, reloads in the middle, and the
// books show what was said.
//
// usage: node browser.mjs GATEWAY_URL PICTURES_DIR      (needs playwright-core and Debian's chromium)

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [gateway, pictures] = process.argv.slice(2);
const SCREENS = [
  { name: 'desktop-light', viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true, hasTouch: true },
];
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

async function open(browser, { name, ...screen }) {
  const context = await browser.newContext(screen);
  // Offline: whatever is not the gateway does not answer.
  await context.route((url) => url.origin !== gateway, (route) => route.abort());
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'warning' && complaints.push(message.text()));
  await page.goto(`${gateway}/services?utm_source=yt&utm_campaign=oct_launch`);
  await page.locator('.launcher').click();
  await page.locator('.start').waitFor({ timeout: 20_000 });
  const shot = (step) => page.screenshot({ path: `${pictures}/${name}-${step}.png` });
  return { page, context, shot, complaints };
}

async function say(page, text) {
  const before = await page.locator('.item.answer').count();
  await page.locator('.composer textarea').fill(text);
  await page.keyboard.press('Enter');
  await page.waitForFunction(
    (count) => {
      const root = document.querySelector('frontdesk-chat').shadowRoot;
      const idle = root.querySelector('.send')?.getAttribute('aria-label') === 'Send';
      return idle && root.querySelectorAll('.item.answer').length > count;
    },
    before,
    { timeout: 20_000 },
  );
}

async function lines(tab) {
  const sheet = await (await fetch(`${gateway}/sandbox/sheet.json`)).json();
  const { columns, rows } = sheet.tabs.find(({ title }) => title === tab);
  return rows.map(({ cells }) => Object.fromEntries(cells.map(([text], index) => [columns[index], text])));
}

async function until(what, holds) {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < end, `${what}: never`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function converse(browser) {
  const { page, context, shot, complaints } = await open(browser, SCREENS[0]);
  const allowList = () => complaints.find((text) => text.includes('allow'));
  await until('the console names the allow-list entry', allowList);
  await shot('start');
  await say(page, 'Hello! What does marketing automation cost?');
  await say(page, 'I need a marketing automation package');
  await page.reload();
  await page.locator('.item.user').nth(1).waitFor({ timeout: 20_000 });
  await say(page, 'My name is Ann Example, my e-mail is ann@example.com and my budget is 5000 EUR');
  await shot('end');
  const panel = await page.locator('.panel').innerText();
  assert.match(panel, /Hello! What does marketing automation cost\?/, 'the first message is there after the reload');

  const contact = await until('the contact', async () => (await lines('contacts')).find((c) => c.email === 'ann@example.com'));
  assert.equal(contact.first_name, 'Ann');
  assert.equal(contact.utm_source, 'yt');
  const lead = await until('the lead', async () => (await lines('leads')).find((l) => l.contact_id === contact.id));
  assert.equal(lead.status, 'new');
  const turns = await until('three turns', async () => {
    const rows = await lines('engagements');
    return rows.filter((row) => row.message).length >= 3 && rows;
  });
  assert.ok(turns.some((turn) => turn.message.includes('marketing automation package')));
  await until('the outcome', async () => (await lines('engagements')).find((row) => row.outcome === 'qualified'));
  const errors = complaints.filter((text) => !text.includes('allow') && !text.includes('chatkit'));
  assert.deepEqual(errors, [], 'nothing went wrong in the page');
  await context.close();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS });
try {
  await converse(browser);
  for (const screen of SCREENS.slice(1)) {
    const { page, context, shot } = await open(browser, screen);
    await shot('start');
    await say(page, 'How do you work with clients?');
    await shot('answer');
    await context.close();
  }
  console.log(`browser: 1 conversation, ${SCREENS.length} screens, pictures in ${pictures}`);
} finally {
  await browser.close();
}
