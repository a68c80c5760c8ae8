// A workspace with people, connectors and an OpenID provider beside it: what an admin looks after.
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Provider } from './provider.mjs';
import { Registry } from './registry.mjs';

/** What a stranger would like pages to run. It is told if one does. */
export const HOSTILE = '<img src=x onerror="complain(\'it ran\')"><script>complain("it ran")</script>';

export class Workplace extends Registry {
  providers = process.env.JACKFIELD_TEST_PROVIDERS ?? new URL('../providers', import.meta.url).pathname;

  /** The provider must know where people come back to, and the server must know the provider, before either of them starts. */
  async start() {
    const port = await freePort();
    this.listen = `127.0.0.1:${port}`;
    this.provider = await Provider.start(this.providers, `http://${this.listen}/connect/callback/acme`);
    const data = join(this.folder, 'data');
    mkdirSync(data, { recursive: true });
    const known = ['--issuer', this.provider.issuer, '--name', 'acme', '--address', '127.0.0.1/32'];
    await this.as('server', 'provider', 'add', '--home', data, ...known);
    await super.start();
  }

  async stop() {
    await super.stop();
    await this.provider?.stop();
  }

  /** Ada is admin and publishes, Otto operates, Mia calls, Axel audits. */
  async people() {
    const password = join(this.folder, 'password');
    await this.as(
      'operator',
      'login',
      '--registry',
      this.url,
      '--token-file',
      join(this.folder, 'data/operator-token'),
    );
    for (const [user, role] of [
      ['ada', 'admin'],
      ['otto', 'operator'],
      ['mia', 'member'],
      ['axel', 'auditor'],
      ['bob', null],
    ]) {
      await this.as('operator', 'user', 'create', user, '--password-file', password);
      if (role) await this.ask('PUT', `/main/members/${user}`, { role });
    }
    await this.as('ada', 'login', '--registry', this.url, '--user', 'ada', '--password-file', password);
    await this.as('ada', 'namespace', 'create', 'jackfield');
    await this.as('operator', 'namespace', 'decide', 'jackfield', 'grant', '--reason', 'It is ours.');
    await this.as('ada', 'key', 'new', 'release');
    await this.as('ada', 'namespace', 'keyset', 'jackfield', '--key', 'release');
  }

  /** Four connectors are installed, one of them by somebody with bad intent. */
  async seed() {
    await this.people();
    await this.publish(this.component('csv'));
    await this.publish(this.component('http'));
    await this.publish(
      this.evolved('github', 'tracker', (manifest) => {
        Object.assign(manifest, { name: 'jackfield:tracker', title: 'Tracker' });
        manifest.auth[0].provider = 'acme';
      }),
    );
    await this.publish(
      this.evolved('http', 'hostile', (manifest) => {
        Object.assign(manifest, { name: 'jackfield:hostile', title: HOSTILE.slice(0, 60), summary: HOSTILE });
        manifest.egress[0].reason = HOSTILE;
        manifest.config.properties.hosts.title = HOSTILE;
        manifest.config.properties.hosts.description = HOSTILE;
        manifest.changes = HOSTILE;
      }),
    );
    await this.settled();
    await this.install('csv', 'all');
    await this.install('tracker', 'all');
    await this.install('http', { config: { hosts: ['api.example.com', 'key.example.com'] } });
    await this.install('hostile', { config: { hosts: ['api.example.com'] } });
  }

  /** Until the log has what was said. */
  async settled() {
    const size = async () => (await this.as('ada', 'log', 'checkpoint')).size;
    for (let [before, now] = [-1, await size()]; before !== now;) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      [before, now] = [now, await size()];
    }
  }

  install(name, grant) {
    return this.ask('POST', '/main/installations', { package: `jackfield:${name}`, grant });
  }

  /** What a program asks of workspaces; the server's operator, unless it has a token of its own. */
  async ask(method, path, body, { token = this.token, expect = 'ok', headers = {} } = {}) {
    const isForm = body instanceof FormData;
    const response = await fetch(`${this.url}/v1/workspaces${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      body: isForm ? body : body && JSON.stringify(body),
    });
    const text = await response.text();
    if (expect === 'ok' ? !response.ok : response.status !== expect)
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Calls csv, which needs nothing but a file. */
  convert(options) {
    const form = new FormData();
    form.set('input', JSON.stringify({ file: { $file: 'a' } }));
    form.set('a', new Blob(['name,cost\nloom,7\n']), 'a.csv');
    return this.ask('POST', '/main/installations/jackfield/csv/operations/to-json-lines/invoke', form, options);
  }

  /** Calls http for somewhere that it may not go. */
  reach(url, options) {
    const path = '/main/installations/jackfield/http/operations/request/invoke';
    return this.ask('POST', path, { method: 'GET', url }, { expect: 403, ...options });
  }
}

/** A port that nobody has now. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
