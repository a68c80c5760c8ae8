// What people do in the marketplace: a real browser, the real pages, the real registry.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Stage, assertAccessible, assertFits, open, settled } from './stage.mjs';

/** Bytes that a first visit may cost, as they go over the line. */
const FIRST_VISIT_BYTES = 100_000;
/** Of Cumulative Layout Shift, 0.1 counts as good; rounding is all that is let through here. */
const SHIFT = 0.01;

const PUBLIC = {
  home: '/',
  results: '/search?q=csv',
  'nothing-found': '/search?q=zeppelin',
  overview: '/packages/jackfield/github',
  operations: '/packages/jackfield/github/operations',
  permissions: '/packages/jackfield/http/permissions',
  setup: '/packages/jackfield/github/setup',
  versions: '/packages/jackfield/http/versions',
  security: '/packages/jackfield/csv/security?version=0.1.0',
  'security-yanked': '/packages/jackfield/csv/security?version=0.1.1',
  reviews: '/packages/jackfield/csv/reviews',
  'no-reviews': '/packages/jackfield/github/reviews',
  health: '/packages/jackfield/csv/health',
  interfaces: '/packages/jackfield/csv/interfaces',
  deprecated: '/packages/jackfield/sheets',
  advisory: '/packages/jackfield/http?version=0.1.0',
  namespace: '/namespaces/jackfield',
  log: '/log',
  queue: '/review',
  workbench: '/review/jackfield/http/0.2.0',
  'sign-in': '/sign-in',
  missing: '/packages/acme/nothing',
  'no-page': '/nowhere/at/all',
};
const ACCOUNT = {
  account: '/account',
  'no-workspaces': '/workspaces',
  tokens: '/account/tokens',
  'own-namespace': '/account/namespaces/jackfield',
  release: '/account/releases/jackfield/http/0.2.0',
};

let stage;
before(async () => {
  stage = await Stage.open();
});
after(() => stage?.close());

for (const theme of ['light', 'dark']) {
  for (const width of [1280, 360]) {
    test(`every page, ${theme}, ${width} px wide: accessible, fits, keeps to the policy`, async (t) => {
      const visitor = await stage.person({ theme, width });
      const ada = await stage.signedIn('ada', { theme, width });
      const olga = await stage.signedIn('olga', { theme, width });
      const pages = [
        ...Object.entries(PUBLIC).map(([name, path]) => [visitor, name, path]),
        ...Object.entries(ACCOUNT).map(([name, path]) => [ada, name, path]),
        [olga, 'moderation', '/account/moderation'],
      ];
      for (const [page, name, path] of pages) {
        await t.test(name, async () => {
          await open(page, path);
          if (stage.shots)
            await page.screenshot({
              path: join(stage.shots, `${name}-${theme}-${width}.png`),
              fullPage: true,
            });
          await assertFits(page, name);
          await assertAccessible(page, name);
          assert.equal(await page.locator('h1').count(), 1, 'one first heading');
          assert.deepEqual(page.complaints, []);
        });
      }
      await Promise.all([visitor, ada, olga].map((page) => page.context().close()));
    });
  }
}

test('the counters count: an inline style is refused, and told', async () => {
  const page = await stage.person();
  await open(page, '/');
  await page.evaluate(() => document.querySelector('h1').setAttribute('style', 'color: red'));
  await page.waitForTimeout(200);
  assert.equal(page.complaints.filter((text) => text.startsWith('policy: style-src')).length, 1);
});

test('a first visit is light, and nothing jumps', async () => {
  const page = await stage.person();
  const line = await page.context().newCDPSession(page);
  await line.send('Network.enable');
  let bytes = 0;
  line.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await open(page, '/');
  console.log(`a first visit: ${bytes} bytes`);
  assert.ok(bytes < FIRST_VISIT_BYTES, `a first visit costs ${bytes} bytes`);
  for (const path of ['/', '/search', '/packages/jackfield/github', '/packages/jackfield/csv/health']) {
    await open(page, path);
    const shift = await page.evaluate(() => window.shift);
    assert.ok(shift <= SHIFT, `${path} shifts by ${shift}`);
  }
});

