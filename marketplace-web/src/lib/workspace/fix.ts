import { json } from '$lib/api/client';
import type { Installation } from '$lib/api/workspace';

/** What would allow what was denied: a change of this installation, as the server words it in a hint. */
export interface Fix {
  method: 'POST' | 'PUT';
  path: string;
  body: unknown;
  /** On a button, after "Allow": what becomes possible. */
  says: string;
  /** What one must be allowed to do for it. */
  needs: 'grant' | 'switch';
}

/** Reads `POST /v1/workspaces/… {"egress":"…"}`. None for words, and for what is no change of the installation at `href`. */
export function fixOf(text: string | null | undefined, href: string): Fix | undefined {
  const [, method, path, written] = /^(POST|PUT) (\/\S+) (\{.*\})$/s.exec(text ?? '') ?? [];
  if (!path || !written) return undefined;
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(written) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (method === 'POST' && path === `${href}/grant` && typeof body.egress === 'string')
    return { method, path, body, says: body.egress, needs: 'grant' };
  if (method === 'PUT' && path === `${href}/grant` && Array.isArray(body.operations))
    return { method, path, body, says: `the operations ${body.operations.join(', ')}`, needs: 'grant' };
  if (method === 'PUT' && path === `${href}/grant` && typeof body.config === 'object')
    return { method, path, body, says: 'it by its settings', needs: 'grant' };
  if (method === 'PUT' && path === `${href}/enabled` && body.enabled === true)
    return { method, path, body, says: 'it to run again', needs: 'switch' };
  return undefined;
}

/** What is to be copied as it is: a command, a request of the API, lines of a manifest. None for a sentence. */
export function kindOf(fix: string): 'command' | 'request' | 'lines' | undefined {
  if (/^jackfield \S/.test(fix)) return 'command';
  if (/^(GET|POST|PUT|PATCH|DELETE) \/\S/.test(fix)) return 'request';
  return fix.startsWith('[[') ? 'lines' : undefined;
}

export const carryOut = ({ method, path, body }: Fix) => json<Installation>(path, { method, body });
