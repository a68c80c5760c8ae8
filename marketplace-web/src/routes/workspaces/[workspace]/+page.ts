import { orErrorPage, orNone } from '$lib/api/client';
import { nameOf, Registry } from '$lib/api/registry';
import { Workspace } from '$lib/api/workspace';
import { standingOf } from '$lib/workspace/standing';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, params, depends }) => {
  depends('workspace:installations');
  const [workspace, registry] = [new Workspace(params.workspace, fetch), new Registry(fetch)];
  const { installations } = await orErrorPage(workspace.installations());
  const lines = installations.map(async (line) => {
    const [whole, standing] = await Promise.all([
      orNone(workspace.installation(nameOf(line.name))),
      standingOf(registry, line.name, line.version),
    ]);
    return { ...line, grant: whole?.grant, manifest: whole?.manifest, standing };
  });
  return { lines: await orErrorPage(Promise.all(lines)) };
};