test('somebody finds a connector: the address says what is asked', async () => {
  const page = await stage.person();
  await open(page, '/');
  await page.getByRole('searchbox').fill('issues');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.waitForURL('**/search?q=issues');
  await page.getByRole('link', { name: 'GitHub', exact: true }).waitFor();

  await open(page, '/search?limit=2');
  await page.getByText('4 connectors').waitFor();
  const first = await page.locator('article').allInnerTexts();
  await page.getByRole('link', { name: 'Next page' }).click();
  await page.waitForURL('**cursor=**');
  await page.getByRole('link', { name: 'First page' }).waitFor();
  const second = await page.locator('article').allInnerTexts();
  assert.equal(first.length + second.length, 4);
  assert.ok(!first.includes(second[0]));
  await page.getByText('4 connectors').waitFor();

  await open(page, '/search');
  await page
    .getByRole('link', { name: /^Documents/ })
    .first()
    .click();
  await page.waitForURL('**category=documents');
  await page.getByText('1 connector', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Without Category Documents' }).click();
  await page.getByText('4 connectors').waitFor();
  await page.goBack();
  await page.getByText('1 connector', { exact: true }).waitFor();
  await page.goto('/search');
  await page.getByLabel('Sort by').selectOption('newest');
  await page.waitForURL('**sort=newest');
  assert.match(await page.locator('article').first().innerText(), /^Sheets/);
  assert.deepEqual(page.complaints, []);
});

test('an admin reads what it is, what it may reach, and what changes', async () => {
  const page = await stage.person();
  await open(page, '/packages/jackfield/http');
  for (const fact of ['Who controls the name', 'Is it the service’s own', 'Who has audited 0.2.0'])
    await page.getByRole('heading', { name: fact }).waitFor();
  await page.getByRole('link', { name: 'Permissions' }).click();
  await page.getByText('the host that its setting hosts names', { exact: true }).waitFor();
  await page.getByText('“Asks your status page whether a service is up.”').waitFor();
  await page.getByRole('link', { name: 'Versions', exact: true }).click();
  await page.getByText('It may do more than before').waitFor();
  await page.getByText('host-added').waitFor();
  await page.getByLabel('From').selectOption('0.2.0');
  await page.waitForURL('**from=0.2.0**');

  await page.goto('/packages/jackfield/csv?version=0.1.1');
  await page.getByText('This release was yanked').waitFor();
  await page.getByText('The words were right before.').waitFor();
  await page.goto('/packages/jackfield/sheets');
  await page.getByText('Use jackfield:csv, which does the same and more.').waitFor();
  await page.goto('/packages/jackfield/http?version=0.1.0');
  await page.getByText('Follows a redirect too far (high)').waitFor();
  await page.getByRole('button', { name: 'Copy the command' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'jackfield install jackfield:http@=0.1.0');
});

test('a README is text: no HTML of it is read, and no picture is fetched', async () => {
  const page = await stage.person();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const readme =
    '# Hello\n\n<img src=x onerror=alert(1)>\n\n<script>alert(2)</script>\n\n![a picture](https://evil.example/p.png)\n\n[run](javascript:alert(3)) and [mail](mailto:a@b.example) `a<b`\n\n| a | b |\n|---|---|\n| 1 | **2** |\n\nun**broken**word, `code`, and *so* on\n';
  await page.route('**/readme', (route) => route.fulfill({ contentType: 'text/plain', body: readme }));
  await open(page, '/packages/jackfield/github');
  const markdown = page.locator('.markdown');
  assert.equal(await markdown.locator('img, script').count(), 0);
  assert.match(await markdown.innerText(), /<img src=x onerror=alert\(1\)>[\s\S]*<script>alert\(2\)<\/script>/);
  assert.deepEqual(await markdown.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href'))), [
    'https://evil.example/p.png',
    'mailto:a@b.example',
  ]);
  assert.equal(await markdown.locator('td strong').innerText(), '2');
  assert.match(await markdown.innerText(), /unbrokenword, code, and so on/);
  assert.ok(
    asked.every((url) => url.startsWith(stage.url)),
    'nothing is asked of anybody else',
  );
  await assertAccessible(page, 'a README');
  assert.deepEqual(page.complaints, []);
});

test('an author reads the contract of what is published', async () => {
  const page = await stage.person();
  await open(page, '/packages/jackfield/csv/interfaces');
  const wit = page.getByRole('region', { name: 'WIT' });
  const text = await wit.innerText();
  assert.match(text, /export jackfield:connector\/operations@0\.1\.0;/);
  assert.match(text, /package jackfield:connector@0\.1\.0 \{/);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), text.trim());
  // What can't be had is said, and the rest stands there all the same.
  await page.route('**/wit', (route) =>
    route.fulfill({
      status: 404,
      contentType: 'application/problem+json',
      body: JSON.stringify({ code: 'wit-not-found', detail: 'It can’t be written as WIT.', status: 404 }),
    }),
  );
  await open(page, '/packages/jackfield/csv/interfaces');
  await page.getByText('It can’t be written as WIT.').waitFor();
  await page.getByRole('heading', { name: 'Exports' }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test('a visitor tries an operation on what the package has recorded', async (t) => {
  const page = await stage.person();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const form = (title) => page.locator('details', { has: page.locator('summary', { hasText: `Try it: ${title}` }) });
  const result = () => page.getByRole('region', { name: 'Result' });
  const look = async (name) => {
    if (stage.shots) await page.screenshot({ path: join(stage.shots, `${name}.png`), fullPage: true });
    await assertFits(page, name);
    await assertAccessible(page, name);
  };
  const recording = () => page.getByRole('combobox', { name: /^Recording/ });

  await t.test('by keys alone', async () => {
    await open(page, '/packages/jackfield/csv/operations');
    const focused = () =>
      page.evaluate(() => {
        const it = document.activeElement;
        return (it?.labels?.[0]?.textContent ?? it?.getAttribute('aria-label') ?? it?.textContent ?? '').trim();
      });
    const until = async (pattern) => {
      for (let n = 0; n < 120; n += 1) {
        await page.keyboard.press('Tab');
        if (pattern.test(await focused())) return;
      }
      assert.fail(`nothing that is ${pattern} gets the focus`);
    };
    await until(/^Try it: CSV to JSON lines$/);
    await page.keyboard.press('Enter');
    await until(/^Recording/);
    assert.equal(await recording().inputValue(), '0');
    await until(/^Try it$/);
    await page.keyboard.press('Enter');
    await result().waitFor();
    assert.equal(await focused(), 'What came of it', 'the focus goes to what is new');
    assert.match(await result().innerText(), /"rows_out": 2/);
    await page.getByText('units of fuel').waitFor();
    assert.equal(await page.getByText('Invocation').count(), 0, 'nobody keeps a bill');
    await look('try');
  });

  await t.test('with a file of his own', async () => {
    const own = {
      name: 'own.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('name,cost\nloom,7\nshuttle,3\nbobbin,1\n'),
    };
    await form('CSV to JSON lines').locator('input[type=file]').setInputFiles(own);
    await form('CSV to JSON lines').getByRole('button', { name: 'Try it' }).click();
    await page.getByText('"rows_out": 3').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: /jsonl$/ }).click();
    let text = '';
    for await (const part of await (await download).createReadStream()) text += part;
    assert.match(text, /loom.*\n.*shuttle/);
    assert.match(await page.getByRole('region', { name: /begins$/ }).innerText(), /loom.*\n.*shuttle/);
  });

  await t.test('what came of one input is not taken for what comes of another', async () => {
    const button = form('CSV to JSON lines').getByRole('button', { name: 'Try it' });
    const files = form('CSV to JSON lines').locator('input[type=file]');
    await form('CSV to JSON lines').getByText('At most 256 KiB.').waitFor();
    await files.setInputFiles({ name: 'large.csv', mimeType: 'text/csv', buffer: Buffer.alloc((256 << 10) + 1, 'a') });
    await page.getByText('The input has changed since').waitFor();
    assert.equal(await result().count(), 1);
    await button.click();
    await result().waitFor({ state: 'detached' });
    assert.match(await files.evaluate((box) => box.validationMessage), /at most 256\sKiB/);
  });

  await t.test('a recording of an error', async () => {
    await recording().selectOption({ label: 'no such encoding (ends in an error)' });
    assert.equal(await result().count(), 0, 'what came of another is gone');
    await form('CSV to JSON lines').getByRole('button', { name: 'Try it' }).click();
    await page.getByText('It answered with an error').waitFor();
    assert.equal(await page.getByText('had left before that').count(), 0, 'nothing could');
    await look('recorded-error');
  });

  await t.test('a request that is not on the recording', async () => {
    await page.setViewportSize({ width: 360, height: 900 });
    await open(page, '/packages/jackfield/http/operations');
    await page.getByText('Try it: ').click();
    await recording().selectOption({ label: 'request' });
    await page.getByRole('textbox', { name: 'url' }).fill('https://api.example.com/elsewhere');
    await form('').getByRole('button', { name: 'Try it' }).click();
    await page.getByText('It asked for what is not on the recording').waitFor();
    await page.getByText('+ GET https://api.example.com/elsewhere').waitFor();
    assert.equal(await page.locator('details section .notice').count(), 1, 'it is told once');
    await page.getByText('1 request, which is not on the recording').waitFor();
    await look('off-the-recording');
  });

  await t.test('a request that its manifest does not ask for', async () => {
    await page.getByRole('textbox', { name: 'url' }).fill('https://nowhere.example/');
    await form('').getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: 'What was denied' }).waitFor();
    const cut = await page
      .locator('.denials .line code')
      .evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.textContent));
    assert.deepEqual(cut, [], 'all of it is in sight');
    await look('denied-in-a-try');
    await page
      .locator('.denials')
      .getByRole('button', { name: /^Copy the/ })
      .first()
      .click();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /nowhere\.example/);
  });

  await t.test('what was taken back is not tried, and nothing is where nobody runs components', async () => {
    const none = async (path) => {
      await open(page, path);
      await page.getByRole('heading', { name: 'CSV to JSON lines' }).waitFor();
      assert.equal(await page.getByText('Try it').count(), 0);
    };
    await none('/packages/jackfield/csv/operations?version=0.1.1');
    await page.route('**/try', (route) =>
      route.fulfill({
        status: 501,
        contentType: 'application/problem+json',
        body: JSON.stringify({ code: 'sandbox-missing', detail: 'nobody runs components here', status: 501 }),
      }),
    );
    await none('/packages/jackfield/csv/operations');
  });
  assert.ok(
    asked.every((url) => url.startsWith(stage.url) || url.startsWith('blob:')),
    'the browser asks nobody else either',
  );
  assert.deepEqual(page.complaints, []);
});

