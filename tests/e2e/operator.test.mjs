// What those do who look after a workspace: accounts, calls, members, tokens, the audit log; and what strangers try there.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLIENT } from './provider.mjs';
import { Stage, assertAccessible, assertFits, beside, open, settled } from './stage.mjs';
import { HOSTILE, Workplace } from './workplace.mjs';

/** Of Cumulative Layout Shift, 0.1 counts as good; rounding is all that is let through here. */
const SHIFT = 0.01;
const MAIN = '/workspaces/main';

let stage, place;
before(async () => {
  stage = await Stage.open({ only: null, kind: Workplace });
  place = stage.registry;
});
after(() => stage?.close());

/** By keys alone. */
function keysOf(page) {
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () =>
    page.evaluate(() => {
      const it = document.activeElement;
      return it?.getAttribute('aria-label') ?? it?.labels?.[0]?.textContent.trim() ?? it?.textContent.trim();
    });
  /** Goes on until that has the focus. */
  const until = async (pattern) => {
    const passed = [];
    for (let n = 0; n < 60; n += 1) {
      await press('Tab');
      const now = (await focused()) ?? '';
      if (pattern.test(now)) return;
      passed.push(now.slice(0, 30));
    }
    assert.fail(`nothing that is ${pattern} gets the focus: ${passed.join(' | ')}`);
  };
  const write = async (pattern, text) => {
    await until(pattern);
    await press('Control+a');
    await page.keyboard.type(text);
  };
  return { press, until, write };
}

const state = (page, wanted) => page.locator(`h1 ~ [data-state="${wanted}"]`).waitFor();

