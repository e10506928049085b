// What the checks in headless Chromium have in common: a browser, a visitor's words, and the books as the sandbox's page
// has them.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

export const WAIT = { timeout: 20_000 };

/** Headless Chromium, closed in the end. */
export async function withBrowser(use) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

/** What `holds` answers once it answers something, within 20 seconds. */
export async function until(what, holds) {
  const end = Date.now() + WAIT.timeout;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < end, `${what}: never`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The lines of a tab. */
export async function lines(gateway, tab) {
  const sheet = await (await fetch(`${gateway}/sandbox/sheet.json`)).json();
  const { columns, rows } = sheet.tabs.find(({ title }) => title === tab);
  return rows.map(({ cells }) => Object.fromEntries(cells.map(([text], index) => [columns[index], text])));
}

/** Types a message into the chat. */
export async function type(page, text) {
  await page.locator('.composer textarea').fill(text);
  await page.keyboard.press('Enter');
}

/** Says something and waits for the whole answer. */
export async function say(page, text) {
  const before = await page.locator('.item.answer').count();
  await type(page, text);
  await page.waitForFunction(
    (count) => {
      const root = document.querySelector('frontdesk-chat').shadowRoot;
      const idle = root.querySelector('.send')?.getAttribute('aria-label') === 'Send';
      return idle && root.querySelectorAll('.item.answer').length > count;
    },
    before,
    WAIT,
  );
}

// OpenAI's element comes from its own address, which offline does not answer: the browser says so, and the widget tells the
// site's developer what it shows instead. Nothing else is excused.
const ELEMENT = 'https://cdn.platform.openai.com/deployments/chatkit/chatkit.js';
const INSTEAD = "Frontdesk: OpenAI's chat element is not available on this page (";

const isExpected = (message) =>
  (message.type() === 'warning' && message.text().startsWith(INSTEAD)) ||
  (message.type() === 'error' && message.location().url === ELEMENT && message.text().startsWith('Failed to load resource: net::ERR_'));

/**
 * A page with the chat open; whatever is not of `origins` does not answer. What goes wrong in the page is among its
 * `complaints`, what it says of OpenAI's element among its `notes`.
 */
export async function openChat(browser, gateway, origins, screen = {}) {
  const context = await browser.newContext(screen);
  await context.route((url) => !origins(url), (route) => route.abort());
  const page = await context.newPage();
  const [complaints, notes] = [[], []];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (!['warning', 'error'].includes(message.type())) return;
    (isExpected(message) ? notes : complaints).push(message.text());
  });
  await page.goto(`${gateway}/services?utm_source=yt&utm_campaign=oct_launch`);
  await page.locator('.launcher').click();
  await page.locator('.start').waitFor(WAIT);
  return { page, context, complaints, notes };
}
