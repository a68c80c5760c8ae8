// What an admin does with connectors in a workspace: a real browser, the real pages, a whole real server, and a service to call.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve } from './service.mjs';
import { Stage, open, settled } from './stage.mjs';

const AT = '/workspaces/main/installations/jackfield/http';
const CALL = `${AT}/operations/request`;

let stage;
let service;
before(async () => {
  service = await serve();
  stage = await Stage.open({ only: null });
});
after(() => Promise.all([stage?.close(), service?.stop()]));

const look = (page, name) => stage.look(page, name);
const box = (page, name) => page.getByRole('textbox', { name, exact: true });

test('an admin finds a connector, installs it with less than it asks for, and calls it', async () => {
  const page = await stage.signedIn('olga');
  await page.getByRole('link', { name: 'Workspaces' }).click();
  await page.waitForURL('**/workspaces/main');
  await page.getByText('Nothing is installed here yet').waitFor();
  await look(page, 'empty');

  await page.getByRole('link', { name: 'Browse the marketplace' }).click();
  await page.getByRole('link', { name: 'HTTP request', exact: true }).click();
  await page.getByRole('link', { name: 'Install in a workspace' }).click();
  await page.waitForURL('**/workspaces/main/install?**');
  await page.getByText('“Asks your status page whether a service is up.”').waitFor();
  await look(page, 'offer');

  // Nothing goes unasked, and nothing without its settings.
  const install = page.getByRole('button', { name: 'Install it' });
  await box(page, 'Hosts 1').fill('127.0.0.1');
  await install.click();
  assert.ok(await page.getByLabel(/^I have read/).evaluate((box) => box.validity.valueMissing));
  await box(page, 'Hosts 1').fill('NOT A HOST');
  await page.getByLabel(/^I have read/).check();
  await install.click();
  assert.match(await box(page, 'Hosts 1').evaluate((box) => box.validationMessage), /^It must match/);
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  await page.getByLabel('Settings as JSON').fill('{"hosts": ["NOT A HOST"], "more": 1}');
  await install.click();
  await page.getByText('It does not fit').waitFor();
  await page.locator('.faults code', { hasText: '/hosts/0' }).waitFor();
  await look(page, 'offer-refused');
  await page.getByLabel('Settings as JSON').fill('{"hosts": ["127.0.0.1"]}');
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  assert.equal(await box(page, 'Hosts 1').inputValue(), '127.0.0.1');
  await page.getByText(/allow it no destination and 1 operation in Main/).waitFor();
  await install.click();
  await page.waitForURL(`**${AT}`);
  await page.getByText('It reaches nobody; all that it does may be called.').waitFor();
  await look(page, 'installation');

  // The defaults that the offer showed are those that hold.
  const { limits } = await api(page, '/v1/workspaces/main/installations/jackfield/http');
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByText('All other limits, each with its default').click();
  for (const [limit, { value }] of Object.entries(limits)) {
    const shown = page.locator(`[data-limit=${limit}] input`);
    assert.equal(await shown.getAttribute('placeholder'), String(value), limit);
  }
  await look(page, 'grant');
  await page.getByRole('button', { name: 'Leave it as it was' }).click();

  await page.getByRole('link', { name: 'Try it: HTTP request' }).click();
  await page.waitForURL(`**${CALL}`);
  await look(page, 'try');
  await box(page, 'url').fill(`${service.origin}/items`);
  await page.getByRole('button', { name: 'Call it', exact: true }).click();
  await page.getByText('It was denied what it needs').waitFor();
  await page.getByText('Nothing had left before that.').waitFor();
  await page.getByText('none sent; 1 denied').waitFor();
  await look(page, 'denied');
  assert.deepEqual(service.seen, [], 'nothing reached the service');

  await page.getByRole('button', { name: `Allow GET ${service.origin}` }).click();
  await page.getByText('Allowed now.').waitFor();
  await page.getByRole('button', { name: 'Call it again' }).click();
  const result = page.getByRole('region', { name: 'Result' });
  await result.waitFor();
  assert.match(await result.innerText(), /"id": 12345678901234567890,/, 'long numbers keep their digits');
  await page.getByText(/^1 sent, with 0\sbytes out and \d+\sbytes in$/).waitFor();
  assert.deepEqual(service.seen, ['GET /items']);
  await look(page, 'answer');

  // What came of an input is marked once that is another, and goes when the next one is refused.
  const isOld = page.getByText('The input has changed since');
  await box(page, 'url').fill(`${service.origin}/item`);
  await isOld.waitFor();
  await look(page, 'answer-before');
  await box(page, 'url').fill(`${service.origin}/items`);
  await isOld.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  assert.equal(await isOld.count(), 0, 'it is the same as JSON');
  await page.getByLabel('Input as JSON').fill('{"url": ');
  await isOld.waitFor();
  await page.getByRole('button', { name: 'Call it', exact: true }).click();
  await result.waitFor({ state: 'detached' });

  await page.goto('/workspaces/main');
  await page.getByText('It may reach 127.0.0.1; all that it does may be called.').waitFor();
  await look(page, 'list');
});

