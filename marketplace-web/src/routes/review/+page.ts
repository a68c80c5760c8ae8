import { orErrorPage, orNone } from '$lib/api/client';
import { Registry, nameOf } from '$lib/api/registry';
import type { PageLoad } from './$types';

/** Newest releases that are looked at: a reviewer's week. */
const NEWEST = '20';

export const load: PageLoad = async ({ fetch, url }) => {
  const registry = new Registry(fetch);
  const query = new URLSearchParams({ sort: 'newest', limit: NEWEST });
  const cursor = url.searchParams.get('cursor');
  if (cursor) query.set('cursor', cursor);
  const found = await orErrorPage(registry.search(query));
  // The list does not say what was audited; each package's page does.
  const queue = await Promise.all(
    found.items.map(async (item) => {
      const page = await orErrorPage(orNone(registry.package(nameOf(item.name))));
      const audits = page?.trust.audits ?? [];
      return {
        ...item,
        audits: audits.filter((audit) => audit.version === item.version).length,
        audited: audits[0]?.version ?? undefined,
      };
    }),
  );
  return { queue, next: found.next ?? undefined };
};
