import type { Manifest, Operation } from '$lib/api/types';
import { fileIds } from '$lib/schema/draft';
import { shellQuoted } from '$lib/words';

/** How a program calls an operation, with the first of its examples. */
export function curl(href: string, manifest: Manifest, { name }: Operation): string {
  const input = manifest.examples?.find((example) => example.operation === name)?.input ?? {};
  const json = JSON.stringify(input);
  const files = fileIds(input);
  const body =
    files.length === 0
      ? ["-H 'Content-Type: application/json'", `-d ${shellQuoted(json)}`]
      : [`-F ${shellQuoted(`input=${json}`)}`, ...files.map((id) => `-F ${shellQuoted(`${id}=@FILE`)}`)];
  return ['curl -H "Authorization: Bearer $TOKEN"', ...body, href].join(' \\\n    ');
}
