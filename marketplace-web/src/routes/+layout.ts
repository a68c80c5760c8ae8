import { session } from '$lib/session.svelte';
import type { LayoutLoad } from './$types';

// Everything is made in the browser, from the registry's API.
export const ssr = false;
export const prerender = false;

export const load: LayoutLoad = () => {
  // Pages for everybody don't wait for it; those of an account do.
  session.ready().catch(() => undefined);
};
