// What every story stands on: a seeded registry, the pages in front of it, a browser, and people with profiles of their own.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { front } from './front.mjs';
import { PASSWORD, Registry } from './registry.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Of Cumulative Layout Shift, 0.1 counts as good. */
const SHIFT = 0.1;

export function told(name, fallback) {
  const value = process.env[name] ?? fallback;
  assert.ok(value, `${name} is not set: see marketplace-web/README.md`);
  return value;
}

export class Stage {
  /** `only`: the part of a server that is served, `null` for all of it; `kind`: what it is seeded with. */
  static async open({ only, kind = Registry } = {}) {
    const stage = new Stage();
    stage.folder = mkdtempSync(join(tmpdir(), 'jackfield-web-'));
    stage.shots = process.env.JACKFIELD_TEST_SCREENSHOTS;
    if (stage.shots) mkdirSync(stage.shots, { recursive: true });
    const [binary, connectors] = [told('JACKFIELD_TEST_BINARY'), told('JACKFIELD_TEST_CONNECTORS')];
    stage.registry = new kind(binary, connectors, stage.folder, only);
    await stage.registry.start();
    // Where the registry shows the pages itself, nothing stands in front of it.
    if (process.env.JACKFIELD_TEST_MOUNTED) {
      stage.url = stage.registry.url;
    } else {
      stage.front = await front(stage.registry.url, told('JACKFIELD_TEST_WEB'));
      stage.url = stage.front.url;
    }
    stage.browser = await chromium.launch({
      executablePath: told('JACKFIELD_TEST_CHROMIUM', '/usr/bin/chromium'),
      args: ['--no-sandbox', '--disable-gpu'],
    });
    await stage.registry.seed();
    return stage;
  }

  async close() {
    await this.browser?.close();
    await this.front?.stop();
    await this.registry?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Somebody with a browser of his own. What his pages complain about is kept. */
  async person({ width = 1280, theme = 'light', ...more } = {}) {
    const context = await this.browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: theme,
      reducedMotion: 'reduce',
      baseURL: this.url,
      permissions: ['clipboard-read', 'clipboard-write'],
      ...more,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    const complaints = [];
    await page.exposeFunction('complain', (text) => complaints.push(text));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) =>
        complain(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      );
      window.shift = 0;
      new PerformanceObserver((list) =>
        list.getEntries().forEach((entry) => {
          if (!entry.hadRecentInput) window.shift += entry.value;
        }),
      ).observe({ type: 'layout-shift', buffered: true });
    });
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // Chromium says so of every answer that is no 2xx; what the page makes of it is what counts.
      if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource'))
        complaints.push(`console: ${message.text()}`);
    });
    return Object.assign(page, { complaints });
  }

  /** What every page of the console keeps to, with a picture of it. */
  async look(page, name) {
    await settled(page);
    const { width } = page.viewportSize();
    if (this.shots) {
      const theme = await page.evaluate(() => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
      await page.screenshot({ path: join(this.shots, `console-${name}-${theme}-${width}.png`), fullPage: true });
    }
    await assertFits(page, name);
    await assertAccessible(page, name);
    assert.equal(await page.locator('h1').count(), 1, 'one first heading');
    const shift = await page.evaluate(() => window.shift);
    assert.ok(shift <= SHIFT, `${name} shifts by ${shift}`);
    assert.deepEqual(page.complaints, [], name);
  }

  async signedIn(user, options) {
    const page = await this.person(options);
    await page.goto('/sign-in');
    await page.getByLabel('User').fill(user);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/account');
    return page;
  }
}

/** Goes there, and waits until all of it is there. */
export async function open(page, path) {
  await page.goto(path);
  await settled(page);
}

export async function settled(page) {
  await page.waitForLoadState('networkidle');
  await page.locator('[aria-busy=true]').waitFor({ state: 'detached' });
}

/** What opens beside a page when that is done. */
export async function beside(page, deed) {
  const [popup] = await Promise.all([page.context().waitForEvent('page'), deed()]);
  await popup.waitForLoadState();
  return popup;
}

/** WCAG 2.2 AA, as far as a program can tell. */
export async function assertAccessible(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`),
    [],
    where,
  );
}

/** Nothing is wider than the window. */
export async function assertFits(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${where} is ${over} px too wide`);
}
