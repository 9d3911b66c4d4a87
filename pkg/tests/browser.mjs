// What tests in a browser need: files over HTTP on this machine, and Chromium.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Serves folders by the beginning of their paths, the first that fits: `{'/built/': '/tmp/x', '/': '/repository'}`. */
export async function serve(folders) {
  const server = createServer(({ url }, answer) => {
    const path = new URL(url, 'http://x').pathname;
    const [prefix, folder] = Object.entries(folders).find(([prefix]) => path.startsWith(prefix));
    try {
      const body = readFileSync(join(folder, path.slice(prefix.length)));
      answer.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/plain' }).end(body);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Starts Chromium, as a test may: without a sandbox of its own, and without calls to its maker. */
export function launch() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: '/usr/bin/chromium', args });
}
