// A real registry with people who have done things in it: all of it by the real command.
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { evolve } from './component.mjs';

const run = promisify(execFile);

/** A passphrase for keys, a password for each user. */
const PASSPHRASE = 'correct horse battery staple';
export const PASSWORD = 'patched through twice';

export class Registry {
  /** `only`: the part of a server that is served; null: all of it, workspaces too. */
  constructor(binary, components, folder, only = 'registry') {
    Object.assign(this, { binary, components, folder, only });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'passphrase'), `${PASSPHRASE}\n`);
    writeFileSync(join(folder, 'password'), `${PASSWORD}\n`);
  }

  async start() {
    const args = [
      'serve',
      ...(this.only ? ['--only', this.only] : []),
      '--output',
      'json',
      '--origin',
      'registry.example',
      '--listen',
      this.listen ?? '127.0.0.1:0',
      '--data',
      join(this.folder, 'data'),
    ];
    args.push('--set', 'review_calls=2', '--set', 'oidc_issuers=https://token.actions.githubusercontent.com');
    this.process = spawn(this.binary, args, {
      env: this.env('server'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.process.on('error', (error) => {
      throw error;
    });
    let said = '';
    for await (const line of createInterface({ input: this.process.stdout })) {
      said += line;
      try {
        const { listening, sign_in: link } = JSON.parse(said);
        // By which the first user signs in with a browser; it is good once.
        [this.url, this.link] = [listening, link];
        break;
      } catch {
        // The document goes on.
      }
    }
    if (!this.url) throw new Error(`the registry does not start: ${said}`);
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await ended;
  }

  env(home) {
    return {
      ...process.env,
      JACKFIELD_HOME: join(this.folder, `home-${home}`),
      JACKFIELD_PASSPHRASE_FILE: join(this.folder, 'passphrase'),
      NO_COLOR: '1',
    };
  }

  /** Runs the command as somebody: each has a home of his own. */
  async as(who, ...words) {
    const { stdout } = await run(this.binary, [...words, '--output', 'json'], {
      env: this.env(who),
      cwd: this.folder,
      maxBuffer: 64 << 20,
    }).catch((error) => {
      throw new Error(`${who}: jackfield ${words.join(' ')}\n${error.stderr}`);
    });
    return stdout === '' ? undefined : JSON.parse(stdout);
  }

  /** Tells of the end of a command that goes on meanwhile. */
  later(who, ...words) {
    return this.as(who, ...words).then(
      (value) => ({ value }),
      (error) => ({ error }),
    );
  }

  component(name) {
    return join(this.components, `${name}-0.1.0.wasm`);
  }

  evolved(name, to, change) {
    return evolve(this.component(name), join(this.folder, `${to}.wasm`), change);
  }

  /** Ada publishes, Bob uses and reviews, Eve audits, and the operator moderates. */
  async seed() {
    const token = join(this.folder, 'data/operator-token');
    await this.as('operator', 'login', '--registry', this.url, '--token-file', token);
    for (const user of ['ada', 'bob', 'eve']) {
      await this.as('operator', 'user', 'create', user, '--password-file', join(this.folder, 'password'));
      await this.as(
        user,
        'login',
        '--registry',
        this.url,
        '--user',
        user,
        '--password-file',
        join(this.folder, 'password'),
      );
    }
    await this.as('operator', 'user', 'create', 'olga', '--operator', '--password-file', join(this.folder, 'password'));
    await this.as('ada', 'namespace', 'create', 'jackfield');
    await this.as('operator', 'namespace', 'decide', 'jackfield', 'grant', '--reason', 'It is ours.');
    await this.as('ada', 'key', 'new', 'release');
    await this.as('ada', 'namespace', 'keyset', 'jackfield', '--key', 'release');
    for (const name of ['csv', 'http', 'github']) await this.publish(this.component(name));

    // Who has read it signs what he found.
    await this.as('eve', 'registry', 'add', this.url);
    await this.as('eve', 'key', 'new', 'eve');
    await this.as(
      'eve',
      'audit',
      'jackfield:csv@=0.1.0',
      '--verdict',
      'pass',
      '--key',
      'eve',
      '--notes',
      'Read all of it. It reaches nobody.',
      '--push',
    );
    await this.as(
      'eve',
      'audit',
      'jackfield:http@=0.1.0',
      '--verdict',
      'pass',
      '--key',
      'eve',
      '--notes',
      'Sends what it is told, where it may.',
      '--push',
    );

    // A second release that may do more, and one that is taken back.
    await this.publish(
      this.evolved('http', 'http-0.2.0', (manifest) => {
        Object.assign(manifest, {
          version: '0.2.0',
          changes: 'It may ask your status page, too.',
        });
        manifest.egress.push({
          host: 'status.example.com',
          methods: ['GET', 'POST'],
          reason: 'Asks your status page whether a service is up.',
        });
      }),
    );
    await this.publish(
      this.evolved('csv', 'csv-0.1.1', (manifest) =>
        Object.assign(manifest, {
          version: '0.1.1',
          changes: 'Words put right.',
        }),
      ),
    );
    await this.as('ada', 'yank', 'jackfield:csv@0.1.1', '--reason', 'The words were right before.', '--key', 'release');
    await this.publish(
      this.evolved('csv', 'csv-0.1.2', (manifest) =>
        Object.assign(manifest, {
          version: '0.1.2',
          changes: 'The first words again.',
        }),
      ),
    );
    await this.as(
      'ada',
      'advisory',
      'publish',
      'jackfield:http',
      '--affected',
      '<0.2.0',
      '--severity',
      'high',
      '--title',
      'Follows a redirect too far',
      '--text',
      'Upgrade to 0.2.0.',
    );
    await this.publish(
      this.evolved('csv', 'sheets', (manifest) =>
        Object.assign(manifest, {
          name: 'jackfield:sheets',
          title: 'Sheets',
          summary: 'Reads sheets that were saved as CSV.',
          categories: ['documents'],
        }),
      ),
    );
    await this.as(
      'ada',
      'deprecate',
      'jackfield:sheets',
      '--message',
      'Use jackfield:csv, which does the same and more.',
    );

    // Who used it may say so.
    await this.as('bob', 'registry', 'add', this.url);
    await this.as('bob', 'install', 'jackfield:csv', '--grant-all');
    writeFileSync(join(this.folder, 'a.csv'), 'name,cost\nloom,7\nshuttle,3\n');
    for (let n = 0; n < 3; n += 1) {
      await this.as(
        'bob',
        'invoke',
        'jackfield:csv',
        'to-json-lines',
        '--input',
        '{"file":{"$file":"a"}}',
        '--file',
        `a=${join(this.folder, 'a.csv')}`,
        '--out',
        join(this.folder, 'out'),
      );
    }
    await this.as(
      'bob',
      'review',
      'add',
      'jackfield:csv',
      '--stars',
      '4',
      '--text',
      'Reads what our old till writes, quotes and all.\nDates could be guessed better.',
    );

    this.eveKey = (await this.as('eve', 'key', 'show', 'eve')).public_pem;
    await this.settled();
  }

  async publish(component) {
    return this.as('ada', 'publish', component, '--key', 'release');
  }

  /** Until what was said is in the log and in the counts. */
  async settled() {
    const size = async () => (await this.as('eve', 'log', 'checkpoint')).size;
    for (let [before, now] = [-1, await size()]; before !== now;) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      [before, now] = [now, await size()];
    }
  }

  get token() {
    return readFileSync(join(this.folder, 'data/operator-token'), 'utf8').trim();
  }
}
