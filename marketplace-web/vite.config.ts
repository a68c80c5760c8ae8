import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig, type Plugin } from 'vite';

/** SvelteKit hides the region in which it announces pages by a style attribute, which a strict policy forbids: by a class instead. */
function announcerWithoutStyle(): Plugin {
  return {
    name: 'announcer-without-style',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/generated/root.svelte')) return undefined;
      return code.replace(/(id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1 class="unseen"');
    },
  };
}

// `npm run dev` beside a registry: JACKFIELD_REGISTRY=http://127.0.0.1:8787
const registry = process.env.JACKFIELD_REGISTRY ?? 'http://127.0.0.1:8787';

export default defineConfig({
  plugins: [announcerWithoutStyle(), sveltekit()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    // Bytes below which a chunk goes with another: on a slow line a question costs more than it brings.
    rollupOptions: { output: { experimentalMinChunkSize: 6_000 } },
  },
  server: {
    proxy: Object.fromEntries(['/v1', '/v2', '/log/', '/.well-known', '/openapi.json'].map((path) => [path, registry])),
  },
});
