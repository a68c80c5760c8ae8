import { orErrorPage } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch }) => {
  const registry = new Registry(fetch);
  const [newest, installed] = await Promise.all([
    orErrorPage(registry.search(new URLSearchParams({ sort: 'newest', limit: '5' }))),
    orErrorPage(registry.search(new URLSearchParams({ sort: 'installs', limit: '5' }))),
  ]);
  return { newest, installed };
};