test('a form says what is wrong where it is wrong, and is JSON when somebody wants that', async () => {
  const page = await stage.signedIn('olga');
  await open(page, CALL);
  const call = page.getByRole('button', { name: 'Call it', exact: true });
  await call.click();
  assert.ok(await box(page, 'url').evaluate((box) => box.validity.valueMissing), 'the browser says so first');

  await page.getByRole('button', { name: 'Get JSON' }).click();
  assert.equal(await box(page, 'url').inputValue(), 'https://api.example.com/items');
  await page.getByRole('button', { name: 'JSON', exact: true }).click();
  const json = page.getByLabel('Input as JSON');
  assert.deepEqual(JSON.parse(await json.inputValue()), { url: 'https://api.example.com/items', query: { page: 2 } });
  await json.fill('{"url": "u", "headers": {"a": ["b"]}}');
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  await page.getByText('The form has no place for all of this: it goes on as JSON.').waitFor();
  await json.fill('{"url": ');
  await call.click();
  assert.ok(await json.evaluate((box) => !box.validity.valid));
  await json.fill('{"timeout_ms": -1}');
  await call.click();
  await page.getByText('It does not fit').waitFor();
  assert.deepEqual(await page.locator('.faults code').allInnerTexts(), ['/timeout_ms', '/url']);

  // The server's word, beside the field: this bound is no browser's.
  await json.fill('{"url": "u"}');
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  await page.locator('main form').evaluate((form) => form.setAttribute('novalidate', ''));
  await page.getByLabel(/^timeout_ms/).fill('-5');
  await call.click();
  const wrong = page.locator('[data-fault="/timeout_ms"]');
  await wrong.waitFor();
  assert.match(await wrong.innerText(), /less than the minimum of 0/);
  assert.ok(await page.getByLabel(/^timeout_ms/).evaluate((box) => box === document.activeElement));
  await look(page, 'faults');

  // Only look: nothing leaves.
  await page.getByLabel(/^timeout_ms/).fill('');
  await box(page, 'url').fill(`${service.origin}/items`);
  const before = service.seen.length;
  await page.getByRole('button', { name: 'Only look whether it would run' }).click();
  await page.getByText('It would run', { exact: true }).waitFor();
  assert.equal(service.seen.length, before);

  // An error of the service's is the connector's answer.
  await box(page, 'url').fill(`${service.origin}/wrong`);
  await call.click();
  await page.getByText('It answered with an error').waitFor();
  await page.getByText('connector-not-found').waitFor();
  await page.getByText('Something had left before that').waitFor();
  await look(page, 'error');
});

