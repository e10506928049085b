// A member in headless Chromium: the portal in a frame of another origin, through a proxy that adds the token as Whop's
// does. The buttons work with it, nothing shows without, and what the member does stands at Whop and in the books.
//
// usage: node portal.mjs GATEWAY_URL PICTURES_DIR      (needs playwright-core and Debian's chromium)

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

import { lines, until, WAIT } from './kit.mjs';

const [gateway, pictures] = process.argv.slice(2);

async function act(action) {
  const response = await fetch(`${gateway}/sandbox/providers`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(action),
  });
  assert.equal(response.status, 204, await response.text());
}

/** The portal as `user` sees it, in the frame of the sandbox's page. */
async function look(browser, user, screen = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 900 }, ...screen });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${gateway}/sandbox/whop/app?user=${user}`);
  const frame = page.frameLocator('iframe');
  await frame.locator('h1').waitFor(WAIT);
  const origin = new URL(await page.locator('iframe').getAttribute('src')).origin;
  assert.notEqual(origin, new URL(gateway).origin, 'the frame is of another origin');
  return { context, page, frame, complaints };
}

async function useIt(browser) {
  const { context, page, frame, complaints } = await look(browser, 'user_mara');
  await frame.getByText('Growth Retainer').first().waitFor(WAIT);

  await frame.getByRole('button', { name: 'Download Files' }).click();
  await frame.locator('#panel ul.files li').first().waitFor(WAIT);
  await page.screenshot({ path: `${pictures}/portal-files.png` });

  await frame.getByRole('button', { name: 'Open Support Ticket' }).click();
  await frame.locator('#subject').fill('The report is empty');
  await frame.locator('#message').fill('<b>October</b> has no figures.');
  await frame.getByRole('button', { name: 'Send to the team' }).click();
  await frame.getByText(/tkt_[0-9a-f]+/).waitFor(WAIT);

  const [shop] = await Promise.all([
    context.waitForEvent('page', WAIT),
    frame.getByRole('button', { name: 'Upgrade Plan' }).click(),
  ]);
  await shop.waitForURL(/\/whop\/checkout\/ch_/, WAIT);
  await shop.close();

  const chat = frame.locator('frontdesk-chat');
  await chat.locator('.composer textarea').fill('Where are my files?');
  await chat.locator('.composer textarea').press('Enter');
  await chat.locator('.item.answer').first().waitFor(WAIT);
  await page.screenshot({ path: `${pictures}/portal-member.png` });

  await frame.getByRole('button', { name: /^Cancel/ }).first().click();
  const yes = frame.getByRole('button', { name: 'Yes, cancel it' });
  // a click that another page led here cancels nothing: it takes a word that is typed
  for (const word of ['', 'CANCE', 'Growth Retainer']) {
    await frame.getByLabel('Type CANCEL to confirm').fill(word);
    assert.ok(await yes.isDisabled(), `${word || 'nothing'} confirms`);
    await yes.dispatchEvent('click');
  }
  assert.match(await frame.locator('#plans').innerText(), /It renews on/, 'nothing is cancelled yet');
  await page.screenshot({ path: `${pictures}/portal-confirm.png` });
  await frame.getByLabel('Type CANCEL to confirm').fill(' cancel ');
  await yes.click();
  await frame.getByText('It is cancelled and ends with the period that is paid for.').waitFor(WAIT);
  await page.screenshot({ path: `${pictures}/portal-cancelled.png` });
  assert.deepEqual(complaints, [], 'nothing went wrong in the page');
  await context.close();
}

async function lookAsOther(browser, user) {
  const { context, page, frame } = await look(browser, user, { colorScheme: 'dark', viewport: { width: 420, height: 860 } });
  const body = await frame.locator('body').innerText();
  assert.ok(!body.includes('Growth Retainer'), `${user || 'nobody'} sees nothing of Mara's`);
  assert.equal(await frame.locator('[data-action]').count(), 0, 'there are no buttons');
  await page.screenshot({ path: `${pictures}/portal-${user || 'outside'}.png` });
  await context.close();
  return body;
}

const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: flags });
try {
  await act({ do: 'member', act: 'join', user: 'user_mara', plan: 'plan_growthmonthly' });
  const row = await until('the subscription', async () => (await lines(gateway, 'subscriptions')).find((one) => one.provider === 'whop'));
  assert.equal(row.status, 'active');
  assert.match(row.mrr, /1,?490/);
  await until('the payment', async () => (await lines(gateway, 'payments')).find((one) => one.provider === 'whop' && one.status === 'paid'));
  await useIt(browser);
  assert.match(await lookAsOther(browser, ''), /Open this page in Whop/);
  assert.match(await lookAsOther(browser, 'user_jonas'), /The chat is for members with an active membership/);
  console.log(`portal: a member, a stranger and nobody in a frame of another origin, pictures in ${pictures}`);
} finally {
  await browser.close();
}
