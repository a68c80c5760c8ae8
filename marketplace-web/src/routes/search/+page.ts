import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

/** Facets in the order that people look for them. */
const FACETS = ['category', 'effect', 'auth', 'host', 'publisher', 'operation', 'import'];

export const load: PageLoad = async ({ fetch, url }) => {
  const registry = new Registry(fetch);
  const query = new URLSearchParams([...url.searchParams].filter(([, value]) => value !== ''));
  // Totals and facets come with the first page only, and a page behind it shows them, too.
  const first = new URLSearchParams(query);
  first.delete('cursor');
  first.set('limit', '1');
  const isFirst = !query.has('cursor');
  const [found, summed] = await Promise.all([
    orErrorPage(registry.search(query)),
    isFirst ? undefined : orErrorPage(registry.search(first)),
  ]);
  const { facets, total } = summed ?? found;
  return {
    found,
    total,
    isFirst,
    facets: FACETS.flatMap((name) => (facets?.[name]?.length ? [{ name, values: facets[name] }] : [])),
  };
};