test('by keys alone, an admin connects an account at a certified provider, and looks after it', async (t) => {
  const page = await stage.signedIn('ada');
  await open(page, `${MAIN}/connections`);
  await page.getByText('No account is connected').waitFor();
  const { press, until, write } = keysOf(page);
  await until(/^Connect an account$/);
  await press('Enter');
  await page.waitForURL('**/connections/new');
  await settled(page);
  await until(/^For which connector/);
  await page.keyboard.type('Tracker');
  await page.waitForURL('**connector=jackfield%3Atracker');
  await settled(page);
  await write(/^Label/, 'Issues of the loom');
  await until(/^Copy the redirect address$/);
  await press('Enter');
  const redirect = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(new URL(redirect).pathname, '/connect/callback/acme', 'what the provider must be told');
  await write(/^Client id/, CLIENT.id);
  await write(/^Client secret/, CLIENT.secret);
  await until(/^Scopes, and how to sign in$/);
  await press('Enter');
  await write(/^Scopes, one a line/, 'openid email offline_access');
  await until(/^Go on$/);
  await press('Enter');
  await page.getByRole('link', { name: 'Go on to connect it' }).waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent.startsWith('Go on to connect it'));
  const popup = await beside(page, () => press('Enter'));
  await popup.getByRole('heading', { name: /^Connect 127\.0\.0\.1 to Tracker$/ }).waitFor();
  const there = keysOf(popup);
  await there.until(/^Go on to 127\.0\.0\.1$/);
  await there.press('Enter');
  await popup.locator('input[name=login]').waitFor();
  await popup.locator('input[name=login]').focus();
  await popup.keyboard.type('ada');
  await there.press('Tab');
  await popup.keyboard.type('any');
  await there.press('Enter');
  await popup.getByRole('button', { name: 'Continue' }).waitFor();
  await there.until(/^Continue$/);
  await there.press('Enter');
  await popup.getByRole('heading', { name: 'Connected' }).waitFor();
  await popup.close();

  await page.waitForURL('**/connections/con_*');
  await state(page, 'active');
  const { pathname } = new URL(page.url());
  const id = pathname.split('/').at(-1);
  await page
    .locator('dd', { hasText: 'ada@example.com' })
    .or(page.locator('dd', { hasText: /^ada/ }))
    .first()
    .waitFor();
  const html = await page.content();
  assert.ok(!html.includes(CLIENT.secret), 'the secret is nowhere');

  await t.test('from now on the connector’s requests carry it', async () => {
    const { grant } = await place.ask('GET', '/main/installations/jackfield/tracker');
    assert.deepEqual(grant.credentials, { github: { connection: id } });
  });

  await t.test('refresh, test, disable, enable', async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByText('It has a new token.').waitFor();
    await page.getByRole('button', { name: 'Test' }).click();
    await page.getByText('It works').waitFor();
    await page.getByRole('button', { name: 'Disable' }).click();
    await state(page, 'disabled');
    await page.getByRole('button', { name: 'Enable' }).click();
    await state(page, 'active');
  });

  await t.test('the provider takes it back: it says why, and the admin signs in again', async () => {
    // A token that still works is kept, whatever becomes of its renewal: so it shall not last.
    await place.provider.tell({ do: 'lifetime', seconds: 2 });
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByText('It has a new token.').waitFor();
    await place.provider.tell({ do: 'withdraw' });
    await page.waitForTimeout(2_500);
    await place.provider.tell({ do: 'lifetime', seconds: 60 });
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByRole('alert').waitFor();
    await state(page, 'needs-reauth');
    await open(page, `${MAIN}/connections`);
    const row = page.locator('li', { hasText: 'Issues of the loom' });
    await row.locator('[data-state="needs-reauth"]').waitFor();
    await row.locator('.notice.bad').waitFor();
    await assertAccessible(page, 'connections, one of which needs somebody');
    await shot(page, 'connections-needs-reauth');
    await row.getByRole('button', { name: 'Reconnect Issues of the loom' }).click();
    const again = await beside(page, () => row.getByRole('link', { name: 'Go on to connect it' }).click());
    await again.getByRole('button', { name: 'Go on to 127.0.0.1' }).click();
    await again.locator('input[name=login], button[type=submit]').first().waitFor();
    if (await again.locator('input[name=login]').isVisible()) await place.provider.signIn(again, 'ada');
    else await again.getByRole('button', { name: 'Continue' }).click();
    await again.getByRole('heading', { name: 'Connected' }).waitFor();
    await again.close();
    await row.locator('[data-state="active"]').waitFor();
    await row.getByRole('link', { name: 'Issues of the loom' }).click();
    await page.waitForURL(`**/connections/${id}`);
  });

  await t.test('somebody who does not consent is not connected, and may try again', async () => {
    await page.getByRole('button', { name: 'Reconnect Issues of the loom' }).click();
    const other = await beside(page, () => page.getByRole('link', { name: 'Go on to connect it' }).click());
    await other.getByRole('button', { name: "Don't connect" }).click();
    await other.getByRole('heading', { name: 'Not connected' }).waitFor();
    await other.close();
    await page.getByText('It was not connected').waitFor();
    await state(page, 'active');
    await shot(page, 'connecting-in-vain');
    await page.getByRole('button', { name: 'Ask for another link' }).click();
    await page.getByRole('link', { name: 'Go on to connect it' }).waitFor();
    await shot(page, 'connecting');
    await assertAccessible(page, 'waiting for somebody to connect it');
  });

  await t.test('revoked, and deleted', async () => {
    await page.reload();
    await page.getByRole('button', { name: 'Revoke Issues of the loom' }).click();
    await page.getByRole('button', { name: 'Keep' }).click();
    await state(page, 'active');
    await page.getByRole('button', { name: 'Revoke Issues of the loom' }).click();
    await page.getByRole('button', { name: 'Revoke for good' }).click();
    await state(page, 'revoked');
    await page.getByRole('button', { name: 'Delete Issues of the loom' }).click();
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.waitForURL('**/connections');
    await page.getByText('No account is connected').waitFor();
    const { grant } = await place.ask('GET', '/main/installations/jackfield/tracker');
    assert.deepEqual(grant.credentials, {}, 'what is gone is no longer bound');
  });
  assert.deepEqual(page.complaints, []);
});

test('a key, and a user with a password, are handed in on the broker’s own page', async () => {
  const page = await stage.signedIn('otto');
  const secret = 'key-0123456789abcdef';
  const asked = [];
  page.on('request', (request) => asked.push(request.postData() ?? ''));
  for (const [entry, fields] of [
    ['api-key', { Key: secret }],
    ['basic', { 'User name': 'otto', Password: secret }],
  ]) {
    await open(page, `${MAIN}/connections/new?connector=jackfield%3Ahttp`);
    await page.getByLabel('With which credential').selectOption(entry);
    await page.waitForURL(`**auth=${entry}`);
    await page.getByLabel('Label', { exact: true }).fill(`by ${entry}`);
    await page.getByRole('button', { name: 'Go on' }).click();
    const popup = await beside(page, () => page.getByRole('link', { name: 'Go on to connect it' }).click());
    for (const [label, value] of Object.entries(fields)) await popup.getByLabel(label).fill(value);
    await popup.getByRole('button', { name: 'Connect', exact: true }).click();
    await popup.getByRole('heading', { name: 'Connected' }).waitFor();
    await popup.close();
    await page.waitForURL('**/connections/con_*');
    await state(page, 'active');
    assert.equal(await page.getByRole('button', { name: /Refresh|Test/ }).count(), 0, 'nothing renews it');
  }
  assert.ok(!asked.some((body) => body.includes(secret)), 'the console never had it');
  assert.ok(!(await page.content()).includes(secret));
  assert.deepEqual(page.complaints, []);
});