test('the browser verifies a release, and refuses one that was tampered with', async (t) => {
  const path = '/packages/jackfield/csv/security';
  const evidence = await (await fetch(`${stage.registry.url}/v1/packages/jackfield/csv/0.1.2/evidence`)).json();
  const swapped = (text) => text.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));

  await t.test('good', async () => {
    const page = await stage.person();
    await open(page, path);
    await page.locator('[data-verified=true]').waitFor();
    // Once more, with what is remembered from before.
    await open(page, path);
    await page.locator('[data-verified=true]').waitFor();
    await page.getByText(/steps, each done here/).click();
    await page.getByText(/entries were seen before/).waitFor();
  });

  const changes = {
    'signature-invalid': (e) => {
      e.publish[0].bundle.dsseEnvelope.signatures[0].sig = swapped(e.publish[0].bundle.dsseEnvelope.signatures[0].sig);
    },
    'log-inclusion-invalid': (e) => {
      e.publish[0].proof[0] = swapped(e.publish[0].proof[0]);
    },
    'note-signature-invalid': (e) => {
      e.checkpoint = e.checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`);
    },
    'key-not-in-keyset': (e) => {
      e.publish[0].index = 0;
    },
    'checks-missing': (e) => {
      e.checks = [];
    },
    'signature-missing': (e) => {
      e.publish = [];
    },
    'evidence-malformed': (e) => {
      e.more = 1;
    },
  };
  for (const [code, change] of Object.entries(changes)) {
    await t.test(code, async () => {
      const page = await stage.person();
      const changed = structuredClone(evidence);
      change(changed);
      await page.route('**/evidence', (route) =>
        route.fulfill({
          contentType: 'application/json',
          body: JSON.stringify(changed),
        }),
      );
      await open(page, path);
      assert.match(
        await page.locator('[data-verified=false]').innerText(),
        new RegExp(`This release does not hold[\\s\\S]*${code}`),
      );
      await page.context().close();
    });
  }

  await t.test('one key twice in the JSON', async () => {
    const page = await stage.person();
    await page.route('**/evidence', (route) =>
      route.fulfill({
        contentType: 'application/json',
        body: JSON.stringify(evidence).replace('{', '{"checks":[],'),
      }),
    );
    await open(page, path);
    assert.match(await page.locator('[data-verified=false]').innerText(), /json-duplicate-key/);
  });

  await t.test('a log that shrank', async () => {
    const page = await stage.person();
    await open(page, '/log');
    await page.locator('[data-verified=true]').waitFor();
    await page.evaluate(() => {
      const key = Object.keys(localStorage).find((key) => key.startsWith('registry:'));
      localStorage.setItem(
        key,
        JSON.stringify({
          ...JSON.parse(localStorage.getItem(key)),
          size: 100_000,
        }),
      );
    });
    await open(page, '/log');
    await page.getByText(/the log went back from size 100000/).waitFor();
    await open(page, path);
    assert.match(await page.locator('[data-verified=false]').innerText(), /log-rollback/);
  });

  await t.test('a registry that comes with other keys', async () => {
    const page = await stage.person();
    await open(page, '/log');
    const about = await (await fetch(`${stage.registry.url}/.well-known/jackfield.json`)).json();
    const other = '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c';
    await page.route('**/.well-known/jackfield.json', (route) =>
      route.fulfill({
        contentType: 'application/json',
        body: JSON.stringify({ ...about, statements_key: other }),
      }),
    );
    await open(page, path);
    await page.getByText(/came with other keys/).waitFor();
  });
});

test('by keys alone: search, open, look at each tab, copy the command', async () => {
  const page = await stage.person();
  await open(page, '/');
  const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim(),
    );
  /** Goes on until that has the focus. */
  const until = async (pattern) => {
    for (let n = 0; n < 60; n += 1) {
      await press('Tab');
      if (pattern.test((await focused()) ?? '')) return;
    }
    assert.fail(`nothing that is ${pattern} gets the focus`);
  };
  await press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await press('Enter', 'Tab');
  await page.keyboard.type('github');
  await press('Enter');
  await page.waitForURL('**/search?q=github');
  await settled(page);
  await until(/^GitHub$/);
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, 'solid', 'what has the focus shows it');
  await press('Enter');
  await page.waitForURL('**/packages/jackfield/github');
  await settled(page);
  for (const [tab, path] of [
    ['Operations', 'operations'],
    ['Security', 'security'],
  ]) {
    await until(new RegExp(`^${tab}$`));
    await press('Enter');
    await page.waitForURL(`**/${path}`);
    await settled(page);
  }
  await page.locator('[data-verified=true]').waitFor();
  await until(/^Copy the command$/);
  await press('Enter');
  assert.match(
    await page.evaluate(() => navigator.clipboard.readText()),
    /^jackfield (install|verify) jackfield:github/,
  );
  assert.deepEqual(page.complaints, []);
});

test('a theme that is chosen stays, before anything is painted', async () => {
  const page = await stage.person({ theme: 'light' });
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await open(page, '/');
  const light = await paper();
  await page.getByRole('button', { name: /^Theme/ }).click();
  await page.getByRole('button', { name: /^Theme: light/ }).click();
  const dark = await paper();
  assert.notEqual(light, dark);
  await page.goto('/log', { waitUntil: 'commit' });
  await page.waitForFunction(() => document.documentElement?.dataset.theme === 'dark');
  await settled(page);
  assert.equal(await paper(), dark);
});

test('an author signs in, makes a token, and gives it back', async () => {
  const page = await stage.person();
  await page.goto('/account/tokens');
  await page.waitForURL('**/sign-in?next=**');
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('not my password');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Password').fill('patched through twice');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/account/tokens');
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the session');
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);

  await page.getByLabel('What it is for').fill('CI of csv');
  await page.getByLabel('Packages').fill('jackfield:csv');
  await page.getByRole('button', { name: 'Make it' }).click();
  const shown = await page.locator('code', { hasText: /^jf_/ }).innerText();
  const me = await (
    await fetch(`${stage.registry.url}/v1/me`, {
      headers: { authorization: `Bearer ${shown}` },
    })
  ).json();
  assert.deepEqual([me.pattern, me.actions], ['jackfield:csv', ['read', 'publish']]);
  await page.reload();
  await settled(page);
  assert.equal(await page.getByText(shown).count(), 0, 'it is shown once');
  await page.getByRole('button', { name: 'Revoke CI of csv' }).click();
  await page.getByRole('button', { name: 'Revoke for good' }).click();
  await page.getByText('CI of csv').waitFor({ state: 'detached' });
  assert.equal(
    (
      await fetch(`${stage.registry.url}/v1/me`, {
        headers: { authorization: `Bearer ${shown}` },
      })
    ).status,
    401,
  );

  // No other site's form changes anything in her name.
  assert.equal(
    await page.evaluate(
      async () =>
        (
          await fetch('/v1/tokens', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{}',
          })
        ).status,
    ),
    403,
  );

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${stage.url}/`);
  await page.goto('/account');
  await page.waitForURL('**/sign-in?next=**');
  assert.deepEqual(page.complaints, []);
});

