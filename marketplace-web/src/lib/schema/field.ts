import type { Schema } from '$lib/api/types';

/**
 * What a form asks for one value of a schema. The subset that forms speak: objects of named properties, or of names that somebody
 * chooses; lists; texts, numbers, yes or no; choices of constants, and of shapes; files, as `{"$file": "id"}`; null beside any of these.
 * Whatever a schema says beyond that is asked for as JSON.
 */
export type Field = Asked &
  (
    | { kind: 'text'; format: string | undefined; pattern: string | undefined; min: number; max: number | undefined }
    | { kind: 'number'; whole: boolean; min: number | undefined; max: number | undefined }
    | { kind: 'boolean' }
    | { kind: 'choice'; options: { value: unknown; text: string; says: string | undefined }[] }
    | { kind: 'file' }
    | { kind: 'object'; properties: Property[] }
    | { kind: 'map'; values: Field }
    | { kind: 'list'; items: Field; min: number; max: number | undefined }
    | { kind: 'variants'; variants: { text: string; field: Field }[] }
    | { kind: 'json' }
  );

/** What is said of every value. */
interface Asked {
  title: string | undefined;
  description: string | undefined;
  /** Whether null stands for it as well. */
  nullable: boolean;
  /** What holds where it is left out. */
  fallback: unknown;
  hasFallback: boolean;
}

export interface Property {
  name: string;
  required: boolean;
  field: Field;
}

/** Levels of a form: whoever needs more writes JSON. */
const DEPTH = 8;
/** Fields of a form, for schemas that multiply. */
const FIELDS = 400;

const ANNOTATIONS = ['title', 'description', 'default', 'examples', '$comment', 'deprecated', 'readOnly', 'writeOnly'];
const ROOT = ['$defs', 'definitions', '$schema', '$id'];
/** Beside these, the server alone looks: a form that is too free is put right by its answer. */
const UNSHOWN = ['uniqueItems', 'multipleOf', 'minProperties', 'maxProperties', 'exclusiveMinimum', 'exclusiveMaximum'];
const KNOWN = new Set([
  ...ANNOTATIONS,
  ...ROOT,
  ...UNSHOWN,
  'type',
  'format',
  'enum',
  'const',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'anyOf',
  'oneOf',
]);

/** The form of a schema. */
export function fieldOf(schema: Schema | boolean): Field {
  const root = typeof schema === 'object' ? schema : {};
  const field = new Reader(root).read(root, [], 0);
  // An operation that takes nothing says `object`, and no more.
  const isEmpty = root.type === 'object' && !root.properties && [undefined, false].includes(open(root));
  return field.kind === 'json' && isEmpty ? { ...field, kind: 'object', properties: [] } : field;
}

function open(schema: Schema): boolean | undefined {
  return typeof schema.additionalProperties === 'object' ? true : schema.additionalProperties;
}

class Reader {
  private left = FIELDS;

  constructor(private readonly root: Schema) {}

  read(written: Schema | boolean, refs: readonly string[], depth: number): Field {
    this.left -= 1;
    if (typeof written === 'boolean') return { ...asked({}), kind: 'json' };
    const followed = this.follow(written, refs);
    if (!followed || depth > DEPTH || this.left < 0) return { ...asked(written), kind: 'json' };
    return this.shape(followed.schema, followed.refs, depth);
  }

  /** The schema that is meant, references and single `allOf`s taken in; none for what speaks of itself. */
  private follow(written: Schema, refs: readonly string[]): { schema: Schema; refs: readonly string[] } | undefined {
    const { $ref, allOf, ...own } = written;
    if ($ref !== undefined) {
      const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec($ref)?.[1];
      const meant = name === undefined ? undefined : this.root.$defs?.[name];
      if (!meant || refs.includes($ref)) return undefined;
      return this.follow({ ...meant, ...own, ...(allOf ? { allOf } : {}) }, [...refs, $ref]);
    }
    if (allOf === undefined) return { schema: own, refs };
    const [only, ...others] = allOf;
    if (!only || others.length > 0 || own.type || own.properties) return undefined;
    return this.follow({ ...only, ...own }, refs);
  }