test('a provider is chosen from those that are known, and asks for what it must be told', async () => {
  const page = await stage.signedIn('ada');
  await open(page, `${MAIN}/connections/new?connector=jackfield%3Atracker`);
  await page.getByLabel('Provider').selectOption('zendesk');
  await page.getByText(/^The connector is made for /).waitFor();
  await page.getByRole('link', { name: 'Register an app at Zendesk' }).waitFor();
  await page.getByLabel('Client id').fill('app');
  const field = page.locator('label', { hasText: 'The provider calls it' }).locator('input');
  await field.fill('acme/evil');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('provider-parameter-refused').waitFor();
  await field.fill('acme');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('link', { name: 'Go on to connect it' }).waitFor();

  await open(page, `${MAIN}/connections`);
  await page
    .getByText(/^Nobody has finished it\. The link that it was made with ends in/)
    .first()
    .waitFor();
  assert.deepEqual(page.complaints, []);
});

test('by keys alone, an admin makes a token; a program calls with it, and the call is there with its bill', async () => {
  const page = await stage.signedIn('ada');
  await open(page, `${MAIN}/tokens`);
  const { press, until, write } = keysOf(page);
  await write(/^What it is for/, 'nightly import');
  await write(/^Packages that it may reach/, 'jackfield:csv');
  await until(/^Make it$/);
  await press('Enter');
  const shown = page.locator('code', { hasText: /^jfw_/ });
  await shown.waitFor();
  const token = await shown.innerText();
  await assertAccessible(page, 'a token that is shown');
  await shot(page, 'token-made');
  await until(/^Copy the token$/);
  await press('Enter');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);

  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const { invocation, bill } = await place.convert({ token, headers });
  await place.reach('https://api.example.com/', { token });
  await new Promise((resolve) => setTimeout(resolve, 400));

  await page.reload();
  await settled(page);
  assert.equal(await page.getByText(token).count(), 0, 'it is shown once');
  await open(page, `${MAIN}/invocations`);
  await page.getByLabel('Caller').selectOption({ label: 'token nightly import' });
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL('**caller=token**');
  await settled(page);
  assert.equal(await page.locator('.calls > li').count(), 1, 'what it did not reach was not begun');
  await page.locator('.calls > li').getByRole('link').click();
  await page.waitForURL(`**/invocations/${invocation}`);
  await page.getByText('It did what it was asked.').waitFor();
  const words = await page.locator('main').innerText();
  assert.match(words, /units of fuel/);
  assert.match(words, new RegExp(`${(bill.peak_memory_bytes / 2 ** 20).toFixed(1)}\\sMiB at the most`));
  await page.getByRole('button', { name: 'Copy the trace id' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), trace);

  await open(page, `${MAIN}/tokens`);
  await page.getByRole('button', { name: 'Revoke nightly import' }).click();
  await page.getByRole('button', { name: 'Revoke for good' }).click();
  await page.getByText('Those that are good no more (1)').waitFor();
  await place.ask('GET', '/main', undefined, { token, expect: 401 });
  assert.deepEqual(page.complaints, []);
});

test('what was denied is allowed by a button, by who may', async () => {
  const { invocation } = await place.reach('https://api.example.com/v1/looms');
  await new Promise((resolve) => setTimeout(resolve, 400));
  const path = `${MAIN}/invocations/${invocation}`;
  const otto = await stage.signedIn('otto');
  await open(otto, path);
  await otto.getByText('the grant does not cover the host api.example.com').first().waitFor();
  assert.equal(await otto.getByRole('button', { name: /^Allow/ }).count(), 0, 'he may not grant');

  const ada = await stage.signedIn('ada');
  await open(ada, path);
  await shot(ada, 'denied');
  await ada.getByRole('button', { name: 'Allow GET https://api.example.com' }).click();
  await ada.getByText('The next call may.').waitFor();
  // It gets as far as the name, which there is none of.
  const again = await place.reach('https://api.example.com/v1/looms', { expect: 503 });
  assert.equal(again.code, 'connector-unavailable');
  const { grant } = await place.ask('GET', '/main/installations/jackfield/http');
  assert.deepEqual(grant.egress, ['GET https://api.example.com']);
  assert.deepEqual([...ada.complaints, ...otto.complaints], []);
});

