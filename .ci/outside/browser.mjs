// A visitor in headless Chromium, offline but for the gateway: opens the page, talks, reloads in the middle, and the
// books show what was said.
//
// usage: node browser.mjs GATEWAY_URL PICTURES_DIR      (needs playwright-core and Debian's chromium)

import assert from 'node:assert/strict';
import { lines, openChat, say, until, WAIT, withBrowser } from './kit.mjs';

const [gateway, pictures] = process.argv.slice(2);
const SCREENS = [
  { name: 'desktop-light', viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark', isMobile: true, hasTouch: true },
];

async function open(browser, { name, ...screen }) {
  const chat = await openChat(browser, gateway, (url) => url.origin === gateway, screen);
  return { ...chat, shot: (step) => chat.page.screenshot({ path: `${pictures}/${name}-${step}.png` }) };
}

async function converse(browser) {
  const { page, context, shot, complaints, notes } = await open(browser, SCREENS[0]);
  const allowList = () => notes.find((text) => text.includes('domain allow-list'));
  await until('the console names the allow-list entry', allowList);
  await shot('start');
  await say(page, 'Hello! What does marketing automation cost?');
  await say(page, 'I need a marketing automation package');
  await page.reload();
  await page.locator('.item.user').nth(1).waitFor(WAIT);
  await say(page, 'My name is Ann Example, my e-mail is ann@example.com and my budget is 5000 EUR');
  await shot('end');
  const panel = await page.locator('.panel').innerText();
  assert.match(panel, /Hello! What does marketing automation cost\?/, 'the first message is there after the reload');

  const contact = await until('the contact', async () => (await lines(gateway, 'contacts')).find((c) => c.email === 'ann@example.com'));
  assert.equal(contact.first_name, 'Ann');
  assert.equal(contact.utm_source, 'yt');
  const lead = await until('the lead', async () => (await lines(gateway, 'leads')).find((l) => l.contact_id === contact.id));
  assert.equal(lead.status, 'new');
  const turns = await until('three turns', async () => {
    const rows = await lines(gateway, 'engagements');
    return rows.filter((row) => row.message).length >= 3 && rows;
  });
  assert.ok(turns.some((turn) => turn.message.includes('marketing automation package')));
  await until('the outcome', async () => (await lines(gateway, 'engagements')).find((row) => row.outcome === 'qualified'));
  assert.deepEqual(complaints, [], 'nothing went wrong in the page');
  await context.close();
}

await withBrowser(async (browser) => {
  await converse(browser);
  for (const screen of SCREENS.slice(1)) {
    const { page, context, shot } = await open(browser, screen);
    await shot('start');
    await say(page, 'How do you work with clients?');
    await shot('answer');
    await context.close();
  }
  console.log(`browser: 1 conversation, ${SCREENS.length} screens, pictures in ${pictures}`);
});
