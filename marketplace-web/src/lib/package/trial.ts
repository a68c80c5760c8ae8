import type { Fixture, Trial } from '$lib/api/types';
import { fileIds } from '$lib/schema/draft';
import type { Entry } from '$lib/schema/entry.svelte';
import { bytes } from '$lib/words';

/** Bytes of the files that somebody hands in: what a request takes, in base64. */
export const FILE_BYTES = 256 << 10;

/** Stand-ins for the files that come with a fixture, by their ids: a form names them, and the registry has them. */
export type StandIns = ReadonlyMap<string, File>;

export function standIns(fixture: Fixture | undefined): StandIns {
  const of = (id: string): [string, File] => [id, new File([], `${id}, from the recording`)];
  return new Map((fixture?.files ?? []).map(of));
}

/** What was entered, as it is sent: the fixture's own files by their ids, others with their content. */
export async function trialOf(
  entry: Entry,
  operation: string,
  fixture: Fixture | undefined,
  known: StandIns,
): Promise<Trial> {
  let input = entry.json();
  const files: Record<string, string> = {};
  const ids = new Map<string, string>();
  for (const id of fileIds(JSON.parse(input))) {
    const file = entry.files.get(id);
    const own = [...known].find(([, standIn]) => standIn === file)?.[0];
    // A form gives ids of its own; those that somebody has written himself stay.
    const sent = own ?? (entry.isJson || !file ? id : `your-${id}`);
    ids.set(id, sent);
    if (file && own === undefined) files[sent] = await base64(file);
  }
  if (!entry.isJson)
    input = input.replace(
      /\{"\$file":"(file\d+)"\}/g,
      (_, id: string) => `{"$file":${JSON.stringify(ids.get(id) ?? id)}}`,
    );
  return { operation, input, files, ...(fixture ? { cassette: fixture.cassette } : {}) };
}

async function base64(file: File): Promise<string> {
  if (file.size > FILE_BYTES) throw new Error(`“${file.name}” is too large to be tried: at most ${bytes(FILE_BYTES)}.`);
  const content = new Uint8Array(await file.arrayBuffer());
  return btoa(Array.from(content, (byte) => String.fromCharCode(byte)).join(''));
}
