import { bytes } from '$lib/words';

// How large a file may be, where a form knows that.

export const fileWords = (most: number) => `At most ${bytes(most)}.`;

/** Why a file is not taken; empty: it is. */
export function fileFault(file: File | undefined, most: number | undefined): string {
  return file && most !== undefined && file.size > most
    ? `“${file.name}” has ${bytes(file.size)}: at most ${bytes(most)}.`
    : '';
}
