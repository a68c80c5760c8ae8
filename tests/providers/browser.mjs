// A real browser that does what it is told, a JSON line at a time, and says what it then sees.
//
//   node browser.mjs CHROMIUM      {"who": "ann", "do": "open", "url": "…"} → {"url", "status", "title", "text"}
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const people = new Map();

/** Each person has a browser profile of their own. */
async function pageOf({ who, width = 1000, dark = false, script = true }) {
  if (!people.has(who)) {
    const context = await browser.newContext({
      viewport: { width, height: 800 }, colorScheme: dark ? 'dark' : 'light', javaScriptEnabled: script,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const person = { page, status: 0, complaints: [] };
    page.on('response', (response) => {
      if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) person.status = response.status();
    });
    page.on('console', (message) => {
      if (message.location().url.includes('/connect/')) person.complaints.push(message.text());
    });
    people.set(who, person);
  }
  return people.get(who);
}

const deeds = {
  open: ({ page }, { url }) => page.goto(url),
  press: ({ page }, { name }) => page.getByRole('button', { name, exact: true }).click(),
  follow: ({ page }, { name }) => page.getByRole('link', { name }).click(),
  fill: ({ page }, { label, value }) => page.getByLabel(label).fill(value),
  /** At the provider: sign in, and consent. */
  async signIn({ page }, { user }) {
    await page.locator('input[name=login]').fill(user);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.getByRole('button', { name: 'Continue' }).click();
  },
  /** At the provider: no. */
  abort: ({ page }) => page.getByRole('link', { name: /cancel/i }).click(),
  /**
   * From now on, requests whose URL holds `match` have other parameters, or go to another path; also those that a provider
   * redirects to, whose redirects are followed here one by one, since a route sees only the first request of a chain.
   */
  alter: ({ page }, { match, query = {}, path }) => page.route('**', async (route) => {
    const request = route.request();
    if (!request.isNavigationRequest()) return route.continue();
    const altered = (address) => {
      const url = new URL(address);
      if (path) url.pathname = path;
      for (const [name, value] of Object.entries(query)) {
        if (value === null) url.searchParams.delete(name); else url.searchParams.set(name, value);
      }
      return url.href;
    };
    if (request.url().includes(match)) return route.continue({ url: altered(request.url()) });
    let at = request.url();
    let response = await route.fetch({ maxRedirects: 0 });
    if (!response.headers().location) return route.fulfill({ response });
    while (response.headers().location) {
      at = new URL(response.headers().location, at).href;
      if (at.includes(match)) { at = altered(at); break; }
      response = await page.context().request.get(at, { maxRedirects: 0 });
    }
    return route.fulfill({ status: 303, headers: { location: at } });
  }),
  /** Keeps the next address that holds `match`, to come `again` to it later. */
  remember: (person, { match }) => person.page.on('request', (request) => {
    if (request.url().includes(match)) person.remembered = request.url();
  }),
  again: (person) => person.page.goto(person.remembered),
  /** Until that text stands there: the page may come again by itself. */
  wait: ({ page }, { text }) => page.getByText(text).first().waitFor(),
  look: ({ page }, { file }) => (file ? page.screenshot({ path: file, fullPage: true }) : undefined),
};

async function seen({ page, status, complaints }) {
  await page.waitForLoadState('load');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth).catch(() => 0);
  return { url: page.url(), status, title: await page.title(), text: await page.locator('body').innerText(), overflow: wide, complaints };
}

for await (const line of createInterface({ input: process.stdin })) {
  const deed = JSON.parse(line);
  let answer;
  try {
    const person = await pageOf(deed);
    await deeds[deed.do](person, deed);
    answer = await seen(person);
  } catch (error) {
    const person = people.get(deed.who);
    answer = { error: String(error), url: person?.page.url(), text: await person?.page.locator('body').innerText().catch(() => '') };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
