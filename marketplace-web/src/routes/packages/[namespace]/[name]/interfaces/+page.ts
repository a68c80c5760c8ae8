import { Problem } from '$lib/api/client';
import { Registry } from '$lib/api/registry';
import type { PageLoad } from './$types';

/** What is imported and exported stands there without it: that it can't be had is no reason for an error page. */
export const load: PageLoad = async ({ fetch, params, parent }) => {
  const { release } = await parent();
  try {
    return { wit: await new Registry(fetch).wit(params, release.version) };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { noWit: problem.message };
  }
};
