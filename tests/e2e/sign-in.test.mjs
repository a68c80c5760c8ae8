// Signing in at an OpenID provider, with the real one: as somebody new, as somebody known, and not at all.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CLIENT, Provider } from './provider.mjs';
import { Registry } from './registry.mjs';
import { Stage, assertAccessible, assertFits, settled } from './stage.mjs';
import { freePort } from './workplace.mjs';

/** A registry whose operator has named a provider; the provider knows one address, so the pages are those that the registry shows itself. */
class Place extends Registry {
  async start() {
    this.listen = `127.0.0.1:${await freePort()}`;
    const folder = process.env.JACKFIELD_TEST_PROVIDERS ?? new URL('../providers', import.meta.url).pathname;
    this.provider = await Provider.start(folder, `http://${this.listen}/v1/sign-in/acme/callback`);
    writeFileSync(join(this.folder, 'secret'), `${CLIENT.secret}\n`);
    this.config = join(this.folder, 'serve.toml');
    const lines = {
      id: 'acme',
      title: 'Acme',
      issuer: this.provider.issuer,
      client_id: CLIENT.id,
      client_secret_file: join(this.folder, 'secret'),
    };
    const pairs = Object.entries(lines).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    writeFileSync(this.config, ['[[sign_in]]', ...pairs, 'scopes = ["email"]', 'domains = ["example.com"]'].join('\n'));
    await super.start();
  }

  env(home) {
    return { ...super.env(home), JACKFIELD_CONFIG: home === 'server' ? this.config : '' };
  }

  async seed() {
    const token = join(this.folder, 'data/operator-token');
    await this.as('operator', 'login', '--registry', this.url, '--token-file', token);
    await this.as('operator', 'user', 'create', 'ada', '--password-file', join(this.folder, 'password'));
  }

  async stop() {
    await super.stop();
    await this.provider?.stop();
  }
}

let stage, place;
before(async () => {
  stage = await Stage.open({ kind: Place });
  place = stage.registry;
});
after(() => stage?.close());

const somebody = (more) => stage.person({ baseURL: place.url, ...more });

async function toProvider(page) {
  await page.goto('/sign-in?next=/search');
  await page.getByRole('button', { name: 'Sign in with Acme' }).click();
  await page.locator('input[name=login]').waitFor();
}

test('somebody of a known domain becomes a user by signing in, and is the same the next time', async () => {
  for (const width of [1280, 360]) {
    const page = await somebody({ width });
    await toProvider(page);
    await place.provider.signIn(page, 'grace');
    await page.waitForURL('**/search');
    await page.goto('/account');
    await page.getByText('Signed in as grace').waitFor();
    await page.goto('/account/tokens');
    await settled(page);
    await page.getByText('grace@example.com').waitFor();
    await assertFits(page, 'tokens');
    await assertAccessible(page, 'tokens');
    // It is the only way in, and stays.
    await page.getByRole('button', { name: /^Remove grace@example.com/ }).click();
    await page.getByText('no way to sign in any more').waitFor();
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test('who says no at the provider is told so, and is nobody', async () => {
  const page = await somebody();
  await toProvider(page);
  await page.getByRole('link', { name: /cancel/i }).click();
  await page.getByText('Nobody was signed in').waitFor();
  await page.getByText('The provider says no, or you did.').waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the reason has left the address');
  await assertAccessible(page, 'sign-in');
  assert.equal((await page.request.get('/v1/me')).status(), 401);
  await page.context().close();
});

test('a user adds an account, and signs in by it from then on', async () => {
  const page = await somebody();
  await page.goto('/sign-in');
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('patched through twice');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL('**/account');
  await page.goto('/account/tokens');
  await page.getByRole('button', { name: 'Add one at Acme' }).click();
  await place.provider.signIn(page, 'countess');
  await page.waitForURL('**/account');
  await page.context().close();

  const again = await somebody();
  await toProvider(again);
  await place.provider.signIn(again, 'countess');
  await again.waitForURL('**/search');
  const me = await (await again.request.get('/v1/me')).json();
  assert.equal(me.user, 'ada');
  await again.context().close();
});

test('an answer that another browser asked for is nobody’s', async () => {
  const asking = await somebody();
  const left = asking.waitForRequest((request) => request.url().includes('/callback'));
  await asking.route('**/callback**', (route) => route.abort());
  await toProvider(asking);
  await place.provider.signIn(asking, 'mallory');
  const link = (await left).url();
  const victim = await somebody();
  await victim.goto(link);
  await victim.getByText('belongs to no sign-in that this browser has begun').waitFor();
  assert.equal((await victim.request.get('/v1/me')).status(), 401);
  await asking.context().close();
  await victim.context().close();
});
