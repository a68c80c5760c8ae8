import type { Manifest } from '$lib/api/types';
import type { Grant, Limits, LimitsInForce, WantedGrant } from '$lib/api/workspace';
import { Entry } from '$lib/schema/entry.svelte';
import { destinations, type Destination } from './egress';

/** A grant that somebody is making up his mind about. */
export class GrantDraft {
  destinations: Destination[];
  operations: Record<string, boolean>;
  limits: Record<string, string>;
  /** What was granted before, beside the defaults. */
  readonly granted: Limits;
  /** None: the connector takes no settings. */
  readonly config: Entry | undefined;

  /** Without a grant before: no destination, and each operation. */
  constructor(
    readonly manifest: Manifest,
    readonly inForce: LimitsInForce,
    grant: Grant | undefined,
  ) {
    this.destinations = $state(destinations(manifest.egress ?? [], grant?.egress ?? []));
    const isGranted = (name: string) => grant?.operations?.includes(name) ?? true;
    this.operations = $state(Object.fromEntries(manifest.operations.map(({ name }) => [name, isGranted(name)])));
    this.granted = grant?.limits ?? {};
    const written = Object.keys(inForce).map((limit) => [limit, this.granted[limit]?.toString() ?? '']);
    this.limits = $state(Object.fromEntries(written) as Record<string, string>);
    if (manifest.config) this.config = new Entry(manifest.config, grant && settings(grant));
  }

  get isAll(): boolean {
    return this.destinations.every(({ on, asked }) => on || !asked);
  }

  grantAll(): void {
    for (const line of this.destinations) line.on ||= line.asked !== undefined;
    for (const name of Object.keys(this.operations)) this.operations[name] = true;
  }

  add(): void {
    this.destinations.push({ asked: undefined, at: -1, on: true, text: '' });
  }

  /** What is sent; a config that is no JSON is a SyntaxError. */
  wanted(): WantedGrant {
    const names = Object.keys(this.operations).filter((name) => this.operations[name]);
    const set = Object.entries(this.limits).filter(([, written]) => written !== '');
    return {
      egress: this.destinations.filter(({ on, text }) => on && text.trim() !== '').map(({ text }) => text.trim()),
      operations: names.length === this.manifest.operations.length ? null : names,
      limits: Object.fromEntries(set.map(([limit, written]) => [limit, Number(written)])),
      ...(this.config ? { config: this.config.value() as Record<string, unknown> } : {}),
    };
  }
}

/** What was never set is no setting to start from. */
function settings(grant: Grant): Record<string, unknown> | undefined {
  return Object.keys(grant.config).length === 0 ? undefined : grant.config;
}
