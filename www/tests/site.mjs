// The built page on a server of files, and a browser to look at it.
import { spawn } from 'node:child_process';
import { createServer, request as ask } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const dist = fileURLToPath(new URL('../dist/', import.meta.url));

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/**
 * Serves the page at `/page/`, so that it is held to work below a path; answers where, and how to stop. With the address
 * of a cluster it hands its API on, as `kubectl proxy --www` does; `api` answers in its place.
 */
export async function site({ cluster, api } = {}) {
  const server = createServer(async (asked, answer) => {
    const { url } = asked;
    const { pathname } = new URL(url, 'http://x');
    if (cluster && pathname.startsWith('/api')) return handOn(asked, answer, cluster);
    if (api && pathname.startsWith('/api')) return api(asked, answer);
    const name = normalize(pathname.replace(/^\/page\//, '') || 'index.html');
    try {
      const body = pathname.startsWith('/page/') && !name.startsWith('..') ? await readFile(join(dist, name)) : null;
      if (!body) throw new Error('not here');
      answer.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'cache-control': 'no-cache' }).end(body);
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  const stop = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { origin: `http://127.0.0.1:${port}`, address: `http://127.0.0.1:${port}/page/`, stop };
}

/** Without an answer there is none: the connection breaks, as that to a server that is gone. */
function handOn(asked, answer, cluster) {
  const { host, origin, ...headers } = asked.headers;
  const request = ask(new URL(asked.url, cluster), { method: asked.method, headers, agent: false }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    answer.flushHeaders();
    got.pipe(answer);
    got.on('aborted', () => answer.destroy());
  });
  request.on('error', () => answer.destroy());
  answer.on('close', () => request.destroy());
  asked.pipe(request);
}

/** Starts `imagecache dev`, a cluster and a cloud with the controller between them, and waits until it says where. */
export async function dev(...args) {
  const program = process.env.IMAGECACHE ?? fileURLToPath(new URL('../../target/debug/imagecache', import.meta.url));
  const child = spawn(program, ['dev', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const address = await new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`imagecache dev ${args.join(' ')} ended with ${code}: ${said}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
        const found = /^API server: (http:\/\/[\d.]+:\d+)/m.exec(said);
        if (found) done(found[1]);
      });
    }
  });
  const stop = (signal = 'SIGTERM') =>
    new Promise((done) => {
      child.removeAllListeners('exit').on('exit', done);
      child.kill(signal);
    });
  return { address, stop };
}

export function browse() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
}

/** A page of its own, with storage of its own; whatever it complains of is collected in `faults`. */
export async function visit(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (fault) => page.faults.push(fault.message));
  page.on('console', (message) => {
    // That no cluster is where the page comes from is asked, and logged by the browser.
    if (message.type() === 'error' && !message.location().url.includes('/apis/')) page.faults.push(message.text());
  });
  await page.goto(address);
  await settle(page);
  return page;
}

/** Waits until the newest text was looked at, and every part that was asked for is there. */
export async function settle(page) {
  await page.waitForSelector('.app[data-settled=yes]', { timeout: 30_000 });
  await page.waitForFunction(() => !document.querySelector('[data-part=waiting]'));
}

/** Puts a text in the place of what the editor holds, as a person who pastes. */
export async function write(page, text) {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.locator('.cm-content').evaluate(async (element, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', text);
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    // Until the page says that it looks at the text.
    await new Promise((done) => setTimeout(done));
  }, text);
  await settle(page);
}

/** Opens a sample by its name. */
export async function sample(page, name) {
  await page.getByRole('button', { name: 'Samples', exact: true }).click();
  await page.getByRole('dialog').getByText(name, { exact: true }).click();
  await settle(page);
}

export const findings = (page) => page.locator('.finding');
