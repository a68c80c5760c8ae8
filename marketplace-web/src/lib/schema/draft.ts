import type { Field, Property } from './field';

/** What somebody has filled in of a field so far. One shape for all fields: a form binds to its parts. */
export interface Draft {
  /** A text, a number or JSON, as it was typed: numbers keep their digits. */
  text: string;
  /** Which option or variant; of a boolean 0 is no and 1 is yes; of an optional object 1 is that it is there. -1: nothing is said. */
  choice: number;
  /** Of a map: the names. */
  names: string[];
  /** Of an object its properties, of a list its items, of a map its values, of a variant the value. */
  parts: Draft[];
  file: File | undefined;
}

/** Files by the ids that JSON names them by. */
export type Files = Map<string, File>;

function empty(): Draft {
  return { text: '', choice: -1, names: [], parts: [], file: undefined };
}

/** A form as it is opened: what a schema says of what is left out stands there already. */
export function blank(field: Field, required: boolean): Draft {
  if (field.hasFallback && field.fallback !== null) {
    const draft = draftOf(field, field.fallback, new Map());
    if (draft) return draft;
  }
  const draft = empty();
  switch (field.kind) {
    case 'object':
      draft.choice = required && !field.nullable ? 1 : -1;
      draft.parts = field.properties.map((property) => blank(property.field, property.required));
      break;
    case 'list':
      if (required) draft.parts = Array.from({ length: Math.min(field.min, 20) }, () => blank(field.items, true));
      break;
    case 'choice':
      if (required && field.options.length === 1) draft.choice = 0;
      break;
    case 'variants':
      if (required && !field.nullable) choose(field, draft, 0);
      break;
    case 'boolean':
      if (required && !field.nullable) draft.choice = 0;
      break;
  }
  return draft;
}

/** Takes another variant, with a form of its own. */
export function choose(field: Field, draft: Draft, which: number): void {
  draft.choice = which;
  const chosen = field.kind === 'variants' ? field.variants[which]?.field : undefined;
  draft.parts = chosen ? [blank(chosen, true)] : [];
}

/** The JSON that a draft stands for; none where it is left out. Files that it names are put into `files`. */
export function toJson(field: Field, draft: Draft, required: boolean, files: Files): string | undefined {
  const json = said(field, draft, required, files);
  if (json === undefined) return required ? (field.nullable ? 'null' : undefined) : undefined;
  // What holds anyway need not be said.
  if (!required && field.hasFallback && json === JSON.stringify(field.fallback)) return undefined;
  return json;
}

function said(field: Field, draft: Draft, required: boolean, files: Files): string | undefined {
  switch (field.kind) {
    case 'text': {
      const means = required && !field.nullable ? true : draft.text !== '' || isCleared(field);
      return means ? JSON.stringify(draft.text) : undefined;
    }
    case 'number':
      return draft.text.trim() === '' ? undefined : numeral(draft.text.trim());
    case 'json':
      return draft.text.trim() === '' ? undefined : draft.text.trim();
    case 'boolean':
      return draft.choice === -1 ? undefined : String(draft.choice === 1);
    case 'choice': {
      const option = field.options[draft.choice];
      return option && JSON.stringify(option.value);
    }
    case 'file':
      return draft.file && JSON.stringify({ $file: idOf(draft.file, files) });
    case 'object': {
      if (draft.choice !== 1) return undefined;
      const member = ({ name, required, field }: Property, at: number) =>
        memberOf(name, toJson(field, draft.parts[at] ?? empty(), required, files));
      return `{${field.properties.map(member).filter(Boolean).join(',')}}`;
    }
    case 'map': {
      if (draft.parts.length === 0 && !required) return isCleared(field) ? '{}' : undefined;
      const member = (part: Draft, at: number) =>
        memberOf(draft.names[at] ?? '', toJson(field.values, part, true, files));
      return `{${draft.parts.map(member).filter(Boolean).join(',')}}`;
    }
    case 'list': {
      if (draft.parts.length === 0 && !required) return isCleared(field) ? '[]' : undefined;
      return `[${draft.parts.map((part) => toJson(field.items, part, true, files) ?? 'null').join(',')}]`;
    }
    case 'variants': {
      const variant = field.variants[draft.choice];
      return variant && toJson(variant.field, draft.parts[0] ?? empty(), true, files);
    }
  }
}