test('there are more calls than one page has', async () => {
  for (let n = 0; n < 105; n += 1) await place.convert();
  await new Promise((resolve) => setTimeout(resolve, 400));
  const page = await stage.signedIn('axel');
  await open(page, `${MAIN}/invocations?connector=jackfield%3Acsv`);
  assert.equal(await page.locator('.calls > li').count(), 100);
  const last = await page.locator('.calls > li a').last().getAttribute('href');
  await page.getByRole('link', { name: 'Older calls' }).click();
  await page.waitForURL('**before=**');
  await settled(page);
  const rest = await page
    .locator('.calls > li a')
    .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  assert.ok(rest.length >= 5 && rest.length < 100 && !rest.includes(last), `${rest.length} more`);
  assert.match(page.url(), /connector=jackfield%3Acsv/);
  await open(page, `${MAIN}/invocations?outcome=denied`);
  assert.ok(
    (await page.locator('.calls > li .tag').allInnerTexts()).every((text) => text === 'denied'),
    'only what was denied',
  );
  await open(page, `${MAIN}/invocations?outcome=panic`);
  await page.getByText('No call fits').waitFor();
});

test('a member sees his own calls and nothing to change', async () => {
  const page = await stage.signedIn('mia');
  // What she calls in her browser is hers.
  await open(page, `${MAIN}/invocations`);
  await page.getByText('Nothing has been called yet').waitFor();
  const status = await page.evaluate(async () => {
    const form = new FormData();
    form.set('input', '{"file":{"$file":"a"}}');
    form.set('a', new Blob(['a,b\n1,2\n']), 'a.csv');
    const path = '/v1/workspaces/main/installations/jackfield/csv/operations/to-json-lines/invoke';
    return (await fetch(path, { method: 'POST', headers: { 'x-jackfield-csrf': '1' }, body: form })).status;
  });
  assert.equal(status, 200);
  await page.waitForTimeout(400);
  await page.reload();
  await settled(page);
  assert.equal(await page.locator('.calls > li').count(), 1);
  assert.equal(await page.getByLabel('Caller').count(), 0);
  const nav = page.getByRole('navigation', { name: 'The workspace Main' });
  assert.deepEqual(await nav.getByRole('link').allInnerTexts(), [
    'Installations',
    'Connections',
    'Invocations',
    'Members',
    'Policy',
  ]);
  const { invocations } = await place.ask('GET', '/main/invocations');
  const ofOthers = invocations.find(({ caller }) => caller !== 'user:mia');
  await page.goto(`${MAIN}/invocations/${ofOthers.id}`);
  await page.getByText('There is nothing here').waitFor();

  const { connections } = await place.ask('GET', '/main/connections');
  for (const path of ['/connections', `/connections/${connections[0].id}`, '/members']) {
    await open(page, MAIN + path);
    const main = page.locator('main');
    assert.equal(
      await main.getByRole('button', { name: /Connect|Reconnect|Delete|Revoke|Disable|Change|Remove|Add|Set/ }).count(),
      0,
      path,
    );
    assert.equal(await main.getByRole('link', { name: 'Connect an account' }).count(), 0, path);
  }
  await page.goto(`${MAIN}/connections/new`);
  await page.getByText('Accounts are connected by operators and admins').waitFor();
  for (const path of ['/tokens', '/audit']) {
    await page.goto(MAIN + path);
    await page.getByText('role-insufficient').waitFor();
  }
  assert.deepEqual(page.complaints, []);

  const bob = await stage.signedIn('bob');
  await bob.goto(MAIN);
  await bob.getByText('There is nothing here').waitFor();
});

test('members come, change and go; one admin is left', async () => {
  const page = await stage.signedIn('ada');
  await open(page, `${MAIN}/members`);
  await page.getByLabel('User').fill('nobody');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('user-not-found').waitFor();
  await page.getByLabel('User').fill('bob');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('bob belongs here now, as member.').waitFor();
  await page.getByLabel('Role of bob', { exact: true }).selectOption('auditor');
  await page.getByRole('button', { name: 'Change the role of bob' }).click();
  await page.getByText('bob is auditor now.').waitFor();
  await page.getByRole('button', { name: 'Remove bob' }).click();
  await page.getByRole('button', { name: 'Remove bob' }).click();
  await page.getByText('bob is gone from here.').waitFor();
  assert.equal(await page.getByLabel('Role of bob', { exact: true }).count(), 0);

  await page.getByRole('button', { name: 'Remove operator' }).click();
  await page.getByRole('button', { name: 'Remove operator' }).click();
  await page.getByText('operator is gone from here.').waitFor();
  await page.getByLabel('Role of ada', { exact: true }).selectOption('member');
  await page.getByRole('button', { name: 'Change the role of ada' }).click();
  await page.getByText('last-admin').waitFor();
  const { members, calls_a_minute } = await place.ask('GET', '/main');
  assert.equal(members.find(({ user }) => user === 'ada').role, 'admin');

  assert.equal(await page.getByLabel('Calls a minute').inputValue(), String(calls_a_minute));
  await page.getByLabel('Calls a minute').fill('9000');
  await page.getByRole('button', { name: 'Set it' }).click();
  await page.getByText('9,000 calls a minute, from now on.').waitFor();
  assert.equal((await place.ask('GET', '/main')).calls_a_minute, 9_000);
  assert.deepEqual(page.complaints, []);
});

