import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

/** What the page may do. The server that embeds the page sends the same as a header, and `frame-ancestors` with it. */
const policy = readFileSync(new URL('src/policy.txt', import.meta.url), 'utf8').trim().split('\n').join('; ');

/** Says the policy in the page itself, for servers that only hand out files. Not while developing: Vite's own client
 * needs more. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
  ],
};

/** Writes the service worker, which needs the names of all files, and a version that changes with any of them. */
const offline: Plugin = {
  name: 'offline',
  apply: 'build',
  enforce: 'post',
  generateBundle(_, bundle) {
    const names = Object.keys(bundle).filter((name) => name !== 'index.html').sort();
    const files = ['./', ...names, ...still];
    const hash = createHash('sha256');
    for (const name of Object.keys(bundle).sort()) {
      const file = bundle[name]!;
      hash.update(name).update(file.type === 'chunk' ? file.code : file.source);
    }
    for (const name of still) hash.update(readFileSync(new URL(`public/${name}`, import.meta.url)));
    const source = readFileSync(new URL('src/offline/sw.js', import.meta.url), 'utf8')
      .replace("'@VERSION@'", JSON.stringify(hash.digest('hex').slice(0, 12)))
      .replace("['@FILES@']", JSON.stringify(files));
    this.emitFile({ type: 'asset', fileName: 'sw.js', source });
  },
};

/** Files of `public/` that the page needs, and that no bundle names. */
const still = ['early.js', 'icon.svg'];

export default defineConfig({
  // The page lives wherever it is put: at the root of a server, or below a path.
  base: './',
  server: { fs: { allow: ['.', '../pkg/dist', '../examples/shop'] } },
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // CodeMirror is one thing; `sizes.json` has the limits that count.
    chunkSizeWarningLimit: 1_000,
  },
  plugins: [contentSecurityPolicy, offline],
});
