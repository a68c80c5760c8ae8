import type { Schema } from '$lib/api/types';

/** One value that a schema speaks of. */
export interface Row {
  /** Where it stands: `columns[].as`. */
  path: string;
  type: string;
  required: boolean;
  title: string | undefined;
  description: string | undefined;
  /** Bounds, in words. */
  bounds: string[];
  fallback: unknown;
  hasFallback: boolean;
}

/** Rows that are shown of one schema: what is longer is read as JSON. */
const ROWS = 200;
/** Levels that are followed: schemas may speak of themselves. */
const DEPTH = 6;

/** A schema as a table, one row a value. What the words don't cover, the JSON beside it does. */
export function describe(schema: Schema): Row[] {
  const rows: Row[] = [];
  walk(schema, schema, '', true, 0, rows);
  // The whole itself is no row unless it is all there is.
  return rows.length > 1 && rows[0]?.path === '' ? rows.slice(1) : rows;
}

function walk(root: Schema, written: Schema, path: string, required: boolean, depth: number, rows: Row[]): void {
  if (rows.length >= ROWS) return;
  const schema = resolved(root, written);
  rows.push({
    path,
    required,
    type: typeOf(root, schema),
    title: schema.title,
    description: schema.description,
    bounds: bounds(schema),
    fallback: schema.default,
    hasFallback: 'default' in schema,
  });
  if (depth === DEPTH) return;
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  for (const part of [schema, ...(schema.allOf ?? []).map((part) => resolved(root, part))]) {
    for (const [name, property] of Object.entries(part.properties ?? {})) {
      walk(root, property, at(name), part.required?.includes(name) ?? false, depth + 1, rows);
    }
  }
  const items = typeof schema.items === 'object' ? resolved(root, schema.items) : undefined;
  if (items && hasInside(items)) walkInside(root, items, `${path}[]`, depth, rows);
  if (typeof schema.additionalProperties === 'object' && hasInside(resolved(root, schema.additionalProperties))) {
    walkInside(root, resolved(root, schema.additionalProperties), at('*'), depth, rows);
  }
}

function walkInside(root: Schema, schema: Schema, path: string, depth: number, rows: Row[]): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    walk(root, property, `${path}.${name}`, schema.required?.includes(name) ?? false, depth + 1, rows);
  }
}

const hasInside = (schema: Schema) => Object.keys(schema.properties ?? {}).length > 0;

/** What a local reference means. */
function resolved(root: Schema, schema: Schema): Schema {
  const name = /^#\/(?:\$defs|definitions)\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  const meant = name === undefined ? undefined : root.$defs?.[name];
  return meant ? { ...meant, ...schema } : schema;
}

function typeOf(root: Schema, schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map((choice) => typeOf(root, resolved(root, choice))))].join(' | ');
  const types = [schema.type ?? (schema.properties ? 'object' : 'any')].flat();
  return types
    .map((type) => {
      if (type !== 'array') return type;
      return typeof schema.items === 'object' ? `${typeOf(root, resolved(root, schema.items))}[]` : 'array';
    })
    .join(' | ');
}

function bounds(schema: Schema): string[] {
  const said: string[] = [];
  const between = (low: number | undefined, high: number | undefined, unit: string) => {
    const of = (n: number) => (unit === '' ? `${n}` : `${n} ${unit}${n === 1 ? '' : 's'}`);
    if (low !== undefined && high !== undefined)
      said.push(low === high ? `exactly ${of(low)}` : `${low} to ${of(high)}`);
    else if (low !== undefined) said.push(`at least ${of(low)}`);
    else if (high !== undefined) said.push(`at most ${of(high)}`);
  };
  between(schema.minimum, schema.maximum, '');
  if (schema.exclusiveMinimum !== undefined) said.push(`more than ${schema.exclusiveMinimum}`);
  if (schema.exclusiveMaximum !== undefined) said.push(`less than ${schema.exclusiveMaximum}`);
  between(schema.minLength, schema.maxLength, 'character');
  between(schema.minItems, schema.maxItems, 'item');
  if (schema.pattern) said.push(`matches ${schema.pattern}`);
  // Rust's widths of numbers are bounds that stand here already.
  if (schema.format && !/^u?int\d*$|^float|^double/.test(schema.format)) said.push(schema.format);
  return said;
}