test('a policy is read by everybody, and changed by admins as a whole', async () => {
  const page = await stage.signedIn('ada');
  await open(page, `${MAIN}/policy`);
  const before = await place.ask('GET', '/main/policy');
  assert.equal(await page.getByLabel('Minimum age, in hours').inputValue(), String(before.minimum_age_hours));
  await page.getByRole('heading', { name: 'registry.example' }).waitFor();
  await page.getByRole('link', { name: 'jackfield', exact: true }).waitFor();

  await page.getByLabel('Minimum age, in hours').fill('24');
  await page.getByLabel('Denied imports, one a line').fill('wasi:sockets\nacme:gpu/compute');
  await page.getByLabel('Refuse a release with an advisory').selectOption('critical');
  await page.getByLabel('When something installed was revoked').selectOption('disable');
  await page.getByLabel('Tell the registry which release was installed').uncheck();
  await page.getByLabel('An index is stale after, in hours').fill('96');
  await page.getByLabel(/^A stale index/).selectOption('warn');
  await page.getByRole('button', { name: 'Add an auditor' }).click();
  const auditor = page.getByRole('group', { name: 'auditor 1' });
  await auditor.getByLabel('Name').fill('eve');
  await auditor.getByLabel('Public key').fill(before.registries[0].statements_key);
  await page.getByRole('button', { name: 'Add an audit', exact: true }).click();
  const audit = page.getByRole('group', { name: 'audit 1' });
  await audit.getByLabel('By whom').fill('eve, alice');
  await audit.getByLabel('For which packages').fill('acme:*');
  await page.getByRole('button', { name: 'Add an exemption' }).click();
  const exemption = page.getByRole('group', { name: 'exemption 1' });
  await exemption.getByLabel('Packages').fill('acme:crm');
  await exemption.getByLabel('From which rule').selectOption('age');
  await exemption.getByLabel('Its last day').fill('2027-01-31');
  await exemption.getByLabel('Why').fill('Read by us on the first day.');
  const save = page.getByRole('button', { name: 'Save the policy' });
  await save.click();
  await page.getByText('policy-invalid').waitFor();
  await page.getByText(/asks alice, who has no key/).waitFor();
  await stage.look(page, 'policy-refused');
  await audit.getByLabel('By whom').fill('eve');
  await save.click();
  await page.getByText('It is saved').waitFor();
  const after = await place.ask('GET', '/main/policy');
  assert.deepEqual(after, {
    ...before,
    minimum_age_hours: 24,
    denied_imports: ['wasi:sockets', 'acme:gpu/compute'],
    refuse_advisories: 'critical',
    when_revoked: 'disable',
    report_installs: false,
    freshness: { index_hours: 96, when_stale: 'warn' },
    auditors: { eve: before.registries[0].statements_key },
    audits: [{ criteria: 'safe-to-run', from: ['eve'], count: 1, packages: 'acme:*' }],
    exemptions: [{ packages: 'acme:crm', rule: 'age', reason: 'Read by us on the first day.', expires: '2027-01-31' }],
  });
  // A name for two keys would lose one of them.
  await page.getByRole('button', { name: 'Add an auditor' }).click();
  await page.getByRole('group', { name: 'auditor 2' }).getByLabel('Name').fill('eve');
  await page.getByRole('group', { name: 'auditor 2' }).getByLabel('Public key').fill('0'.repeat(64));
  await save.click();
  await page.getByText('Two auditors are called “eve”.').waitFor();
  await page.getByRole('button', { name: 'Remove auditor 2' }).click();
  await save.click();
  await page.getByText('It is saved').waitFor();
  assert.deepEqual(await place.ask('GET', '/main/policy'), after);

  for (const user of ['mia', 'axel']) {
    const other = await stage.signedIn(user);
    await open(other, `${MAIN}/policy`);
    await other.getByText('An admin of the workspace changes it.').waitFor();
    assert.ok(await other.getByLabel('Minimum age, in hours').isDisabled());
    assert.equal(
      await other
        .locator('main')
        .getByRole('button', { name: /^(Save|Add|Remove)/ })
        .count(),
      0,
    );
    assert.deepEqual(other.complaints, []);
  }
  assert.deepEqual(page.complaints, []);
});