test('the first user of a new server signs in by its link, once', async () => {
  const { pathname, hash } = new URL(stage.registry.link);
  const page = await stage.person();
  await page.goto(pathname + hash);
  await page.waitForURL('**/account');
  await page.getByText('Signed in as operator, an operator.').waitFor();
  const other = await stage.person();
  await other.goto(pathname + hash);
  await other.getByText('the link is good no more').waitFor();
  assert.ok(!other.url().includes('code='), 'the code leaves the address');
});

test('nobody is sent to another site after signing in', async () => {
  const page = await stage.person();
  for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example']) {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await page.getByLabel('User').fill('ada');
    await page.getByLabel('Password').fill('patched through twice');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/account');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${stage.url}/`);
  }
});

test('an author watches a release come out, step by step', async () => {
  const { registry } = stage;
  const component = registry.evolved('github', 'github-0.1.1', (manifest) =>
    Object.assign(manifest, { version: '0.1.1', changes: 'As before.' }),
  );
  await registry.as('ada', 'publish', component, '--stage');
  const page = await stage.signedIn('ada');
  await page.goto('/account/namespaces/jackfield');
  await page.getByLabel('Package').first().fill('github');
  await page.getByLabel('Version').fill('0.1.1');
  await page.getByRole('button', { name: 'Watch it' }).click();
  await page.waitForURL('**/account/releases/jackfield/github/0.1.1');
  await page.getByText('Now it is to be signed.').waitFor();
  const command = await page.locator('code', { hasText: 'jackfield publish --staged' }).innerText();
  assert.equal(command, 'jackfield publish --staged jackfield:github@0.1.1 --key NAME');

  // Nobody else learns that it is there.
  const stranger = await stage.signedIn('bob');
  await stranger.goto('/account/releases/jackfield/github/0.1.1');
  await stranger.getByText('There is nothing here').waitFor();

  let loads = 0;
  page.on('load', () => {
    loads += 1;
  });
  const published = registry.later('ada', ...command.replace('NAME', 'release').split(' ').slice(1));
  await page.getByText('It is being examined in a sandbox.').waitFor({ timeout: 60_000 });
  await page.getByText('Everybody sees it.').waitFor({ timeout: 60_000 });
  assert.equal(loads, 0, 'it is told without asking anew');
  const { error, value } = await published;
  assert.equal(error, undefined);
  assert.equal(
    await page.locator('.checks li').count(),
    value.checks.length,
    'each check that the command was told of',
  );
  await page.getByRole('link', { name: 'See its page' }).click();
  await page.getByRole('heading', { name: 'GitHub', level: 1 }).waitFor();
  assert.deepEqual(page.complaints, []);
});

