// How things are said to a person.

const COUNT = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const DAY = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const LIST = new Intl.ListFormat('en', { type: 'conjunction' });

export const count = (n: number) => COUNT.format(n);
export const compact = (n: number) => COMPACT.format(n);
export const list = (items: string[]) => LIST.format(items);

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A number with its unit, which no line ends between. */
export const measure = (value: number | string, unit: string) => `${value}\u00a0${unit}`;

export function bytes(n: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let [value, unit] = [n, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return measure(unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0), units[unit]!);
}

/** RFC 3339, or microseconds since 1970. */
export type When = string | number;

export function date(when: When): Date {
  return typeof when === 'number' ? new Date(when / 1000) : new Date(when);
}

export const day = (when: When) => DAY.format(date(when));
export const moment = (when: When) => MOMENT.format(date(when));

export function ago(when: When, now = Date.now()): string {
  const seconds = (date(when).getTime() - now) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['year', 31_557_600],
    ['month', 2_629_800],
    ['week', 604_800],
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return AGO.format(Math.round(seconds / length), unit);
  }
  return AGO.format(Math.round(seconds), 'second');
}

/** Whom an actor's name means: `user:ada` is ada. */
export const who = (actor: string) => actor.replace(/^user:/, '');

/** A word of a command, as a shell takes it. */
export const shellQuoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function short(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}

const CATEGORIES: Record<string, string> = {
  ai: 'AI',
  crm: 'CRM',
  'developer-tools': 'Developer tools',
  ecommerce: 'E-commerce',
};

export function category(word: string): string {
  return CATEGORIES[word] ?? word.charAt(0).toUpperCase() + word.slice(1);
}

export const AUTH: Record<string, string> = {
  oauth2: 'OAuth 2',
  'api-key': 'API key',
  basic: 'User name and password',
  bearer: 'Bearer token',
  hmac: 'Signing key (HMAC)',
  sigv4: 'AWS signing key',
};

export const EFFECT: Record<string, string> = { read: 'Reads', write: 'Writes', destructive: 'Removes' };

/** What a manifest writes as `{api_host}`, by the name of the setting. */
const SETTING = /`?\{([a-z][\w-]*)\}`?/g;

/** A sentence of the registry's about hosts, for `Words`: settings are said, and a pattern is called one. */
export function hostsInWords(text: string): string {
  const [, before = text, pattern, ports = ''] =
    /^(.*), which must match (\^.*\$)( on (?:every )?port.*)?$/s.exec(text) ?? [];
  const said = before.replace(SETTING, (_, name: string) => `the host that its setting \`${name}\` names`);
  return pattern === undefined ? said : `${said}${ports}; what is set there must fit the pattern \`${pattern}\``;
}

/** One host as a manifest names it, for `Words`. */
export const hostInWords = (host: string) => (host.startsWith('{') ? hostsInWords(host) : `\`${host}\``);
