import { exact, json, path, text, type Fetch } from './client';
import type { Name } from './registry';
import type { Change, Manifest, Micros, Providers } from './types';

// What host/workspace answers: docs/reference/workspaces.md.

export type Role = 'auditor' | 'member' | 'operator' | 'admin';
export const ROLES: readonly Role[] = ['auditor', 'member', 'operator', 'admin'];

/** What somebody may do in a workspace, as `GET /W` says it of him. */
export type Action =
  'read' | 'invoke' | 'bills' | 'audit' | 'switch' | 'connect' | 'install' | 'grant' | 'members' | 'tokens' | 'policy';

/** `GET /v1/workspaces` */
export interface WorkspaceLine {
  name: string;
  title: string;
  /** None: an operator of the server sees it, and is no member. */
  role: Role | null;
}

/** `GET /W` */
export interface WorkspaceView {
  name: string;
  title: string;
  calls_a_minute: number;
  created_at: Micros;
  role: Role;
  actions: Action[];
  members: { user: string; role: Role }[];
}

export interface WorkspaceToken {
  id: string;
  workspace: string;
  label: string;
  role: Role;
  /** `*`, `acme:*` or `acme:crm`. */
  packages: string;
  created_by: string;
  created_at: Micros;
  expires_at: Micros;
  revoked_at: Micros | null;
  last_used_at: Micros | null;
}

export interface WantedToken {
  label: string;
  role?: Role;
  packages?: string;
  expires_in_s?: number;
}

/** `GET /W/offer` */
export interface Offer {
  name: string;
  version: string;
  digest: string;
  /** The version that is installed now. */
  replaces: string | null;
  manifest: Manifest;
  changes: Change[];
  consent_needed: boolean;
  warnings: string[];
  limits: LimitsInForce;
}

/** Limits by their names, such as `time-ms`. */
export type Limits = Record<string, number>;
/** What holds, by the manifest's wish and the grant as it is; and the most that can be granted. */
export type LimitsInForce = Record<string, { value: number; unit: string; ceiling: number }>;

export interface WantedGrant {
  /** Such as `GET,POST https://api.example.com`. */
  egress?: string[];
  /** These only; null: all. */
  operations?: string[] | null;
  limits?: Limits;
  config?: Record<string, unknown>;
}

export interface Grant extends Required<WantedGrant> {
  /** By the ids of the manifest's `auth`. */
  credentials: Record<string, { connection: string } | { file: true }>;
}

/** By whom a release was taken back, and why: docs/reference/cli.md. */
export interface TakenBack {
  status: 'yanked' | 'quarantined' | 'revoked';
  /** None: the registry shows no statement that counts. */
  word: { by: string; by_registry: boolean; reason: string; at: string | null; expires: Micros | null } | null;
  /** The newest version that stands. */
  instead: string | null;
}

/** How what is installed stands with its registry, as the server heard it last. */
export interface Standing {
  at: Micros;
  taken_back: TakenBack | null;
  advisories: { id: string; severity: string; affected: string; title: string }[];
}

/** A line of `GET /W/installations` */
export interface InstallationLine {
  name: string;
  version: string;
  digest: string;
  enabled: boolean;
  installed_at: Micros;
  title: string;
  summary: string;
  grant: Grant;
  /** None: the server has not asked yet. */
  standing: Standing | null;
}

/** `GET …/installations/NS/NAME` */
export interface Installation extends InstallationLine {
  signer: string | null;
  limits: LimitsInForce;
  manifest: Manifest;
  calls: number;
}

export interface Bill {
  fuel: number;
  peak_memory_bytes: number;
  wall_us: number;
  host_us: number;
  instance_us: number;
  host_calls: number;
  http_requests: number;
  http_denied: number;
  http_bytes_out: number;
  http_bytes_in: number;
  file_bytes_in: number;
  file_bytes_out: number;
  log_lines: number;
}

export interface Denial {
  connector: string;
  operation: string;
  asked: string;
  layer: 'request' | 'header' | 'manifest' | 'grant' | 'address' | 'credential' | 'installation';
  reason: string;
  /** The request that would allow it, such as `POST /v1/workspaces/… {"egress":"…"}`; or words, where no request can. */
  fix: string | null;
}

export interface LogLine {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields?: [string, string][];
}

export interface CreatedFile {
  id: string;
  name: string;
  media_type: string;
  bytes: number;
  base64: string;
}

/** A call that went well. */
export interface Answer {
  /** None where nobody keeps its bill. */
  invocation?: string;
  result: unknown;
  bill: Bill;
  denials?: Denial[];
  log?: LogLine[];
  files?: CreatedFile[];
}

/** The body of the problem of a call that ran and did not go well. */
export interface NoAnswer {
  invocation?: string;
  failure: { failure: string; details?: unknown; backtrace?: string[] };
  retryable?: boolean;
  request_sent: boolean;
  bill: Bill;
  denials?: Denial[];
  log?: LogLine[];
}