test('an auditor filters the log, verifies it in the browser, and takes it along', async (t) => {
  const page = await stage.signedIn('axel');
  await open(page, `${MAIN}/audit`);
  const { hash } = await place.ask('GET', '/main/audit/verify');
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByText(/^It holds: \d+ lines, each follows from the one before$/).waitFor();
  await page.locator('code', { hasText: hash }).waitFor();
  await shot(page, 'audit-verified');
  await assertAccessible(page, 'audit, verified');

  await t.test('a hash that was noted is found, also once the log has grown', async () => {
    await place.ask('PUT', '/main/quota', { calls_a_minute: 10_000 });
    await page.getByLabel('A hash that you noted before').fill(hash);
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/^The hash that you noted is that of line \d+\.$/).waitFor();
    await page.getByLabel('A hash that you noted before').fill('f'.repeat(64));
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText('The hash that you noted is not in it').waitFor();
    await page.getByLabel('A hash that you noted before').fill('not a hash');
    await page.getByText('That is no hash').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Verify the chain' }).isDisabled());
    await page.getByLabel('A hash that you noted before').fill('');
  });

  await t.test('a server that changes a line is caught, whatever it says of itself', async () => {
    await page.route('**/audit/export**', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('user:ada', 'user:eve') });
    });
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/^It does not hold: line \d+ does not follow/).waitFor();
    await page.getByText('The server says otherwise').waitFor();
    await page.unroute('**/audit/export**');
  });

  await t.test('the whole of it is a file', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download all of it' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'audit-main.jsonl');
    const lines = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\n')
      .map(JSON.parse);
    assert.equal(lines.at(-1).number, lines.length);
  });

  await t.test('filters', async () => {
    await page.getByLabel('Allowed').selectOption('false');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL('**allowed=false');
    await settled(page);
    const denied = await page.locator('.lines > li').allInnerTexts();
    assert.ok(denied.length > 0 && denied.every((text) => text.includes('denied')), denied.join());
    await open(page, `${MAIN}/audit?action=tokens&caller=user:ada`);
    assert.ok((await page.locator('.lines > li strong').allInnerTexts()).every((text) => text === 'tokens'));
    await open(page, `${MAIN}/audit?target=jackfield:c`);
    assert.ok((await page.locator('.lines > li code').allInnerTexts()).every((text) => text === 'jackfield:csv'));
  });
  assert.deepEqual(page.complaints, []);
});

