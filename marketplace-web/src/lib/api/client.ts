import { error } from '@sveltejs/kit';
import { faultsOf, type Faults } from '$lib/schema/faults';
import type { ProblemBody } from './types';

/** What the registry refused, or why it could not be asked. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 if there was no answer. */
    readonly status: number,
    /** A stable code of docs/errors. */
    readonly code: string,
    message: string,
    readonly hint: string | undefined = undefined,
    /** The whole answer: some problems say more than these four. */
    readonly body: ProblemBody | undefined = undefined,
  ) {
    super(message);
    this.name = 'Problem';
  }

  /** Where a value that was sent is wrong, if that is why. */
  get faults(): Faults {
    return faultsOf(this.body?.errors ?? []);
  }
}

export type Fetch = typeof fetch;

interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A form goes as such, all else as JSON. */
  body?: unknown;
  /** JSON in the place of a body, as it is sent: numbers keep their digits. */
  json?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  fetch?: Fetch | undefined;
}

/**
 * Asks the registry. Who is signed in, the browser's cookie says; what changes something carries a header that no other site's page
 * can send, so that none acts in his name.
 */
async function ask(path: string, request: Request): Promise<Response> {
  const { method = 'GET', body, json, signal, fetch: by = fetch } = request;
  const headers: Record<string, string> = { accept: 'application/json, text/plain, */*;q=0.1', ...request.headers };
  const isForm = body instanceof FormData;
  const sent = json ?? (body === undefined ? undefined : isForm ? body : JSON.stringify(body));
  if (method !== 'GET') headers['x-jackfield-csrf'] = '1';
  if (sent !== undefined && !isForm) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await by(path, {
      method,
      headers,
      credentials: 'same-origin',
      ...(sent === undefined ? {} : { body: sent }),
      ...(signal ? { signal } : {}),
    });
  } catch (failure) {
    if (signal?.aborted) throw failure;
    throw new Problem(0, 'offline', 'The registry does not answer.', 'Look at your connection, then try again.');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => undefined)) as ProblemBody | undefined;
  const code = body?.code ?? `http-${response.status}`;
  return new Problem(
    response.status,
    code,
    body?.detail ?? `The registry answered with ${response.status}.`,
    body?.hint ?? undefined,
    body,
  );
}

/** A JSON answer. */
export async function json<T>(path: string, request: Request = {}): Promise<T> {
  const response = await ask(path, request);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** An answer of text. */
export async function text(path: string, request: Request = {}): Promise<string> {
  return (await ask(path, request)).text();
}

/** An answer's bytes, as they came: for what is verified. */
export async function bytes(path: string, request: Request = {}): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await ask(path, request)).arrayBuffer());
}

/** In a `load`: a problem becomes the error page. */
export async function orErrorPage<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    error(problem.status === 0 ? 503 : problem.status, {
      message: problem.message,
      code: problem.code,
      hint: problem.hint,
    });
  }
}

/** None in the place of a 404. */
export async function orNone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return undefined;
    throw problem;
  }
}

/** A path, each part of it escaped: path`/v1/packages/${namespace}`. */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((whole, part, at) => whole + encodeURIComponent(values[at - 1] ?? '') + part);
}

/** JSON whose long numbers keep their digits when it is written again, where the browser can. */
export function exact<T>(text: string): T {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown };
  const keep = (_: string, value: unknown, context?: { source?: string }) => {
    const source = typeof value === 'number' ? context?.source : undefined;
    return rawJSON && source !== undefined && source !== String(value) ? rawJSON(source) : value;
  };
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown) as T;
}
