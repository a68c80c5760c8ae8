import { redirect } from '@sveltejs/kit';
import { orErrorPage } from '$lib/api/client';
import { session } from '$lib/session.svelte';
import type { LayoutLoad } from './$types';

/** The console is for those who are signed in; whoever is not comes back here once he is. */
export const load: LayoutLoad = async ({ url }) => {
  const me = await orErrorPage(session.ready());
  if (!me) redirect(303, `/sign-in?next=${encodeURIComponent(url.pathname + url.search)}`);
  return { me };
};