test('what strangers write is text on every page', async () => {
  const label = HOSTILE.slice(0, 190);
  await place.ask('POST', '', { name: 'hostile', title: label });
  const { token } = await place.ask('POST', '/main/tokens', { label });
  const { connection } = await place.ask('POST', '/main/connections', {
    connector: 'jackfield:tracker',
    client_id: label,
    label,
    scopes: [HOSTILE],
  });
  await place.ask('POST', '/main/installations', { package: 'jackfield:nothing', grant: 'none' }, { expect: 404 });
  await place.ask('GET', `/main/connections/${encodeURIComponent(HOSTILE)}`, undefined, { expect: 404 });
  // A URL that is none, which the connector's own error repeats.
  const { invocation } = await place.reach(`https://key.example.com/${HOSTILE}`, { token, expect: 422 });
  // Somebody who has used a connector reviews it.
  await place.as(
    'bob',
    'login',
    '--registry',
    place.url,
    '--user',
    'bob',
    '--password-file',
    join(place.folder, 'password'),
  );
  await place.as('bob', 'registry', 'add', place.url);
  await place.as('bob', 'install', 'jackfield:csv', '--grant-all');
  writeFileSync(join(place.folder, 'a.csv'), 'name,cost\nloom,7\n');
  const words = ['jackfield:csv', 'to-json-lines', '--input', '{"file":{"$file":"a"}}'];
  for (let n = 0; n < 2; n += 1)
    await place.as(
      'bob',
      'invoke',
      ...words,
      '--file',
      `a=${join(place.folder, 'a.csv')}`,
      '--out',
      join(place.folder, `out-${n}`),
    );
  await place.as('bob', 'review', 'add', 'jackfield:csv', '--stars', '1', '--text', HOSTILE);
  await place.ask('GET', '/main/audit', undefined, { token, expect: 403 });
  await new Promise((resolve) => setTimeout(resolve, 400));

  const page = await stage.signedIn('ada');
  const of = (text) => page.locator('main').getByText(text.slice(0, 30), { exact: false }).first();
  for (const [path, isThere] of [
    ['/packages/jackfield/hostile', true],
    ['/packages/jackfield/hostile/permissions', true],
    ['/packages/jackfield/hostile/setup', false],
    ['/packages/jackfield/hostile/versions', true],
    ['/packages/jackfield/csv/reviews', true],
    ['/search?q=hostile', true],
    ['/review', true],
    [MAIN, true],
    [`${MAIN}/install?package=jackfield:hostile`, true],
    [`${MAIN}/installations/jackfield/hostile`, true],
    [`${MAIN}/installations/jackfield/hostile/operations/request`, false],
    [`${MAIN}/connections`, true],
    [`${MAIN}/connections/${connection}`, true],
    [`${MAIN}/connections/new?connector=jackfield%3Ahostile`, true],
    [`${MAIN}/tokens`, true],
    [`${MAIN}/audit`, true],
    [`${MAIN}/invocations`, true],
    [`${MAIN}/invocations/${invocation}`, false],
    [`${MAIN}/invocations?caller=${encodeURIComponent(HOSTILE)}&connector=${encodeURIComponent(HOSTILE)}`, true],
    [`${MAIN}/audit?caller=${encodeURIComponent(HOSTILE)}&target=${encodeURIComponent(HOSTILE)}`, false],
    [`${MAIN}/connections/${encodeURIComponent(HOSTILE)}`, false],
    [`/search?q=${encodeURIComponent(HOSTILE)}`, true],
  ]) {
    await open(page, path);
    if (isThere) await of('<img src=x onerror').waitFor({ state: 'attached' });
    assert.equal(await page.locator('img, main script').count(), 0, path);
  }
  // What a connector logs and answers, and what files it makes.
  await page.route('**/invoke', async (route) => {
    const answer = {
      invocation,
      result: { [HOSTILE]: HOSTILE },
      bill: (await place.convert()).bill,
      denials: [
        {
          connector: 'jackfield:http',
          operation: HOSTILE,
          asked: HOSTILE,
          layer: HOSTILE,
          reason: HOSTILE,
          fix: HOSTILE,
        },
      ],
      log: [{ level: 'info', message: HOSTILE, fields: [[HOSTILE, HOSTILE]] }],
      files: [{ id: HOSTILE, name: HOSTILE, media_type: HOSTILE, bytes: 0, base64: '' }],
    };
    await route.fulfill({ contentType: 'application/json', body: JSON.stringify(answer) });
  });
  await open(page, `${MAIN}/installations/jackfield/http/operations/request`);
  await page.getByLabel(/^url/i).first().fill('https://api.example.com/');
  await page.getByRole('button', { name: 'Call it', exact: true }).click();
  await page.getByRole('heading', { name: 'What it said' }).waitFor();
  assert.ok((await page.getByText('<img src=x onerror').count()) > 5, 'all of it is there, as text');
  assert.equal(await page.locator('img, main script').count(), 0);

  const operator = await stage.person();
  const link = new URL(place.link);
  await operator.goto(link.pathname + link.hash);
  await operator.waitForURL('**/account');
  await open(operator, '/workspaces?all');
  await operator.getByText('<img src=x onerror').first().waitFor();
  await open(operator, '/workspaces/hostile');
  await operator.getByText('<img src=x onerror').first().waitFor();
  await page.waitForTimeout(300);
  assert.deepEqual([...page.complaints, ...operator.complaints], [], 'nothing ran, and nothing was even tried');
  await place.ask('DELETE', `/main/connections/${connection}`);
});

