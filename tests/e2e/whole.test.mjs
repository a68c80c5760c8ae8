// The whole way of a connector through a workspace, in one sitting: found, read, installed with less, connected, called, stopped, rated.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { CLIENT } from './provider.mjs';
import { certified, serve } from './service.mjs';
import { Stage, beside, open } from './stage.mjs';
import { Workplace } from './workplace.mjs';

const LOOMS = '/workspaces/main/installations/jackfield/looms';

/** There is one connector, which acts in the name of whoever connects an account; and one operator of the server, who runs the workspace. */
class Loomery extends Workplace {
  env(home) {
    return { ...super.env(home), JACKFIELD_CA_FILE: authority };
  }

  async seed() {
    await this.people();
    await this.as('operator', 'user', 'create', 'olga', '--operator', '--password-file', join(this.folder, 'password'));
    await this.ask('PUT', '/main/members/olga', { role: 'admin' });
    await this.release('0.1.0');
    await this.settled();
  }

  /** A connector like http, but with an account at the provider. */
  release(version, change = () => {}) {
    const looms = (manifest) => {
      Object.assign(manifest, { name: 'jackfield:looms', title: 'Looms', version, summary: 'Asks a loom how it is.' });
      const scopes = [{ name: 'openid', reason: 'Know who you are.' }];
      Object.assign(manifest.auth[0], { type: 'oauth2', provider: 'acme', scopes });
      change(manifest);
    };
    return this.publish(this.evolved('http', `looms-${version}`, looms));
  }
}

