// A certified OpenID provider on loopback: npm's oidc-provider, as the command's own tests have it.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What the provider's client `basic` has for a secret: characters that must be encoded before RFC 7617. */
export const CLIENT = { id: 'basic', secret: 's3cret/with+odd:chars%' };

export class Provider {
  /** Sends people back to this address alone. */
  static async start(folder, redirectUri) {
    const provider = new Provider();
    provider.process = spawn('node', ['server.mjs', redirectUri], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    provider.lines = createInterface({ input: provider.process.stdout })[Symbol.asyncIterator]();
    provider.issuer = (await provider.line()).issuer;
    return provider;
  }

  async line() {
    for (;;) {
      const { done, value } = await this.lines.next();
      if (done) throw new Error('the provider has ended');
      if (value.startsWith('{')) return JSON.parse(value);
    }
  }

  /** Does what it is told: see tests/providers/server.mjs. */
  async tell(deed) {
    this.process.stdin.write(`${JSON.stringify(deed)}\n`);
    return this.line();
  }

  /** At the provider's own page: somebody says who he is, and consents. */
  async signIn(page, user) {
    await page.locator('input[name=login]').fill(user);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.stdin.end();
    await ended;
  }
}