  private shape(schema: Schema, refs: readonly string[], depth: number): Field {
    const base = asked(schema);
    const json: Field = { ...base, kind: 'json' };
    if (Object.keys(schema).some((key) => !KNOWN.has(key) && !key.startsWith('x-'))) return json;
    if (schema.const !== undefined) return choice(base, [schema]);
    if (schema.enum)
      return choice(
        base,
        schema.enum.map((value) => ({ const: value })),
      );
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices) {
      if (schema.properties || schema.items || (schema.oneOf && schema.anyOf)) return json;
      return this.either(base, choices, refs, depth);
    }
    const types = [schema.type ?? (schema.properties ? 'object' : [])].flat();
    const [type, ...others] = types.filter((type) => type !== 'null');
    if (type === undefined) return json;
    if (others.length > 0) {
      const each = [type, ...others].map((type) => ({ ...schema, type, ...NOT_SAID_AGAIN }));
      return this.either({ ...base, nullable: types.includes('null') }, each, refs, depth);
    }
    return this.typed({ ...base, nullable: types.includes('null') }, schema, type, refs, depth);
  }

  private typed(base: Asked, schema: Schema, type: string, refs: readonly string[], depth: number): Field {
    switch (type) {
      case 'string': {
        const { format, pattern, minLength: min = 0, maxLength: max } = schema;
        return { ...base, kind: 'text', format, pattern, min, max };
      }
      case 'integer':
      case 'number':
        return { ...base, kind: 'number', whole: type === 'integer', min: schema.minimum, max: schema.maximum };
      case 'boolean':
        return { ...base, kind: 'boolean' };
      case 'array':
        return {
          ...base,
          kind: 'list',
          items: this.read(schema.items ?? true, refs, depth + 1),
          min: schema.minItems ?? 0,
          max: schema.maxItems,
        };
      default:
        return this.object(base, schema, refs, depth);
    }
  }

  private object(base: Asked, schema: Schema, refs: readonly string[], depth: number): Field {
    const named = Object.entries(schema.properties ?? {});
    if (named.length === 1 && named[0]?.[0] === '$file') return { ...base, kind: 'file' };
    const values = schema.additionalProperties;
    if (named.length === 0) {
      if (typeof values !== 'object') return { ...base, kind: 'json' };
      return { ...base, kind: 'map', values: this.read(values, refs, depth + 1) };
    }
    const properties = named.map(([name, property]) => ({
      name,
      required: schema.required?.includes(name) ?? false,
      field: this.read(property, refs, depth + 1),
    }));
    // What must be said comes first.
    properties.sort((a, b) => Number(b.required) - Number(a.required));
    return { ...base, kind: 'object', properties };
  }

  private either(base: Asked, written: Schema[], refs: readonly string[], depth: number): Field {
    const isNull = (schema: Schema) => schema.type === 'null' || schema.const === null;
    const choices = written.filter((schema) => !isNull(schema));
    const nullable = base.nullable || choices.length < written.length;
    if (choices.length > 0 && choices.every((schema) => 'const' in schema))
      return choice({ ...base, nullable }, choices);
    const variants = choices.map((schema) => {
      const field = this.read(schema, refs, depth + 1);
      return { text: nameOf(field), field };
    });
    const [only, ...others] = variants;
    if (!only) return { ...base, nullable, kind: 'json' };
    const { title, description, fallback, hasFallback } = base;
    if (others.length > 0) return { ...base, nullable, kind: 'variants', variants };
    return {
      ...only.field,
      title: title ?? only.field.title,
      description: description ?? only.field.description,
      nullable: nullable || only.field.nullable,
      ...(hasFallback ? { fallback, hasFallback } : {}),
    };
  }
}

/** What a value is called once already is not said of each of its types. */
const NOT_SAID_AGAIN = { title: undefined, description: undefined };

function asked(schema: Schema): Asked {
  const { title, description, default: fallback } = schema;
  return { title, description, nullable: false, fallback, hasFallback: 'default' in schema };
}

function choice(base: Asked, schemas: Schema[]): Field {
  const options = schemas.map(({ const: value, title, description }) => ({
    value,
    text: title ?? (typeof value === 'string' ? value : JSON.stringify(value)),
    says: description === base.description ? undefined : description,
  }));
  return { ...base, kind: 'choice', options };
}

/** What one of several shapes is called. */
function nameOf(field: Field): string {
  if (field.title) return field.title;
  switch (field.kind) {
    case 'text':
      return 'a text';
    case 'number':
      return field.whole ? 'a whole number' : 'a number';
    case 'boolean':
      return 'yes or no';
    case 'list':
      return 'a list';
    case 'map':
      return 'names and values';
    case 'file':
      return 'a file';
    case 'json':
      return 'JSON';
    case 'object': {
      const tag = field.properties.find(({ field }) => field.kind === 'choice' && field.options.length === 1);
      if (tag?.field.kind === 'choice') return tag.field.options[0]?.text ?? tag.name;
      return (
        field.properties
          .filter(({ required }) => required)
          .map(({ name }) => name)
          .join(', ') || 'an object'
      );
    }
    case 'choice':
      return field.options.map(({ text }) => text).join(' or ');
    case 'variants':
      return field.variants.map(({ text }) => text).join(' or ');
  }
}