test('an author answers a review, and a reader objects to it', async () => {
  const ada = await stage.signedIn('ada');
  await open(ada, '/packages/jackfield/csv/reviews');
  await ada.getByRole('button', { name: 'Reply' }).click();
  await ada.getByLabel('Your reply, for everybody').fill('Name the column’s type, and it is read so.');
  await ada.locator('form').getByRole('button', { name: 'Reply' }).click();
  await ada.locator('blockquote', { hasText: 'Name the column’s type' }).waitFor();

  const eve = await stage.signedIn('eve');
  await open(eve, '/packages/jackfield/csv/reviews');
  await eve.getByRole('button', { name: 'Object' }).click();
  await eve.getByLabel('What is wrong with it').fill('It is about a till.');
  await eve.locator('form').getByRole('button', { name: 'Object' }).click();
  await eve.getByText('A moderator will look at it.').waitFor();

  const olga = await stage.signedIn('olga');
  await olga.goto('/account/moderation');
  await olga.getByText('It is about a till.').waitFor();
  await assertAccessible(olga, 'moderation with an objection');
  await olga.getByLabel('Why').fill('Tills are fine.');
  await olga.getByRole('button', { name: 'Leave it' }).click();
  await olga.getByText('It is about a till.').waitFor({ state: 'detached' });
});