let stage, place, service, folder, authority;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'jackfield-tls-'));
  const { tls, ...certificate } = certified(folder);
  authority = certificate.authority;
  service = await serve(tls);
  stage = await Stage.open({ only: null, kind: Loomery });
  place = stage.registry;
});
after(async () => {
  await Promise.all([stage?.close(), service?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

test('a connector is found, read, installed, connected, called, allowed more, upgraded, stopped and rated', async (t) => {
  const page = await stage.signedIn('olga');
  const box = (name) => page.getByRole('textbox', { name, exact: true });
  const call = page.getByRole('button', { name: 'Call it', exact: true });
  const result = page.getByRole('region', { name: 'Result' });

  await t.test('found, and its permissions read', async () => {
    await open(page, '/search?q=loom');
    await page.getByRole('link', { name: 'Looms', exact: true }).click();
    await page.waitForURL('**/packages/jackfield/looms');
    await page.getByRole('link', { name: 'Permissions', exact: true }).click();
    await page.getByText('“Sends the requests of your workflows to the hosts that you name').waitFor();
    await page.getByText('Know who you are.').waitFor();
    await page.getByRole('link', { name: 'Install in a workspace' }).click();
    await page.waitForURL('**/workspaces/main/install?**');
  });

  await t.test('installed with less than it asks for', async () => {
    await page.getByRole('checkbox', { name: 'the host that its setting hosts names' }).check();
    await page.getByLabel('What is allowed').fill(`GET ${service.origin}`);
    await box('Hosts 1').fill('127.0.0.1');
    await page.getByLabel(/^I have read/).check();
    await page.getByRole('button', { name: 'Install it' }).click();
    await page.waitForURL(`**${LOOMS}`);
    await page.getByText('It may reach 127.0.0.1; all that it does may be called.').waitFor();
    assert.deepEqual(await page.locator('.grants li').allInnerTexts(), [`GET ${service.origin}`]);
  });

  await t.test('an account is connected at a certified provider', async () => {
    await open(page, '/workspaces/main/connections/new?connector=jackfield%3Alooms&auth=bearer');
    await page.getByLabel('Client id').fill(CLIENT.id);
    await page.getByLabel('Client secret').fill(CLIENT.secret);
    await page.getByText('Scopes, and how to sign in').click();
    await page.getByLabel('Scopes, one a line').fill('openid email offline_access');
    await page.getByRole('button', { name: 'Go on', exact: true }).click();
    const popup = await beside(page, () => page.getByRole('link', { name: 'Go on to connect it' }).click());
    await popup.getByRole('button', { name: 'Go on to 127.0.0.1' }).click();
    await popup.locator('input[name=login]').waitFor();
    await place.provider.signIn(popup, 'olga');
    await popup.getByRole('heading', { name: 'Connected' }).waitFor();
    await popup.close();
    await page.waitForURL('**/connections/con_*');
    await open(page, LOOMS);
    await page.getByText('connected', { exact: true }).waitFor();
  });

  await t.test('called with a form: its request carries the token, its bill says what it took', async () => {
    await page.getByRole('link', { name: /^Try it/ }).click();
    await box('url').fill(`${service.origin}/items`);
    await call.click();
    await result.waitFor();
    assert.match(await result.innerText(), /"name": "loom"/);
    await page.getByText(/^1 sent, with \d+\sbytes out and \d+\sbytes in$/).waitFor();
    assert.match(service.credentials.at(-1), /^Bearer .{20}/);
    assert.ok(!(await page.content()).includes(service.credentials.at(-1).slice(7)), 'the token is nowhere');
  });

  await t.test('what was not granted is denied, and granted from there', async () => {
    await page.getByLabel(/^method/).selectOption('POST');
    await call.click();
    await page.getByText('It was denied what it needs').waitFor();
    await page.getByText('none sent; 1 denied').waitFor();
    await stage.look(page, 'whole-denied');
    assert.deepEqual(service.seen, ['GET /items']);
    await page.getByRole('button', { name: `Allow POST ${service.origin}` }).click();
    await page.getByRole('button', { name: 'Call it again' }).click();
    await result.waitFor();
    assert.deepEqual(service.seen, ['GET /items', 'POST /items']);
  });

  await t.test('upgraded, after what it asks for more was read', async () => {
    await place.release('0.2.0', (manifest) => {
      manifest.changes = 'It asks a mirror, too.';
      manifest.egress.push({ host: 'mirror.example.com', methods: ['GET'], reason: 'When the first is down.' });
    });
    await place.settled();
    await open(page, LOOMS);
    await page.getByRole('link', { name: 'See what it changes, and upgrade' }).click();
    await page.getByText('It asks for more than before').waitFor();
    assert.deepEqual(await page.locator('.changes .widens code').allInnerTexts(), ['mirror.example.com']);
    await stage.look(page, 'whole-upgrade');
    await page.getByLabel(/^I have read/).check();
    await page.getByRole('button', { name: 'Upgrade to 0.2.0' }).click();
    await page.waitForURL(`**${LOOMS}`);
    const granted = [`GET ${service.origin}`, `POST ${service.origin}`];
    assert.deepEqual(await page.locator('.grants li').allInnerTexts(), granted, 'and nothing of it is granted');
    await page.getByText('connected', { exact: true }).waitFor();
  });

  await t.test('the kill switch stops a call that runs', async () => {
    const operator = await stage.signedIn('otto');
    await open(operator, LOOMS);
    await open(page, `${LOOMS}/operations/request`);
    await box('url').fill(`${service.origin}/slow`);
    await call.click();
    while (service.seen.at(-1) !== 'GET /slow') await new Promise((resolve) => setTimeout(resolve, 20));
    await operator.getByRole('button', { name: 'Switch off Looms' }).click();
    await page.getByText('It was stopped by the kill switch').waitFor();
    await operator.getByRole('button', { name: 'Switch on Looms' }).click();
    await operator.getByRole('button', { name: 'Switch off Looms' }).waitFor();
    assert.deepEqual(operator.complaints, []);
  });

  await t.test('rated, for everybody to read', async () => {
    const rate = page.getByRole('button', { name: 'Publish it' });
    // Each release counts for itself: nothing went well since the upgrade.
    await open(page, LOOMS);
    await page.getByLabel('4 stars').check();
    await page.getByLabel('What it is like to use').fill('It knows its looms.');
    await rate.click();
    await page.getByText('No call of this release has gone well here yet').waitFor();
    await open(page, `${LOOMS}/operations/request`);
    for (let n = 0; n < 2; n += 1) {
      await box('url').fill(`${service.origin}/items?${n}`);
      await call.click();
      await result.waitFor();
      assert.equal(service.seen.at(-1), `GET /items?${n}`);
      await page.reload();
    }
    await open(page, LOOMS);
    await page.getByLabel('4 stars').check();
    await page.getByLabel('What it is like to use').fill('It knows its looms.');
    await rate.click();
    await page.getByRole('link', { name: 'See it among the reviews' }).click();
    const review = page.locator('article', { hasText: 'It knows its looms.' });
    await review.getByRole('img', { name: '4 of 5 stars' }).waitFor();
    await review.getByText('2 calls over 1 day').waitFor();
  });
  assert.deepEqual(page.complaints, []);
});