const memberOf = (name: string, json: string | undefined) => json && `${JSON.stringify(name)}:${json}`;

/** Whether to leave it empty says something: else what the schema has for it would hold. */
function isCleared(field: Field): boolean {
  return field.hasFallback && !['null', '""', '[]', '{}'].includes(JSON.stringify(field.fallback));
}

/** As JSON writes it, if it is a number at all; else as it was typed, for the server to refuse. */
function numeral(text: string): string {
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return text;
  return Number.isFinite(Number(text)) ? String(Number(text)) : JSON.stringify(text);
}

function idOf(file: File, files: Files): string {
  for (const [id, known] of files) if (known === file) return id;
  let n = files.size + 1;
  while (files.has(`file${n}`)) n += 1;
  files.set(`file${n}`, file);
  return `file${n}`;
}

/** The draft that stands for a value; none where the form has no place for all of it. */
export function draftOf(field: Field, value: unknown, files: Files): Draft | undefined {
  const draft = empty();
  if (value === null && field.nullable) return draft;
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' ? { ...draft, text: value } : undefined;
    case 'number': {
      // What JavaScript has rounded already is not for a form to pass on.
      const isExact = typeof value === 'number' && (!Number.isInteger(value) || Number.isSafeInteger(value));
      return isExact && (!field.whole || Number.isInteger(value)) ? { ...draft, text: String(value) } : undefined;
    }
    case 'json':
      return { ...draft, text: JSON.stringify(value, null, 2) };
    case 'boolean':
      return typeof value === 'boolean' ? { ...draft, choice: Number(value) } : undefined;
    case 'choice': {
      const json = JSON.stringify(value);
      const choice = field.options.findIndex((option) => JSON.stringify(option.value) === json);
      return choice === -1 ? undefined : { ...draft, choice };
    }
    case 'file': {
      const [entry, ...others] = Object.entries(value ?? {});
      if (entry?.[0] !== '$file' || others.length > 0) return undefined;
      return { ...draft, file: files.get(String(entry[1])) };
    }
    case 'object': {
      if (!isObject(value)) return undefined;
      if (Object.keys(value).some((name) => !field.properties.some((property) => property.name === name)))
        return undefined;
      const parts = field.properties.map(({ name, field, required }) =>
        name in value ? draftOf(field, value[name], files) : required ? blank(field, true) : blank(field, false),
      );
      return all(parts) ? { ...draft, choice: 1, parts } : undefined;
    }
    case 'map': {
      if (!isObject(value)) return undefined;
      const parts = Object.values(value).map((value) => draftOf(field.values, value, files));
      return all(parts) ? { ...draft, names: Object.keys(value), parts } : undefined;
    }
    case 'list': {
      if (!Array.isArray(value)) return undefined;
      const parts = value.map((value) => draftOf(field.items, value, files));
      return all(parts) ? { ...draft, parts } : undefined;
    }
    case 'variants': {
      for (const [choice, { field: variant }] of field.variants.entries()) {
        const part = draftOf(variant, value, files);
        if (part && hasAll(variant, value)) return { ...draft, choice, parts: [part] };
      }
      return undefined;
    }
  }
}

/** Whether nothing is missing that a shape asks for: shapes are told apart by it. */
function hasAll(field: Field, value: unknown): boolean {
  return field.kind !== 'object' || field.properties.every(({ name, required }) => !required || name in Object(value));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function all(parts: (Draft | undefined)[]): parts is Draft[] {
  return parts.every((part) => part !== undefined);
}

/** The ids that a value names files by. */
export function fileIds(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const id = '$file' in value ? value.$file : undefined;
  return [...new Set([...(typeof id === 'string' ? [id] : []), ...Object.values(value).flatMap(fileIds)])];
}