/** `?dry_run=true` */
export interface DryRun {
  dry_run: true;
  connector: string;
  version: string;
  operation: string;
  effect: string;
  idempotent: boolean | null;
}

export interface Call {
  /** JSON, as it is sent: numbers keep their digits. */
  input: string;
  /** By the ids that the input names as `{"$file": "id"}`. */
  files?: Map<string, File>;
  deadlineMs?: number | undefined;
  signal?: AbortSignal;
}

export const OUTCOMES = ['ok', 'guest', 'panic', 'limit', 'denied', 'host', 'cancelled', 'refused'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** `GET /W/invocations/ID` */
export interface Invocation {
  id: string;
  at: Micros;
  /** `user:NAME` or `token:ID`. */
  caller: string;
  connector: string;
  version: string;
  operation: string;
  outcome: Outcome;
  code: string | null;
  message: string | null;
  bill: Bill;
  denials: Denial[];
  trace: string | null;
}

export type ConnectionState =
  'pending' | 'active' | 'refreshing' | 'degraded' | 'needs-reauth' | 'disabled' | 'revoked';

export type Flow = 'handed-in' | 'authorization-code' | 'client-credentials' | 'device-code' | 'jwt-bearer';

export interface Connection {
  id: string;
  tenant: string;
  connector: string;
  /** Which entry of its manifest's `auth`. */
  auth: string;
  label: string;
  state: ConnectionState;
  /** Why it needs a person, or is degraded. */
  reason: string | null;
  terms: {
    provider?: string;
    grant: Flow;
    client_id?: string;
    scopes?: string[];
    parameters?: Record<string, string>;
    hook?: unknown;
  };
  account: string | null;
  scopes: string[] | null;
  generation: number;
  issued_at: Micros | null;
  expires_at: Micros | null;
  due_at: Micros | null;
  refresh_expires_at: Micros | null;
  failures: number;
  retry_at: Micros | null;
  created_at: Micros;
  last_used_at: Micros | null;
}

export interface ConnectionAuditLine {
  id: string;
  connection: string | null;
  caller: string;
  action: string;
  /** `done`, or the code of the refusal. */
  outcome: string;
  detail: string | null;
  at: Micros;
}

export interface WantedConnection {
  connector: string;
  auth?: string;
  label?: string;
  provider?: string;
  flow?: Flow;
  client_id?: string;
  client_secret?: string;
  scopes?: string[];
  parameters?: Record<string, string>;
  /** The connection that is connected again. */
  again?: string;
}

/** What a person opens to connect an account. */
export interface ConnectLink {
  url: string;
  session: string;
  connection: string;
  expires_at: Micros;
}

export interface ConnectionTest {
  works: boolean;
  by: string;
  why?: string | null;
}

export interface WorkspaceAuditLine {
  number: number;
  at: Micros;
  caller: string;
  action: string;
  target: string;
  allowed: boolean;
  detail: string | null;
  hash: string;
}

/** `GET /W/audit/verify` */
export interface AuditCheck {
  intact: boolean;
  broken_at?: number;
  lines: number;
  hash?: string | null;
}

/** `GET /W/policy`: docs/spec/policy.md. */
export interface Policy {
  minimum_age_hours: number;
  denied_imports: string[];
  refuse_advisories: 'low' | 'medium' | 'high' | 'critical' | 'never';
  when_revoked: 'tell' | 'disable';
  report_installs: boolean;
  freshness: { index_hours: number; when_stale: 'refuse' | 'warn' };
  registries: { url: string; origin: string; log_key: string; statements_key: string; witness_policy?: string }[];
  /** The keysets that were seen last, by namespace. */
  keysets: Record<string, { registry: string; version: number; digest: string }>;
  /** Keys, by names of one's own. */
  auditors: Record<string, string>;
  audits: { criteria: string; from: string[]; count: number; packages: string }[];
  exemptions: { packages: string; version?: string; rule: Rule; reason: string; expires: string }[];
}

/** A rule that one can be exempted from. */
export type Rule = 'audit' | 'age' | 'import' | 'advisory';

/** What a workspace says of its policy: the rest is not for it to change. */
export type WantedPolicy = Omit<Policy, 'registries' | 'keysets'>;

export const workspaces = () => json<{ workspaces: WorkspaceLine[] }>('/v1/workspaces');
export const makeWorkspace = (name: string, title: string) =>
  json<{ name: string; title: string }>('/v1/workspaces', { method: 'POST', body: { name, title } });

/** Empty fields are not asked for. */
function query(fields: Record<string, string | undefined>): string {
  const said = Object.entries(fields).filter((field): field is [string, string] => Boolean(field[1]));
  return said.length === 0 ? '' : `?${new URLSearchParams(said)}`;
}

/** One workspace, as it is asked. */
export class Workspace {
  constructor(
    readonly name: string,
    private readonly fetch: Fetch | undefined = undefined,
  ) {}

  show = () => this.get<WorkspaceView>('');
  setQuota = (calls_a_minute: number) => this.change<void>('PUT', '/quota', { calls_a_minute });
  setMember = (user: string, role: Role) => this.change<void>('PUT', path`/members/${user}`, { role });
  removeMember = (user: string) => this.change<void>('DELETE', path`/members/${user}`);

  tokens = () => this.get<{ tokens: WorkspaceToken[] }>('/tokens');
  makeToken = (wanted: WantedToken) => this.change<WorkspaceToken & { token: string }>('POST', '/tokens', wanted);
  revokeToken = (id: string) => this.change<void>('DELETE', path`/tokens/${id}`);

  policy = () => this.get<Policy>('/policy');
  setPolicy = (policy: WantedPolicy) => this.change<Policy>('PUT', '/policy', policy);

  /** Asks the registries now; what was heard stands with each installation then. */
  askStanding = () => this.change<{ standing: { name: string; switched_off: boolean }[] }>('POST', '/standing');
  offer = (wanted: string) => this.get<Offer>(`/offer${query({ package: wanted })}`);
  installations = () => this.get<{ installations: InstallationLine[] }>('/installations');
  install = (wanted: string, grant: 'all' | 'none' | 'keep' | WantedGrant, consent: boolean) =>
    this.change<Installation>('POST', '/installations', { package: wanted, grant, consent });
  installation = (name: Name) => this.get<Installation>(at(name));
  uninstall = (name: Name) => this.change<void>('DELETE', at(name));
  setGrant = (name: Name, grant: WantedGrant) => this.change<Installation>('PUT', `${at(name)}/grant`, grant);
  allow = (name: Name, egress: string) => this.change<Installation>('POST', `${at(name)}/grant`, { egress });
  setEnabled = (name: Name, enabled: boolean) => this.change<Installation>('PUT', `${at(name)}/enabled`, { enabled });
  /** How much its release was used here, signed: a review goes with it. */
  receipt = (name: Name) => this.get<unknown>(`${at(name)}/receipt`);
  /** An OpenAPI document of one installation, where it is. */
  openapiHref = (name: Name) => `${this.base}${at(name)}/openapi.json`;
  invokeHref = (name: Name, operation: string) => `${this.base}${at(name)}${path`/operations/${operation}/invoke`}`;

  /** A refused call is a `Problem`; one that ran has a `NoAnswer` as its body. */
  invoke = (name: Name, operation: string, call: Call) => this.call<Answer>(name, operation, call, '');
  dryRun = (name: Name, operation: string, call: Call) => this.call<DryRun>(name, operation, call, '?dry_run=true');

  invocations = (search: { caller?: string; connector?: string; outcome?: string; before?: string } = {}) =>
    this.get<{ invocations: Invocation[]; next: string | null }>(`/invocations${query(search)}`);
  invocation = (id: string) => this.get<Invocation>(path`/invocations/${id}`);

  providers = () => this.get<Providers>('/providers');
  connections = () => this.get<{ connections: Connection[] }>('/connections');
  connect = (wanted: WantedConnection) => this.change<ConnectLink>('POST', '/connections', wanted);
  connection = (id: string) =>
    this.get<{ connection: Connection; audit: ConnectionAuditLine[] }>(path`/connections/${id}`);
  deleteConnection = (id: string) => this.change<void>('DELETE', path`/connections/${id}`);
  testConnection = (id: string) => this.change<ConnectionTest>('POST', path`/connections/${id}/test`);
  changeConnection = (id: string, how: 'refresh' | 'revoke' | 'disable' | 'enable') =>
    this.change<{ connection: Connection }>('POST', path`/connections/${id}/${how}`);

  audit = (search: { caller?: string; action?: string; target?: string; allowed?: string; before?: string } = {}) =>
    this.get<{ audit: WorkspaceAuditLine[]; next: number | null }>(`/audit${query(search)}`);
  /** JSON lines, the oldest first, a thousand at a time. */
  exportAudit = (after = 0) => text(`${this.base}/audit/export?after=${after}`, { fetch: this.fetch });
  verifyAudit = () => this.get<AuditCheck>('/audit/verify');

  private get base(): string {
    return path`/v1/workspaces/${this.name}`;
  }

  private get<T>(below: string): Promise<T> {
    return json<T>(this.base + below, { fetch: this.fetch });
  }

  private change<T>(method: 'POST' | 'PUT' | 'DELETE', below: string, body?: unknown): Promise<T> {
    return json<T>(this.base + below, { method, body });
  }

  private async call<T>(
    name: Name,
    operation: string,
    { input, files, deadlineMs, signal }: Call,
    how: string,
  ): Promise<T> {
    const form = new FormData();
    form.set('input', input);
    for (const [id, file] of files ?? []) form.set(id, file);
    const headers: Record<string, string> =
      deadlineMs === undefined ? {} : { 'jackfield-deadline-ms': String(deadlineMs) };
    const answer = await text(this.invokeHref(name, operation) + how, { method: 'POST', body: form, headers, signal });
    return exact<T>(answer);
  }
}

function at({ namespace, name }: Name): string {
  return path`/installations/${namespace}/${name}`;
}
