import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, url }) => {
  const registry = new Registry(fetch);
  const { version } = params;
  const [about, release, permissions, checks] = await Promise.all([
    orErrorPage(registry.package(params)),
    orErrorPage(registry.release(params, version)),
    orErrorPage(registry.permissions(params, version)),
    orErrorPage(registry.checks(params, version)),
  ]);
  const versions = about.releases.map((line) => line.version);
  const older = versions.slice(versions.indexOf(version) + 1);
  // What somebody has read, if anything; else what came before.
  const audited = older.find((other) => about.trust.audits.some((audit) => audit.version === other));
  const since = url.searchParams.get('since') ?? audited ?? older[0];
  const diff = since ? await orErrorPage(registry.diff(params, since, version)) : undefined;
  return { about, release, permissions, checks, older, audited, since, diff, name: params };
};
