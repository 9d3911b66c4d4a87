// The package as npm packs it, in every host that it is made for.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import esbuild from 'esbuild';
import { build } from 'vite';
import * as imagecache from 'imagecache';
import { launch, serve } from './browser.mjs';
import { check } from './hosts/check.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const installed = join(here, 'node_modules/imagecache');
const expected = check(imagecache);
const temporary = mkdtempSync(join(tmpdir(), 'imagecache-'));
after(() => rmSync(temporary, { recursive: true }));

describe('Node', () => {
  test('import', () => assert.match(expected, /IC021.*imc-1.*docker\.io\/library\/nginx:latest/));

  test('require gives the same module', () => {
    const require = createRequire(import.meta.url);
    assert.equal(check(require('imagecache')), expected);
    assert.equal(check(require('imagecache/inline')), expected);
    assert.equal(require('imagecache').CacheIndex, imagecache.CacheIndex);
  });

  test('a project that npm installs the archive into', () => {
    const folder = new URL('../../target/npm/', import.meta.url);
    const archive = process.env.IMAGECACHE_ARCHIVE ?? fileURLToPath(new URL(readdirSync(folder)[0], folder));
    writeFileSync(join(temporary, 'package.json'), '{"private": true}');
    execFileSync('npm', ['install', '--offline', '--silent', archive], { cwd: temporary });
    const say = (call) => `process.stdout.write(${call}('nginx').normalized)`;
    const run = (...args) => execFileSync(process.execPath, args, { cwd: temporary, encoding: 'utf8' });
    const modern = `import { parseReference } from 'imagecache'; ${say('parseReference')}`;
    assert.equal(run('--input-type=module', '-e', modern), 'docker.io/library/nginx:latest');
    assert.equal(run('--input-type=commonjs', '-e', say("require('imagecache').parseReference")), 'docker.io/library/nginx:latest');
  });

  test('a worker thread', async () => {
    const source = `
      import { parentPort } from 'node:worker_threads';
      import { check } from ${JSON.stringify(new URL('hosts/check.js', import.meta.url))};
      import * as imagecache from ${JSON.stringify(import.meta.resolve('imagecache'))};
      parentPort.postMessage(check(imagecache));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const answer = await new Promise((done, fail) => worker.once('message', done).once('error', fail));
    assert.equal(answer, expected);
  });

  test('the entry for the web takes a module by hand, as Deno and edge workers give it', async () => {
    const web = await import('./node_modules/imagecache/dist/json/web.js');
    assert.throws(() => web.version(), /await init\(\)/);
    await assert.rejects(web.init(new Uint8Array([1, 2, 3])), WebAssembly.CompileError);
    await web.init(WebAssembly.compile(readFileSync(join(installed, 'dist/json/imagecache.wasm'))));
    await web.init();
    assert.equal(check(web), expected);
  });
});

describe('Chromium', () => {
  let server, browser;

  before(async () => {
    server = await serve({ '/built/': temporary, '/': here });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server.close();
  });

  async function shows(path) {
    const page = await browser.newPage();
    const faults = [];
    page.on('pageerror', (fault) => faults.push(fault.message));
    await page.goto(server.origin + path);
    await page.waitForFunction(() => document.title !== 'imagecache' && document.title !== '', null, { timeout: 60_000 }).catch(() => {});
    const title = await page.title();
    await page.close();
    assert.deepEqual(faults, []);
    assert.equal(title, expected);
  }

  test('a plain page, where nothing answers before `init()`', () => shows('/hosts/page.html'));
  test('a module worker', () => shows('/hosts/worker.html'));

  test('a Vite build', async () => {
    const outDir = join(temporary, 'vite');
    await build({ root: join(here, 'hosts/vite'), base: '/built/vite/', logLevel: 'error', configFile: false, build: { outDir, target: 'esnext', assetsInlineLimit: 0 } });
    await shows('/built/vite/index.html');
  });

  const page = (name) =>
    writeFileSync(join(temporary, `${name}.html`), `<!doctype html><title>imagecache</title><script type="module" src="./${name}.js"></script>`);

  test('an esbuild build with the module inlined', async () => {
    await esbuild.build({ entryPoints: [join(here, 'hosts/esbuild.js')], bundle: true, format: 'esm', outfile: join(temporary, 'inline.js') });
    page('inline');
    await shows('/built/inline.html');
  });

  test('an esbuild build with the module as a file', async () => {
    await esbuild.build({ entryPoints: [join(here, 'hosts/esbuild-file.js')], bundle: true, format: 'esm', loader: { '.wasm': 'file' }, outfile: join(temporary, 'file.js') });
    page('file');
    await shows('/built/file.html');
  });
});
