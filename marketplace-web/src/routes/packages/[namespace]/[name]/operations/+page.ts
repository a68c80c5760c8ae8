import { Problem } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

/** What it may be tried with; none where nothing is tried, or not this release. */
export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  if (release.state !== 'released') return { tryable: undefined };
  try {
    return { tryable: await new Registry(fetch).tryable(params, release.version) };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { tryable: undefined };
  }
};