test('a doubtful name waits for a moderator, who grants it', async () => {
  const eve = await stage.signedIn('eve');
  await eve.getByLabel('Name').fill('jackfie1d');
  await eve.getByRole('button', { name: 'Make it' }).click();
  await eve.getByText('It waits for a moderator').waitFor();
  const olga = await stage.signedIn('olga');
  await olga.goto('/account/moderation');
  await olga.locator('li', { hasText: 'jackfie1d' }).getByLabel('Why').fill('She has shown that it is hers.');
  await olga.locator('li', { hasText: 'jackfie1d' }).getByRole('button', { name: 'Grant it' }).click();
  await olga.locator('li', { hasText: 'jackfie1d' }).waitFor({ state: 'detached' });
  await eve.reload();
  await eve.getByText('It waits for a moderator').waitFor({ state: 'detached' });
  // A member comes and goes.
  await eve.getByRole('textbox', { name: 'User' }).fill('bob');
  await eve.getByRole('button', { name: 'Add' }).click();
  await eve.getByRole('button', { name: 'Remove bob' }).click();
  await eve.getByRole('button', { name: 'Remove bob' }).waitFor({ state: 'detached' });
});

test('a reviewer reads a release, and signs with the very command that is shown', async () => {
  const page = await stage.person();
  await open(page, '/review');
  await page.getByRole('link', { name: 'HTTP request' }).click();
  await page.waitForURL('**/review/jackfield/http/0.2.0');
  await settled(page);
  await page.locator('[data-verified=true]').waitFor();
  await page.getByText('0.1.0, the last that was read').first().waitFor({ state: 'attached' });
  await page.getByText('host-added').waitFor();
  await page.getByRole('button', { name: 'Fetch and read it' }).click();
  await page.locator('[data-digest=equal]').waitFor();
  await page.getByLabel('Show those with').fill('wasi:http');
  assert.match(await page.locator('.texts').innerText(), /wasi:http/);
  await assertAccessible(page, 'the workbench with its bytes read');

  await page.getByLabel('Your key').fill('eve');
  await page.getByLabel('I read only what changed since 0.1.0').check();
  await page.getByLabel('Notes').fill("It's the status page that is new; $HOME `id` is not run.");
  const command = await page.locator('#verdict code', { hasText: 'jackfield audit' }).innerText();
  assert.match(
    command,
    /^jackfield audit jackfield:http@=0\.2\.0 --verdict pass --criteria safe-to-run --key eve --since 0\.1\.0 --notes '.*' --push$/,
  );
  // She compares with a release that has a known fault, which only an admin's policy may overlook.
  const shown = command.replace(' --since 0.1.0', '');
  const { registry } = stage;
  await promisify(execFile)('bash', ['-c', shown.replace(/^jackfield/, '"$JACKFIELD"')], {
    env: { ...registry.env('eve'), JACKFIELD: registry.binary },
    cwd: registry.folder,
  });
  await registry.settled();

  await open(page, '/packages/jackfield/http/security');
  await page.getByText("It's the status page that is new; $HOME `id` is not run.").waitFor();
  await page.getByText('key not known here').waitFor();
  await page.getByLabel('A reviewer’s public key').fill('00'.repeat(32));
  await page.getByRole('button', { name: 'Verify his verdict' }).click();
  await page.getByText(/the public key is weak/).waitFor();
  await page.getByLabel('A reviewer’s public key').fill(registry.eveKey);
  await page.getByRole('button', { name: 'Verify his verdict' }).click();
  await page.getByText('signature verified').waitFor();
  assert.deepEqual(page.complaints, []);
});

test('bytes that are not those that were signed are caught in the workbench', async () => {
  const page = await stage.person();
  await page.route('**/v2/**', async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    body[body.length - 1] ^= 1;
    await route.fulfill({ response, body });
  });
  await open(page, '/review/jackfield/csv/0.1.2');
  await page.getByRole('button', { name: 'Fetch and read it' }).click();
  await page.getByText(/the bytes are sha256:[0-9a-f]+: expected/).waitFor();
});

test('without a network, and without scripts, it says what to do', async () => {
  const page = await stage.person();
  await open(page, '/packages/jackfield/github');
  await page.getByRole('link', { name: 'Browse' }).click();
  await page.waitForURL('**/search');
  await settled(page);
  await page.context().setOffline(true);
  await page.getByRole('link', { name: 'CSV', exact: true }).click();
  await page.getByText('The registry does not answer').first().waitFor();
  await assertAccessible(page, 'offline');
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'CSV', level: 1 }).waitFor();

  const context = await stage.browser.newContext({
    javaScriptEnabled: false,
    baseURL: stage.url,
  });
  const plain = await context.newPage();
  await plain.goto('/');
  assert.match(await plain.locator('body').innerText(), /this one runs no scripts/);
  await context.close();
});
