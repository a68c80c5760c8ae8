import type { components } from './schema';

type Schemas = components['schemas'];

export type PackagePage = Schemas['PackagePage'];
export type ReleasePage = Schemas['ReleasePage'];
export type ReleaseLine = Schemas['ReleaseLine'];
export type Found = Schemas['Found'];
export type FoundPackage = Schemas['FoundPackage'];
export type Permissions = Schemas['Permissions'];
export type Checks = Schemas['Checks'];
export type CheckLine = Schemas['CheckLine'];
export type Statements = Schemas['Statements'];
export type Statuses = Schemas['Statuses'];
export type Reviews = Schemas['Reviews'];
export type ReviewView = Schemas['ReviewView'];
export type Rating = Schemas['Rating'];
export type Advisory = Schemas['Advisory'];
export type NamespacePackages = Schemas['NamespacePackages'];
export type NamespaceControl = Schemas['NamespaceControl'];
export type Providers = Schemas['Providers'];
export type TrustFacts = Schemas['TrustFacts'];
export type ProblemBody = Schemas['ProblemBody'];
export type Flags = Schemas['Flags'];
export type Fixture = Schemas['Fixture'];
export type Tryable = Schemas['Tryable'];

/** A call to be tried. Its input is JSON as it is sent; its files are in base64. */
export type Trial = Omit<Schemas['Trial'], 'input' | 'files'> & { input: string; files: Record<string, string> };

/** `GET …/diff`. The document leaves the changes open; they are those of core/package/src/difference.rs. */
export type Diff = Omit<Schemas['Diff'], 'changes'> & { changes: Change[] };

export interface Change {
  kind: string;
  subject: string;
  detail: string;
  needs: 'patch' | 'minor' | 'major';
  widens: boolean;
}

// What the document calls JSON and no more. The shapes are those of the registry's handlers.

/** Microseconds since 1970. */
export type Micros = number;

/** `GET /.well-known/jackfield.json` */
export interface About {
  origin: string;
  url: string | null;
  witness_policy: string | null;
  log_key: string;
  oidc_issuers: string[];
  statements_key: string;
  open_registration: boolean;
}

export interface Membership {
  namespace: string;
  role: 'owner' | 'publisher';
}

/** `GET /v1/me` */
export interface Me {
  /** Whether the user has a password, and not only accounts elsewhere. */
  password: boolean;
  name: string;
  user: string | null;
  operator: boolean;
  pattern: string | null;
  actions: string[];
  namespaces: Membership[];
}

export interface Keyset {
  version: number;
  threshold: number;
  keys: string[];
  statement: string;
  created_at: Micros;
}

/** `GET /v1/namespaces/{namespace}` */
export interface Namespace {
  name: string;
  class: 'connector' | 'generic';
  state: 'active' | 'held';
  reason: string | null;
  control: string | null;
  control_missing_since: Micros | null;
  quota_bytes: number;
  created_at: Micros;
  keyset: Keyset | null;
  recovery: { reason?: string; effective_at?: Micros } | null;
  /** For members only. */
  members?: { user: string; role: 'owner' | 'publisher' }[];
}

export interface Publisher {
  id: string;
  issuer: string;
  claims: Record<string, string>;
  pattern: string;
  created_at: Micros;
}

export interface AuditLine {
  id: string;
  at: Micros;
  actor: string;
  token: string | null;
  action: string;
  target: string;
  allowed: boolean;
  detail: string | null;
}

export interface TokenLine {
  id: string;
  label: string;
  pattern: string;
  actions: string[];
  created_at: Micros;
  expires_at: Micros;
  last_used_at: Micros | null;
  current: boolean;
}

export interface IssuedToken {
  id: string;
  token: string;
  pattern: string;
  actions: string[];
  expires_at: Micros;
}

export type State =
  'staged' | 'checking' | 'held' | 'rejected' | 'ready' | 'logged' | 'released' | 'yanked' | 'quarantined' | 'revoked';

/** `GET …/progress` */
export interface Progress {
  id: string;
  package: string;
  version: string;
  state: State;
  reason: string | null;
  next_actor: 'author' | 'registry' | 'moderator' | 'nobody';
  component: string;
  oci_manifest: string;
  state_at: Micros;
  retry_at?: Micros;
  previous: string | null;
  appeal?: string;
  events: { seq: number; at: Micros; state: State; actor: string; reason: string | null }[];
  checks: {
    id: string;
    title: string;
    level: 'error' | 'warning';
    state: 'pass' | 'fail' | 'unknown';
    message: string;
    hint?: string;
  }[];
}

/** A JSON Schema, as far as pages read it. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema | boolean;
  prefixItems?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

export interface Operation {
  name: string;
  kind: 'action' | 'poll' | 'webhook';
  title: string;
  description?: string;
  input: Schema;
  output: Schema;
  effect: 'read' | 'write' | 'destructive';
  idempotent?: boolean;
  scopes?: string[];
}

export type Attach =
  | { in: 'header'; name: string; prefix?: string }
  | { in: 'query'; name: string }
  | { in: 'basic' }
  | { in: 'signature'; hmac?: Record<string, unknown>; sigv4?: { service: string; region: string } };

export interface Auth {
  id: string;
  type: 'oauth2' | 'api-key' | 'basic' | 'bearer' | 'hmac' | 'sigv4';
  provider?: string;
  scopes?: { name: string; reason: string }[];
  hosts: string[];
  attach?: Attach;
  test?: string;
}

/** `GET …/manifest`: docs/spec/manifest.md. */
export interface Manifest {
  name: string;
  version: string;
  world: string;
  title: string;
  summary: string;
  license: string;
  categories?: string[];
  keywords?: string[];
  links?: { homepage?: string; repository?: string; documentation?: string; support?: string };
  changes?: string;
  egress?: { host: string; pattern?: string; ports?: number[] | 'any'; methods?: string[] | 'any'; reason: string }[];
  auth?: Auth[];
  config?: Schema;
  operations: Operation[];
  examples?: { operation: string; title: string; input: unknown; output?: unknown }[];
  limits?: { memory_bytes?: number; fuel?: number; time_ms?: number; response_bytes?: number };
}

/** An OpenID provider by which people sign in. */
export interface SignInProvider {
  id: string;
  title: string;
  issuer: string;
}

/** Who somebody is at one. */
export interface Identity {
  id: string;
  issuer: string;
  subject: string;
  label: string;
  created_at: number;
  used_at: number;
}