/** Another site, on this machine: its requests bring cookies along, since a port is no other site. */
async function otherSite(html) {
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

test('no other site acts in an admin’s name, shows these pages in a frame, or is gone to', async (t) => {
  const page = await stage.signedIn('ada');

  await t.test('a form of another site', async () => {
    const count = async () => (await place.ask('GET', '/main/tokens')).tokens.length;
    const before = await count();
    for (const [enctype, name, value] of [
      ['text/plain', '{"label":"forged","x":"', '"}'],
      ['application/x-www-form-urlencoded', 'label', 'forged'],
      ['multipart/form-data', 'label', 'forged'],
    ]) {
      const site = await otherSite(
        `<form method="post" action="${stage.url}/v1/workspaces/main/tokens" enctype="${enctype}"><input name='${name}' value='${value}'><button>Win</button></form>`,
      );
      await page.goto(site.url);
      const [answer] = await Promise.all([
        page.waitForResponse((response) => response.url().endsWith('/main/tokens')),
        page.getByRole('button', { name: 'Win' }).click(),
      ]);
      assert.equal(answer.status(), 403, enctype);
      await site.stop();
    }
    assert.equal(await count(), before);
  });

  await t.test('a script of another site', async () => {
    const site = await otherSite('<p>Hello</p>');
    await page.goto(site.url);
    const done = await page.evaluate(async (url) => {
      const headers = { 'x-jackfield-csrf': '1', 'content-type': 'application/json' };
      const asked = { method: 'POST', credentials: 'include', headers, body: '{"label":"forged"}' };
      return fetch(`${url}/v1/workspaces/main/tokens`, asked).then(
        () => 'answered',
        () => 'refused',
      );
    }, stage.url);
    assert.equal(done, 'refused', 'the browser does not even send it');
    const { tokens } = await place.ask('GET', '/main/tokens');
    assert.ok(!tokens.some(({ label }) => label === 'forged'));
    await site.stop();
  });

  await t.test('a frame', async () => {
    for (const path of [MAIN, `${MAIN}/tokens`, '/sign-in', '/account']) {
      const site = await otherSite(`<iframe src="${stage.url}${path}"></iframe>`);
      await page.goto(site.url);
      await page.waitForTimeout(300);
      const [frame] = page.frames().filter((it) => it !== page.mainFrame());
      assert.equal(frame.url(), 'chrome-error://chromewebdata/', path);
      await site.stop();
    }
  });

  await t.test('where one goes after signing in', async () => {
    const mia = await stage.person();
    for (const next of [
      'https://evil.example/',
      '//evil.example/',
      '/\\evil.example',
      '\\\\evil.example',
      'javascript:complain("it ran")',
      'data:text/html,hello',
      'http:evil.example',
      ' //evil.example',
      '\t//evil.example',
      '/%2F/evil.example',
    ]) {
      await mia.goto(`/sign-in?next=${encodeURIComponent(next)}`);
      await mia.getByLabel('User').fill('mia');
      await mia.getByLabel('Password').fill('patched through twice');
      await mia.keyboard.press('Enter');
      await mia.getByRole('button', { name: 'Sign out' }).waitFor();
      assert.equal(new URL(mia.url()).origin, new URL(stage.url).origin, next);
      await mia.getByRole('button', { name: 'Sign out' }).click();
      await mia.waitForURL(`${stage.url}/`);
    }
    await mia.goto(`/sign-in?next=${encodeURIComponent(`${MAIN}/members`)}`);
    await mia.getByLabel('User').fill('mia');
    await mia.getByLabel('Password').fill('patched through twice');
    await mia.keyboard.press('Enter');
    await mia.waitForURL(`**${MAIN}/members`);
    assert.deepEqual(mia.complaints, []);
  });
});

async function shot(page, name) {
  if (!stage.shots) return;
  const { width } = page.viewportSize();
  await page.screenshot({ path: join(stage.shots, `${name}-${width}.png`), fullPage: true });
}

for (const theme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    test(`every page, ${theme}, ${width} px wide: accessible, fits, keeps to the policy, stays put`, async (t) => {
      const ada = await stage.signedIn('ada', { theme, width });
      const mia = await stage.signedIn('mia', { theme, width });
      const axel = await stage.signedIn('axel', { theme, width });
      const { connections } = await place.ask('GET', '/main/connections');
      const { invocations } = await place.ask('GET', '/main/invocations?outcome=denied');
      for (const [page, name, path] of [
        [ada, 'connections', '/connections'],
        [ada, 'connection', `/connections/${connections[0].id}`],
        [ada, 'connect', '/connections/new'],
        [ada, 'connect-oauth', '/connections/new?connector=jackfield%3Atracker'],
        [ada, 'connect-key', '/connections/new?connector=jackfield%3Ahttp&auth=api-key'],
        [ada, 'connect-none', '/connections/new?connector=jackfield%3Acsv'],
        [ada, 'invocations', '/invocations'],
        [ada, 'invocation', `/invocations/${invocations[0].id}`],
        [ada, 'members', '/members'],
        [ada, 'policy', '/policy'],
        [mia, 'policy-of-a-member', '/policy'],
        [ada, 'tokens', '/tokens'],
        [ada, 'audit', '/audit'],
        [mia, 'connections-of-a-member', '/connections'],
        [mia, 'invocations-of-a-member', '/invocations'],
        [mia, 'members-of-a-member', '/members'],
        [mia, 'forbidden', '/audit'],
        [axel, 'tokens-of-an-auditor', '/tokens'],
        [axel, 'nothing-fits', '/invocations?outcome=panic'],
      ]) {
        await t.test(name, async () => {
          await open(page, MAIN + path);
          await shot(page, `${name}-${theme}`);
          await assertFits(page, name);
          await assertAccessible(page, name);
          assert.equal(await page.locator('h1').count(), 1, 'one first heading');
          const shift = await page.evaluate(() => window.shift);
          assert.ok(shift <= SHIFT, `${name} shifts by ${shift}`);
          assert.deepEqual(page.complaints, []);
        });
      }
      await Promise.all([ada, mia, axel].map((page) => page.context().close()));
    });
  }
}
