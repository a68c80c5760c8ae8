import type { Policy, Rule, WantedPolicy } from '$lib/api/workspace';

/** A policy that somebody is making up his mind about: lists as they are entered. */
export class PolicyDraft {
  minimumAge: number;
  /** One a line. */
  denied: string;
  advisories: Policy['refuse_advisories'];
  whenRevoked: Policy['when_revoked'];
  reports: boolean;
  indexHours: number;
  whenStale: Policy['freshness']['when_stale'];
  auditors: { name: string; key: string }[];
  /** `from`: names, with commas between. */
  audits: { criteria: string; from: string; count: number; packages: string }[];
  /** `version`: empty for any. */
  exemptions: { packages: string; version: string; rule: Rule; reason: string; expires: string }[];

  constructor(policy: Policy) {
    this.minimumAge = $state(policy.minimum_age_hours);
    this.denied = $state(policy.denied_imports.join('\n'));
    this.advisories = $state(policy.refuse_advisories);
    this.whenRevoked = $state(policy.when_revoked);
    this.reports = $state(policy.report_installs);
    this.indexHours = $state(policy.freshness.index_hours);
    this.whenStale = $state(policy.freshness.when_stale);
    this.auditors = $state(Object.entries(policy.auditors).map(([name, key]) => ({ name, key })));
    this.audits = $state(policy.audits.map((audit) => ({ ...audit, from: audit.from.join(', ') })));
    this.exemptions = $state(policy.exemptions.map((one) => ({ ...one, version: one.version ?? '' })));
  }

  /** What is sent. One name with two keys is an error: only one of them would be kept. */
  wanted(): WantedPolicy {
    const twice = this.auditors.find(({ name }, at) => this.auditors.findIndex((other) => other.name === name) < at);
    if (twice) throw new Error(`Two auditors are called “${twice.name}”.`);
    return {
      minimum_age_hours: this.minimumAge,
      denied_imports: words(this.denied, /\s+/),
      refuse_advisories: this.advisories,
      when_revoked: this.whenRevoked,
      report_installs: this.reports,
      freshness: { index_hours: this.indexHours, when_stale: this.whenStale },
      auditors: Object.fromEntries(this.auditors.map(({ name, key }) => [name, key.trim()])),
      audits: this.audits.map((audit) => ({ ...audit, from: words(audit.from, /[\s,]+/) })),
      exemptions: this.exemptions.map(({ version, ...rest }) => (version ? { ...rest, version } : rest)),
    };
  }
}

const words = (text: string, between: RegExp) => text.split(between).filter(Boolean);