test('a call that lasts is stopped: by its deadline, by whoever made it, and by the kill switch', async () => {
  const page = await stage.signedIn('olga');
  await open(page, CALL);
  await box(page, 'url').fill(`${service.origin}/slow`);
  const call = page.getByRole('button', { name: 'Call it', exact: true });
  const reached = async (n) => {
    while (service.seen.filter((line) => line === 'GET /slow').length < n)
      await new Promise((resolve) => setTimeout(resolve, 20));
  };

  await page.getByLabel('Stop it after, in seconds').fill('0.5');
  await call.click();
  await page.getByText('It reached a limit').waitFor();
  await page.getByLabel('Stop it after, in seconds').fill('');

  await call.click();
  await reached(2);
  await page.getByRole('button', { name: 'Stop it', exact: true }).click();
  await page.getByText('You stopped it').waitFor();

  await call.click();
  await reached(3);
  const begun = Date.now();
  const operator = await stage.signedIn('olga');
  await open(operator, '/workspaces/main');
  await operator.getByRole('button', { name: 'Switch off HTTP request' }).click();
  await page.getByText('It was stopped by the kill switch').waitFor();
  assert.ok(Date.now() - begun < 15_000, 'long before its time was over');
  await operator.getByText('switched off', { exact: true }).waitFor();
  await look(operator, 'list-off');

  // From its denial it is allowed to run again.
  await box(page, 'url').fill(`${service.origin}/items`);
  await call.click();
  await page.getByRole('button', { name: 'Allow it to run again' }).click();
  await page.getByRole('button', { name: 'Call it again' }).click();
  await page.getByRole('region', { name: 'Result' }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test('an upgrade shows what is asked for more, and asks before it is given', async () => {
  const { registry } = stage;
  await registry.publish(
    registry.evolved('http', 'http-0.3.0', (manifest) => {
      Object.assign(manifest, { version: '0.3.0', changes: 'It may ask a mirror, too.' });
      for (const host of ['status.example.com', 'mirror.example.com'])
        manifest.egress.push({ host, methods: ['GET', 'POST'], reason: `Asks ${host} when the first is down.` });
    }),
  );
  await registry.settled();
  const page = await stage.signedIn('olga');
  await open(page, AT);
  await page.getByText('0.3.0 is there').waitFor();
  await page.getByRole('link', { name: 'See what it changes, and upgrade' }).click();
  await page.getByRole('heading', { name: 'Upgrade HTTP request' }).waitFor();
  await page.getByText('It asks for more than before').waitFor();
  const change = page.locator('.changes .widens');
  assert.deepEqual(await change.locator('code').first().allInnerTexts(), ['mirror.example.com']);
  await look(page, 'upgrade');

  const upgrade = page.getByRole('button', { name: 'Upgrade to 0.3.0' });
  await upgrade.click();
  assert.ok(await page.getByLabel(/^I have read/).evaluate((box) => box.validity.valueMissing));
  await page.getByLabel('mirror.example.com').check();
  const allowed = page.getByLabel('What is allowed');
  await allowed.first().fill('GET https://mirror.example.com');
  await page.getByLabel(/^I have read/).check();
  await upgrade.click();
  await page.waitForURL(`**${AT}`);
  assert.deepEqual(await page.locator('.grants li').allInnerTexts(), [
    'GET https://mirror.example.com',
    `GET ${service.origin}`,
  ]);

  // Its grant and its limits can change later.
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByRole('button', { name: /^Grant that: 120 s/ }).click();
  await page.getByRole('checkbox', { name: 'mirror.example.com' }).uncheck();
  await page.getByRole('button', { name: 'Save it' }).click();
  await page.getByText('It is saved, and holds from the next call on.').waitFor();
  const { grant, limits } = await api(page, '/v1/workspaces/main/installations/jackfield/http');
  assert.deepEqual([grant.egress, limits['time-ms'].value], [[`GET ${service.origin}`], 120_000]);
  assert.deepEqual(page.complaints, []);

  // What is there already is said to be.
  await open(page, '/workspaces/main/install?package=jackfield:http@%3D0.3.0');
  await page.getByText('This very release is installed').waitFor();
});

test('by keys alone: install, call with a file, take the result', async () => {
  const page = await stage.signedIn('olga');
  await open(page, '/packages/jackfield/csv');
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () =>
    page.evaluate(() => {
      const it = document.activeElement;
      return (it?.labels?.[0]?.textContent ?? it?.getAttribute('aria-label') ?? it?.textContent ?? '').trim();
    });
  /** Goes on until that has the focus. */
  const until = async (pattern) => {
    for (let n = 0; n < 120; n += 1) {
      await press('Tab');
      if (pattern.test(await focused())) return;
    }
    assert.fail(`nothing that is ${pattern} gets the focus`);
  };
  await until(/^Install in a workspace$/);
  await press('Enter');
  await page.getByRole('heading', { name: 'Install CSV' }).waitFor();
  await until(/^I have read/);
  await press('Space');
  await until(/^Install it$/);
  await press('Enter');
  await page.waitForURL('**/installations/jackfield/csv');
  await settled(page);
  await until(/^Try it: CSV to JSON lines$/);
  await press('Enter');
  await page.waitForURL('**/operations/to-json-lines');
  await settled(page);
  await look(page, 'try-csv');

  const csv = join(stage.folder, 'looms.csv');
  writeFileSync(csv, 'name;cost\nloom;7\nshuttle;3\n');
  await until(/^file/);
  const chooser = page.waitForEvent('filechooser');
  await press('Enter');
  await (await chooser).setFiles(csv);
  await until(/^Add to columns$/);
  await press('Enter');
  await until(/^name/);
  await page.keyboard.type('cost');
  await until(/^type/);
  await page.keyboard.type('integer');
  await until(/^Call it$/);
  await press('Enter');
  await page.getByRole('region', { name: 'Result' }).waitFor();
  assert.equal(await focused(), 'What came of it', 'the focus goes to what is new');
  assert.match(await page.getByRole('region', { name: 'Result' }).innerText(), /"rows_out": 2/);
  const download = page.waitForEvent('download');
  await until(/jsonl$/);
  await press('Enter');
  const lines = await (await download).createReadStream();
  let text = '';
  for await (const part of lines) text += part;
  assert.equal(text, '{"cost":7}\n{"cost":3}\n');
  assert.equal(await page.getByRole('region', { name: /begins$/ }).innerText(), '{"cost":7}\n{"cost":3}');
  await look(page, 'files');
});

test('whoever is no admin sees what he may do, and the rest not at all', async () => {
  const olga = await stage.signedIn('olga');
  for (const [user, role] of [
    ['bob', 'member'],
    ['eve', 'auditor'],
  ])
    assert.equal(await olga.evaluate(asked, ['PUT', `/v1/workspaces/main/members/${user}`, { role }]), 204);

  const bob = await stage.signedIn('bob');
  await open(bob, '/workspaces');
  await bob.waitForURL('**/workspaces/main');
  assert.deepEqual(await bob.locator('nav .strip a').allInnerTexts(), [
    'Installations',
    'Connections',
    'Invocations',
    'Members',
    'Policy',
  ]);
  assert.equal(await bob.getByRole('button', { name: /^Switch off/ }).count(), 0);
  await open(bob, AT);
  assert.equal(await bob.getByRole('button', { name: /^(Change it|Uninstall)$/ }).count(), 0);
  await open(bob, CALL);
  await box(bob, 'url').fill(`${service.origin.replace('127.0.0.1', 'localhost')}/items`);
  await bob.getByRole('button', { name: 'Call it', exact: true }).click();
  await bob.getByText('It was denied what it needs').waitFor();
  assert.equal(await bob.getByRole('button', { name: /^Allow/ }).count(), 0);
  await open(bob, '/workspaces/main/install?package=jackfield:sheets');
  await bob.getByText(/may not install/).waitFor();

  const eve = await stage.signedIn('eve');
  await open(eve, AT);
  assert.deepEqual(await eve.locator('nav .strip a').allInnerTexts(), [
    'Installations',
    'Connections',
    'Invocations',
    'Members',
    'Policy',
    'Tokens',
    'Audit',
  ]);
  assert.equal(await eve.getByRole('link', { name: /^Try/ }).count(), 0);

  const ada = await stage.signedIn('ada');
  await open(ada, '/workspaces');
  await ada.getByText('You belong to no workspace yet').waitFor();
  await look(ada, 'no-workspace');
  await open(ada, '/workspaces/main');
  await ada.getByText('There is nothing here').waitFor();
});

test('with several workspaces one chooses, and an installation goes again', async () => {
  const page = await stage.signedIn('olga');
  await open(page, '/workspaces?all');
  await page.getByRole('textbox', { name: /^Name/ }).fill('sales');
  await page.getByRole('textbox', { name: /^Title/ }).fill('Sales of looms');
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.waitForURL('**/workspaces/sales');
  await open(page, '/packages/jackfield/csv');
  await page.getByRole('link', { name: 'Install in a workspace' }).click();
  await page.getByRole('heading', { name: 'Where shall it be installed?' }).waitFor();
  await look(page, 'choose');
  await page.getByRole('link', { name: 'Sales of looms' }).click();
  await page.getByLabel(/^I have read/).check();
  await page.getByRole('button', { name: 'Install it' }).click();
  await page.waitForURL('**/workspaces/sales/installations/jackfield/csv');

  await page.getByRole('button', { name: 'Uninstall', exact: true }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('button', { name: 'Uninstall', exact: true }).click();
  await look(page, 'uninstall');
  await page.getByRole('button', { name: 'Uninstall CSV for good' }).click();
  await page.waitForURL('**/workspaces/sales');
  await page.getByText('Nothing is installed here yet').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('a release that was taken back is marked where it is installed, once the server has heard of it', async () => {
  const page = await stage.signedIn('olga');
  await stage.registry.as('ada', 'yank', 'jackfield:http@0.3.0', '--reason', 'The mirror is gone.', '--key', 'release');
  await stage.registry.settled();
  await open(page, '/workspaces/main');
  await page.getByText('The registries have not been asked yet').waitFor();
  assert.equal(await page.getByText('yanked', { exact: true }).count(), 0);
  await page.getByRole('button', { name: 'Ask the registries now' }).click();
  await page.getByText('yanked', { exact: true }).waitFor();
  await page.getByText(/By ada on .+: The mirror is gone\.$/).waitFor();
  await look(page, 'list-yanked');
  await open(page, AT);
  await page.getByText('This release was yanked').waitFor();
  await page.getByText(/By ada on .+: The mirror is gone\.$/).waitFor();
  await page.getByText('0.2.0 stands').waitFor();
  await look(page, 'yanked');

  const bob = await stage.signedIn('bob');
  await open(bob, '/workspaces/main');
  await bob.getByText('yanked', { exact: true }).waitFor();
  assert.equal(await bob.getByRole('button', { name: 'Ask the registries now' }).count(), 0);
});

test('who has used it rates it, and everybody reads that', async () => {
  const page = await stage.signedIn('olga');
  const AT = '/workspaces/main/installations/jackfield/csv';
  // The operator of a server is a member nowhere by that alone.
  const asMember = ['PUT', '/v1/workspaces/main/members/olga', { role: 'admin' }];
  assert.equal(await page.evaluate(asked, asMember), 204);
  assert.equal(
    await page.evaluate(asked, ['POST', '/v1/workspaces/main/installations', { package: 'jackfield:sheets' }]),
    201,
  );
  await open(page, '/packages/jackfield/sheets/reviews');
  await page.getByRole('link', { name: 'Rate it from Main' }).click();
  await page.waitForURL('**/installations/jackfield/sheets#rate');
  await page.getByRole('heading', { name: 'Rate it' }).waitFor();
  const send = page.getByRole('button', { name: 'Publish it' });
  await send.click();
  assert.ok(await page.getByLabel('5 stars').evaluate((radio) => radio.validity.valueMissing));
  await page.getByLabel('5 stars').check();
  await page.getByLabel('What it is like to use').fill('Never tried.');
  await send.click();
  await page.getByText('No call of this release has gone well here yet').waitFor();

  // One call of csv went well here before, and the registry wants two.
  await open(page, AT);
  await page.getByLabel('3 stars').focus();
  await page.keyboard.press('Space');
  await page.getByLabel('What it is like to use').fill('Reads our looms.\nIt could be faster.');
  await send.click();
  await page.getByText('It has not been used enough here yet').waitFor();
  await page.getByText(/a review needs 2 over 1/).waitFor();
  await look(page, 'rate-refused');
  await page.evaluate(called, 'csv');
  await send.click();
  await page.getByText('It is there for everybody').waitFor();
  await look(page, 'rated');

  // Whoever makes it does not.
  assert.equal(await page.evaluate(asked, ['PUT', '/v1/workspaces/main/members/ada', { role: 'member' }]), 204);
  const ada = await stage.signedIn('ada');
  await open(ada, AT);
  await ada.getByLabel('5 stars').check();
  await ada.getByLabel('What it is like to use').fill('The best there is.');
  await ada.getByRole('button', { name: 'Publish it' }).click();
  await ada.getByText('You belong to those who make it').waitFor();

  const reader = await stage.person();
  await open(reader, '/packages/jackfield/csv/reviews');
  const review = reader.locator('article', { hasText: 'Reads our looms.' });
  await review.getByRole('img', { name: '3 of 5 stars' }).waitFor();
  assert.match(await review.innerText(), /olga/);
  assert.equal(await reader.getByRole('link', { name: /^Rate it/ }).count(), 0);
  await open(page, '/packages/jackfield/csv/reviews');
  await page.getByRole('link', { name: 'Rate it from Main' }).waitFor();
  assert.deepEqual([...page.complaints, ...ada.complaints, ...reader.complaints], []);
});

for (const theme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    test(`every page of it, ${theme}, ${width} px wide: accessible, fits, keeps to the policy`, async (t) => {
      const page = await stage.signedIn('olga', { theme, width });
      const pages = {
        workspaces: '/workspaces?all',
        installations: '/workspaces/main',
        'first-offer': '/workspaces/main/install?package=jackfield:github',
        'an-installation': AT,
        'an-operation': CALL,
        policy: '/workspaces/main/policy',
        'a-csv-operation': '/workspaces/main/installations/jackfield/csv/operations/to-json-lines',
      };
      for (const [name, path] of Object.entries(pages)) {
        await t.test(name, async () => {
          await open(page, path);
          await look(page, name);
        });
      }
      await t.test('an answer', async () => {
        await open(page, CALL);
        await box(page, 'url').fill(`${service.origin}/items`);
        await page.getByRole('button', { name: 'Call it', exact: true }).click();
        await page.getByRole('region', { name: 'Result' }).waitFor();
        await look(page, 'an-answer');
      });
      await t.test('a denial', async () => {
        await open(page, CALL);
        await box(page, 'url').fill('http://127.0.0.1:1/items');
        await page.getByRole('button', { name: 'Call it', exact: true }).click();
        await page.getByText('It was denied what it needs').waitFor();
        await look(page, 'a-denial');
      });
      await page.context().close();
    });
  }
}

/** What the API says, asked as the page asks. */
function api(page, path) {
  return page.evaluate(async (path) => (await fetch(path)).json(), path);
}

/** In a page: changes something in the name of who is signed in there. */
async function asked([method, path, body]) {
  const headers = { 'content-type': 'application/json', 'x-jackfield-csrf': '1' };
  return (await fetch(path, { method, headers, body: JSON.stringify(body) })).status;
}

/** In a page: calls csv once. */
async function called(name) {
  const form = new FormData();
  form.set('input', '{"file":{"$file":"a"}}');
  form.set('a', new Blob(['a,b\n1,2\n']), 'a.csv');
  const path = `/v1/workspaces/main/installations/jackfield/${name}/operations/to-json-lines/invoke`;
  return (await fetch(path, { method: 'POST', headers: { 'x-jackfield-csrf': '1' }, body: form })).status;
}
