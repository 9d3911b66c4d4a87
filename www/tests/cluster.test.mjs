// The page beside a cluster: `imagecache dev`, where a controller makes in a simulated cloud what the page creates.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { browse, dev, settle, site, visit, write } from './site.mjs';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const manifest = (name, image) => `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: ${name}\nspec:\n  images:\n  - ${image}\n  imageCacheSize: 30\n  retentionDays: 7\n`;
const IMAGE = 'registry.example.com/web/nginx:1.27.3';

describe('a cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imagecache-page-'));
  // What the page only hints at, this cluster does not take.
  const settings = join(folder, 'settings.yaml');
  writeFileSync(settings, 'levels: {retention-missing: error}\n');
  const start = (listen) => dev('--listen', listen, '--data', join(folder, 'state'), '--settings', settings, '--no-sample');
  let cluster, server, browser, page;

  /** Somebody else asks the cluster. */
  const ask = (path, method = 'GET', body) =>
    fetch(`${cluster.address}${CACHES}${path}`, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  const gone = async (name) => {
    while ((await ask(`/${name}`)).status !== 404) await new Promise((done) => setTimeout(done, 50));
  };
  const row = (name) => page.locator('.row.cache', { hasText: name });
  const problem = (text) => page.locator('.notice.problem', { hasText: text }).waitFor();

  before(async () => {
    cluster = await start('127.0.0.1:0');
    server = await site({ cluster: cluster.address });
    browser = await browse();
    page = await visit(browser, server.address);
    await page.getByRole('tab', { name: /Cluster/ }).click();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a page that comes from a server with the API is connected by itself', async () => {
    await page.getByText(`0 caches at ${server.origin}, live.`).waitFor();
  });

  test('the command itself serves the page at the address of the API, with its policy', async () => {
    const answer = await fetch(`${cluster.address}/`, { headers: { accept: 'text/html' } });
    assert.match(answer.headers.get('content-security-policy'), /^default-src 'none'; .*frame-ancestors 'none'$/);
    const own = await visit(browser, `${cluster.address}/`);
    await own.getByRole('tab', { name: /Cluster/ }).click();
    await own.getByText(`0 caches at ${cluster.address}, live.`).waitFor();
    assert.deepEqual(own.faults, []);
    await own.context().close();
  });

  test('a cache with an error is not sent; its findings are the same as in the editor', async () => {
    await write(page, manifest('web', 'Nginx'));
    await page.getByText('1 error first').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Create web' }).isDisabled());
  });

  test('a reply of the ECI API is nothing to create', async () => {
    await write(page, readFileSync(new URL('../src/samples/reply.json', import.meta.url), 'utf8'));
    await page.locator('.cluster').getByText('No cache is among the documents.').waitFor();
  });

  test('a cache is created by a button, and its progress is watched until the cloud has made it', async () => {
    await write(page, manifest('web', IMAGE));
    // Everything that the row of the cache shows, one after another.
    await page.evaluate(() => {
      globalThis.shown = [];
      const look = () => {
        const row = document.querySelector('.row.cache');
        const now = row && [row.querySelector('.phase').textContent, row.querySelector('progress')?.value ?? null];
        if (now && String(now) !== String(globalThis.shown.at(-1))) globalThis.shown.push(now);
      };
      new MutationObserver(look).observe(document.querySelector('.panel'), { subtree: true, childList: true, attributes: true, characterData: true });
    });
    await page.getByRole('button', { name: 'Create web' }).click();
    await page.locator('.notice', { hasText: 'web was created.' }).waitFor();
    await row('web').waitFor();
    await page.getByText('exists', { exact: true }).waitFor();
    await row('web').getByText('Ready').waitFor({ timeout: 60_000 });
    const shown = await page.evaluate(() => globalThis.shown);
    const steps = shown.filter(([phase]) => phase === 'Creating').map(([, percent]) => percent);
    assert.ok(steps.some((percent) => percent > 0 && percent < 100), JSON.stringify(shown));
    assert.deepEqual(steps, steps.toSorted((a, b) => a - b));
    assert.deepEqual(shown.at(-1), ['Ready', null]);
  });

  test('a cache unfolds to what the cloud says of it', async () => {
    await row('web').locator('summary').click();
    await row('web').getByText(`Successfully pulled image ${IMAGE}`).waitFor();
    await row('web').getByText('pods can start from imc-').waitFor();
    assert.match(await row('web').textContent(), /imc-\w+.*30 GiB.*kept 7 days/);
    const times = await row('web').locator('time').allTextContents();
    assert.deepEqual(times, times.toSorted());
  });

  test('pods of the documents are matched against the caches of the cluster', async () => {
    await write(page, `apiVersion: v1\nkind: Pod\nmetadata: {name: shop, labels: {alibabacloud.com/eci: "true"}}\nspec: {containers: [{name: a, image: "${IMAGE}"}]}\n`);
    await page.getByRole('tab', { name: /Match/ }).click();
    await page.locator('.decision.Hit').waitFor();
    assert.match(await page.locator('details.pod').textContent(), /starts from web.*imc-\w+/);
    await page.getByLabel('with the 1 cache of the cluster').uncheck();
    await page.locator('.decision.Miss').waitFor();
    await page.getByLabel('with the 1 cache of the cluster').check();
    await page.locator('.decision.Hit').waitFor();
    await page.getByRole('tab', { name: /Expiry/ }).click();
    await page.locator('.life', { hasText: 'in the cluster' }).getByText(/Ends in (7 d|6 d 23 h)/).waitFor();
    await page.getByRole('tab', { name: /Cluster/ }).click();
  });

  test('what the server refuses is told in its words, with the field, until the text is another', async () => {
    const other = manifest('other', 'registry.example.com/a:1');
    await write(page, other.replace('  retentionDays: 7\n', ''));
    await page.getByRole('button', { name: 'Create other' }).click();
    const refusal = page.locator('.refusal');
    await refusal.waitFor();
    assert.match(await refusal.textContent(), /^The server refused it \(4\d\d\):.*spec\.retentionDays/);
    await write(page, other);
    await refusal.waitFor({ state: 'detached' });
    // Somebody else is faster: between the look and the press the name is taken.
    await page.route(`**${CACHES}?*`, async (route) => {
      if (route.request().method() === 'POST') assert.equal((await ask('', 'POST', route.request().postDataJSON())).status, 201);
      await route.continue();
    });
    await page.getByRole('button', { name: 'Create other' }).click();
    await refusal.getByText('imagecaches.eci.alibabacloud.com "other" already exists').waitFor();
    await page.unroute(`**${CACHES}?*`);
    // An API server whose schema says more names every field.
    const causes = [{ reason: 'FieldValueInvalid', message: 'Invalid value: "a": must be a digest', field: 'spec.images[0]' }, { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.zone' }];
    await write(page, manifest('third', 'registry.example.com/a:1'));
    await page.route(`**${CACHES}?*`, (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 422, json: { kind: 'Status', status: 'Failure', message: 'all of it', reason: 'Invalid', details: { causes }, code: 422 } }) : route.continue(),
    );
    await page.getByRole('button', { name: 'Create third' }).click();
    await refusal.waitFor();
    assert.deepEqual(await refusal.locator('li').allTextContents(), ['spec.images[0] Invalid value: "a": must be a digest', 'spec.zone Required value']);
    await page.unroute(`**${CACHES}?*`);
  });

  test('a deletion that comes too late is told', async () => {
    await row('other').getByText('Ready').waitFor({ timeout: 60_000 });
    await page.route(`**${CACHES}/other`, async (route) => {
      await ask('/other', 'DELETE');
      await gone('other');
      await route.continue();
    });
    await page.getByRole('button', { name: 'Delete other' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await problem('other was not deleted: imagecaches.eci.alibabacloud.com "other" not found');
    await page.unroute(`**${CACHES}/other`);
  });

  test('a server that goes away is told calmly, what is shown and typed stays, and it is found again', async () => {
    await write(page, manifest('typed', 'a:1'));
    const port = new URL(cluster.address).port;
    await cluster.stop('SIGKILL');
    await page.getByText(`The connection to ${server.origin} is lost. What you see is how it last was; the page goes on asking.`).waitFor({ timeout: 20_000 });
    assert.equal(await row('web').count(), 1);
    await page.getByRole('button', { name: 'Create typed' }).click();
    await problem('The server does not answer. Nothing was changed here');
    assert.match(await page.locator('.cm-content').textContent(), /name: typed/);
    cluster = await start(`127.0.0.1:${port}`);
    await page.getByText(`1 cache at ${server.origin}, live.`).waitFor({ timeout: 30_000 });
  });

  test('a cache is deleted by a button, after a question, and the cloud has it no more', async () => {
    await page.getByRole('button', { name: 'Delete web' }).click();
    await page.getByRole('dialog').getByText('Delete web?').waitFor();
    await page.getByRole('button', { name: 'Keep it' }).click();
    assert.equal(await row('web').count(), 1);
    await page.getByRole('button', { name: 'Delete web' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await row('web').waitFor({ state: 'detached', timeout: 30_000 });
    assert.deepEqual(await (await ask('')).json().then(({ items }) => items), []);
    await settle(page);
  });

  test('an address that the page may not speak to is refused, and one that does not answer is told', async () => {
    await page.getByRole('button', { name: 'Disconnect' }).click();
    const address = page.getByRole('textbox', { name: 'Address of a Kubernetes API' });
    // The keyboard stays where one goes on.
    assert.ok(await address.evaluate((input) => input === document.activeElement));
    for (const wrong of ['https://cluster.example.com:6443', 'no address', 'ftp://127.0.0.1', '']) {
      await address.fill(wrong);
      await page.getByRole('button', { name: 'Connect' }).click();
      await problem('only speaks to its own server and to this machine');
      await page.locator('.notice').getByRole('button', { name: 'Close' }).click();
    }
    const silent = await site();
    await silent.stop();
    await address.fill(silent.origin);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText(`${silent.origin} does not answer, or does not let this page ask.`).waitFor();
    // Neither a scheme nor a path is asked of anybody.
    await address.fill(` ${server.origin.replace('http://', '')}/ `);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText(`0 caches at ${server.origin}, live.`).waitFor();
    assert.ok(await page.getByRole('button', { name: 'Disconnect' }).evaluate((button) => button === document.activeElement));
  });

  const json = { 'content-type': 'application/json' };
  const strangers = {
    'has no such path': [404, {}, '', /answers, but not as a Kubernetes API with image caches\.$/],
    'answers everything with a page': [200, { 'content-type': 'text/html' }, '<!doctype html><p>Welcome', /answers, but not as a Kubernetes API/],
    'speaks other JSON': [200, json, '{"hello": "world"}', /answers, but not as a Kubernetes API/],
    'speaks JSON that breaks off': [200, json, '{"kind": "ImageCacheList", "items": [', /answers, but not as a Kubernetes API/],
    'forbids to list': [403, json, JSON.stringify({ kind: 'Status', message: 'imagecaches is forbidden: User "eve" cannot list', code: 403 }), /does not list its caches: imagecaches is forbidden: User "eve" cannot list$/],
  };
  for (const [name, [status, headers, body, told]] of Object.entries(strangers)) {
    test(`a server that ${name} is told as what it is`, async () => {
      const stranger = await site({ api: (_, answer) => answer.writeHead(status, headers).end(body) });
      const other = await visit(browser, stranger.address);
      await other.getByRole('tab', { name: /Cluster/ }).click();
      await other.getByRole('button', { name: 'Connect' }).click();
      await other.waitForFunction(() => !/Not connected|Connecting/.test(document.querySelector('.cluster .lead').textContent));
      assert.match(await other.locator('.cluster .lead').textContent(), told);
      // The address can be mended.
      assert.equal(await other.getByRole('textbox', { name: 'Address of a Kubernetes API' }).inputValue(), stranger.origin);
      assert.deepEqual(other.faults, []);
      await other.context().close();
      await stranger.stop();
    });
  }
});
