import type { Schema } from '$lib/api/types';
import { blank, draftOf, fileIds, toJson, type Draft, type Files } from './draft';
import { fieldOf, type Field } from './field';

/** A value that somebody enters: by a form, or as JSON, and back. */
export class Entry {
  readonly field: Field;
  draft: Draft = $state(blankOf());
  isJson = $state(false);
  text = $state('');
  /** Why the JSON is not shown as a form. */
  unfit = $state('');
  files: Files = $state.raw(new Map());

  constructor(schema: Schema | boolean, value?: unknown) {
    this.field = fieldOf(schema);
    this.draft = blank(this.field, true);
    this.isJson = this.field.kind === 'json';
    if (value !== undefined) this.set(value);
    else if (this.isJson) this.text = '{}';
  }

  /** Shows this value: in the form, if it has a place for all of it. */
  set(value: unknown): void {
    this.text = JSON.stringify(value, null, 2);
    this.unfit = '';
    const draft = this.field.kind === 'json' ? undefined : draftOf(this.field, value, this.files);
    if (draft) this.draft = draft;
    this.isJson = draft === undefined;
  }

  /** What tells one input from another, be it whole or not, and however it is written. */
  get mark(): string {
    const files: Files = new Map();
    const text = this.isJson ? this.text : (toJson(this.field, this.draft, true, files) ?? '');
    const named = [...(this.isJson ? this.files : files)].filter(([id]) => text.includes(JSON.stringify(id)));
    const about = named.map(([, { name, size, lastModified }]) => `${name} ${size} ${lastModified}`);
    return [text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1'), ...about].join('\n');
  }

  /** What was entered, as JSON; what is no JSON is a SyntaxError. */
  json(): string {
    if (this.isJson) {
      JSON.parse(this.text);
      return this.text;
    }
    const files: Files = new Map();
    const json = toJson(this.field, this.draft, true, files) ?? '{}';
    JSON.parse(json);
    this.files = files;
    return json;
  }

  value(): unknown {
    return JSON.parse(this.json());
  }

  /** The files that are named, by their ids. */
  named(): Files {
    const ids = fileIds(this.value());
    return new Map([...this.files].filter(([id]) => ids.includes(id)));
  }

  showJson(): void {
    let json = '{}';
    try {
      json = JSON.stringify(JSON.parse(this.json()), null, 2);
    } catch {
      // A field that holds half a JSON is put right as text.
      json = toJson(this.field, this.draft, true, new Map()) ?? json;
    }
    [this.text, this.unfit, this.isJson] = [json, '', true];
  }

  showForm(): void {
    try {
      const draft = draftOf(this.field, JSON.parse(this.text), this.files);
      if (!draft) {
        this.unfit = 'The form has no place for all of this: it goes on as JSON.';
        return;
      }
      [this.draft, this.unfit, this.isJson] = [draft, '', false];
    } catch (error) {
      this.unfit = `This is no JSON yet: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  setFile(id: string, file: File | undefined): void {
    const files = new Map(this.files);
    if (file) files.set(id, file);
    else files.delete(id);
    this.files = files;
  }
}

function blankOf(): Draft {
  return { text: '', choice: -1, names: [], parts: [], file: undefined };
}
