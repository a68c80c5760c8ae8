import { bytes, exact, json, path, text, type Fetch } from './client';
import type {
  About,
  Advisory,
  Checks,
  Diff,
  Found,
  Keyset,
  Manifest,
  Namespace,
  NamespacePackages,
  PackagePage,
  Permissions,
  Progress,
  ReleasePage,
  Reviews,
  Statements,
  Statuses,
  Trial,
  Tryable,
} from './types';
import type { Answer } from './workspace';

/** A package by the two halves of its name. */
export interface Name {
  namespace: string;
  name: string;
}

export function nameOf(text: string): Name {
  const [namespace = '', name = ''] = text.split(':');
  return { namespace, name };
}

/** What a try was asked for that its cassette has no answer to. */
export interface OffCassette {
  off_cassette?: string[];
}

/** What everybody may read. */
export class Registry {
  constructor(private readonly fetch: Fetch | undefined = undefined) {}

  about = () => this.json<About>('/.well-known/jackfield.json');

  search = (query: URLSearchParams) => this.json<Found>(`/v1/packages?${query}`);

  package = ({ namespace, name }: Name) => this.json<PackagePage>(path`/v1/packages/${namespace}/${name}`);

  release = ({ namespace, name }: Name, version: string) =>
    this.json<ReleasePage>(path`/v1/packages/${namespace}/${name}/${version}`);

  manifest = ({ namespace, name }: Name, version: string) =>
    this.json<Manifest>(path`/v1/packages/${namespace}/${name}/${version}/manifest`);

  permissions = ({ namespace, name }: Name, version: string) =>
    this.json<Permissions>(path`/v1/packages/${namespace}/${name}/${version}/permissions`);

  readme = ({ namespace, name }: Name, version: string) =>
    text(path`/v1/packages/${namespace}/${name}/${version}/readme`, { fetch: this.fetch });

  wit = ({ namespace, name }: Name, version: string) =>
    text(path`/v1/packages/${namespace}/${name}/${version}/wit`, { fetch: this.fetch });

  tryable = ({ namespace, name }: Name, version: string) =>
    this.json<Tryable>(path`/v1/packages/${namespace}/${name}/${version}/try`);

  /** A call that ran and did not go well is a `Problem` with a `NoAnswer` as its body. */
  tryOut = async ({ namespace, name }: Name, version: string, { input, ...trial }: Trial, signal?: AbortSignal) => {
    const json = `{"input":${input},${JSON.stringify(trial).slice(1)}`;
    const to = path`/v1/packages/${namespace}/${name}/${version}/try`;
    return exact<Omit<Answer, 'invocation'> & OffCassette>(
      await text(to, { method: 'POST', json, signal, fetch: this.fetch }),
    );
  };

  checks = ({ namespace, name }: Name, version: string) =>
    this.json<Checks>(path`/v1/packages/${namespace}/${name}/${version}/checks`);

  statements = ({ namespace, name }: Name, version: string) =>
    this.json<Statements>(path`/v1/packages/${namespace}/${name}/${version}/statements`);

  status = ({ namespace, name }: Name, version: string) =>
    this.json<Statuses>(path`/v1/packages/${namespace}/${name}/${version}/status`);

  diff = ({ namespace, name }: Name, from: string, to: string) =>
    this.json<Diff>(`${path`/v1/packages/${namespace}/${name}/diff`}?${new URLSearchParams({ from, to })}`);

  advisories = ({ namespace, name }: Name) =>
    this.json<{ advisories: Advisory[] }>(path`/v1/packages/${namespace}/${name}/advisories`);

  reviews = ({ namespace, name }: Name, cursor?: string) =>
    this.json<Reviews>(
      `${path`/v1/packages/${namespace}/${name}/reviews`}${cursor ? `?${new URLSearchParams({ cursor })}` : ''}`,
    );

  namespace = (namespace: string) => this.json<Namespace>(path`/v1/namespaces/${namespace}`);

  namespacePackages = (namespace: string, after?: string) =>
    this.json<NamespacePackages>(
      `${path`/v1/namespaces/${namespace}/packages`}${after ? `?${new URLSearchParams({ after })}` : ''}`,
    );

  keysets = (namespace: string) => this.json<{ keysets: Keyset[] }>(path`/v1/namespaces/${namespace}/keyset`);

  /** With `wait`, answers as soon as its story is longer than `since`. */
  progress = ({ namespace, name }: Name, version: string, since = 0, wait = 0, signal?: AbortSignal) =>
    json<Progress>(`${path`/v1/packages/${namespace}/${name}/${version}/progress`}?wait=${wait}&since=${since}`, {
      signal,
      fetch: this.fetch,
    });

  evidence = ({ namespace, name }: Name, version: string) =>
    bytes(path`/v1/packages/${namespace}/${name}/${version}/evidence`, { fetch: this.fetch });

  index = ({ namespace, name }: Name) => bytes(path`/v1/index/${namespace}/${name}`, { fetch: this.fetch });

  component = ({ namespace, name }: Name, digest: string) =>
    bytes(path`/v2/${namespace}/${name}/blobs/${digest}`, { fetch: this.fetch });

  checkpoint = () => text('/log/checkpoint', { fetch: this.fetch });

  consistency = (from: number, to: number) =>
    this.json<{ hashes: string[] }>(`/v1/log/consistency?from=${from}&to=${to}`);

  logStatements = (from: number) => bytes(`/v1/log/statements?from=${from}`, { fetch: this.fetch });

  private json<T>(path: string): Promise<T> {
    return json<T>(path, { fetch: this.fetch });
  }
}
