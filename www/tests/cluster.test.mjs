// The page beside a cluster: the API server of the command `imagecache`, itself.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { browse, imagecache, settle, site, visit, write } from './site.mjs';

const CACHES = '/apis/eci.alibabacloud.com/v1/imagecaches';
const manifest = (name, image) => `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: ${name}\nspec:\n  images:\n  - ${image}\n  imageCacheSize: 30\n  retentionDays: 7\n`;

describe('a cluster', () => {
  const data = mkdtempSync(join(tmpdir(), 'imagecache-page-'));
  let cluster, server, browser, page;

  /** What a controller would do: the status of a cache is written past the page. */
  async function report(name, status) {
    const answer = await fetch(`${cluster.address}${CACHES}/${name}/status`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ status }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
  const row = (name) => page.locator('.row.cache', { hasText: name });

  before(async () => {
    cluster = await imagecache('serve', '--listen', '127.0.0.1:0', '--data', data);
    server = await site({ cluster: cluster.address });
    browser = await browse();
    page = await visit(browser, server.address);
    await page.getByRole('tab', { name: /Cluster/ }).click();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    await cluster?.stop();
    rmSync(data, { recursive: true, force: true });
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

  test('a cache is created by a button, and its progress is watched until it is ready', async () => {
    await write(page, manifest('web', 'registry.example.com/web/nginx:1.27.3'));
    await page.getByRole('button', { name: 'Create web' }).click();
    await page.locator('.notice', { hasText: 'web was created.' }).waitFor();
    await row('web').waitFor();
    await page.getByText('exists', { exact: true }).waitFor();
    await report('web', { phase: 'Creating', progress: '40%' });
    await row('web').getByText('Creating').waitFor();
    assert.equal(await row('web').locator('progress').getAttribute('value'), '40');
    const events = [{ type: 'Normal', reason: 'Pulled', message: 'Success pull image registry.example.com/web/nginx:1.27.3', involvedObject: {}, metadata: {} }];
    await report('web', { phase: 'Ready', progress: '100%', imageCacheId: 'imc-2zeexample0000000031', events });
    await row('web').getByText('Ready').waitFor();
    await row('web').locator('summary').click();
    await row('web').getByText('Success pull image registry.example.com/web/nginx:1.27.3').waitFor();
    assert.match(await row('web').textContent(), /imc-2zeexample0000000031.*30 GiB.*kept 7 days/);
  });

  test('pods of the documents are matched against the caches of the cluster', async () => {
    await write(page, 'apiVersion: v1\nkind: Pod\nmetadata: {name: shop, labels: {alibabacloud.com/eci: "true"}}\nspec: {containers: [{name: a, image: "registry.example.com/web/nginx:1.27.3"}]}\n');
    await page.getByRole('tab', { name: /Match/ }).click();
    await page.locator('.decision.Hit').waitFor();
    assert.match(await page.locator('details.pod').textContent(), /starts from web.*imc-2zeexample0000000031/);
    await page.getByLabel('with the 1 cache of the cluster').uncheck();
    await page.locator('.decision.Miss').waitFor();
    await page.getByLabel('with the 1 cache of the cluster').check();
    await page.locator('.decision.Hit').waitFor();
    await page.getByRole('tab', { name: /Expiry/ }).click();
    await page.locator('.life', { hasText: 'in the cluster' }).getByText(/Ends in (7 d|6 d 23 h)/).waitFor();
  });

  test('what the server refuses is told in its words', async () => {
    await write(page, `${manifest('other', 'a:1')}status: {phase: 7}\n`);
    const answer = await fetch(`${cluster.address}${CACHES}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ apiVersion: 'eci.alibabacloud.com/v1', kind: 'ImageCache', metadata: { name: 'taken' }, spec: { images: ['a:1'] } }) });
    assert.equal(answer.status, 201);
    await page.getByRole('tab', { name: /Cluster/ }).click();
    await row('taken').waitFor();
    // Somebody else is faster: between the look and the press the cache is gone.
    await page.route(`**${CACHES}/taken`, async (route) => {
      await fetch(`${cluster.address}${CACHES}/taken`, { method: 'DELETE' });
      await route.continue();
    });
    await page.getByRole('button', { name: 'Delete taken' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await page.locator('.notice.problem', { hasText: 'imagecaches.eci.alibabacloud.com "taken" not found' }).waitFor();
    await page.unroute(`**${CACHES}/taken`);
  });

  test('a server that goes away is told calmly, what is shown and typed stays, and it is found again', async () => {
    await write(page, manifest('typed', 'a:1'));
    const port = new URL(cluster.address).port;
    await cluster.stop('SIGKILL');
    await page.getByText(`${server.origin} does not answer. What you see is how it last was; the page goes on asking.`).waitFor({ timeout: 20_000 });
    assert.equal(await row('web').count(), 1);
    await page.getByRole('button', { name: 'Create typed' }).click();
    await page.locator('.notice.problem', { hasText: 'The server does not answer. Nothing was changed here' }).waitFor({ timeout: 20_000 });
    assert.match(await page.locator('.cm-content').textContent(), /name: typed/);
    cluster = await imagecache('serve', '--listen', `127.0.0.1:${port}`, '--data', data);
    await page.getByText(`1 cache at ${server.origin}, live.`).waitFor({ timeout: 30_000 });
  });

  test('a cache is deleted by a button, after a question', async () => {
    await page.getByRole('button', { name: 'Delete web' }).click();
    await page.getByRole('dialog').getByText('Delete web?').waitFor();
    await page.getByRole('button', { name: 'Keep it' }).click();
    assert.equal(await row('web').count(), 1);
    await page.getByRole('button', { name: 'Delete web' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await row('web').waitFor({ state: 'detached' });
    assert.deepEqual(await (await fetch(`${cluster.address}${CACHES}`)).json().then(({ items }) => items), []);
    await settle(page);
  });

  test('an address that the page may not speak to is refused, and one that does not answer is told', async () => {
    await page.getByRole('button', { name: 'Disconnect' }).click();
    const address = page.getByRole('textbox', { name: 'Address of a Kubernetes API' });
    await address.fill('https://cluster.example.com:6443');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.locator('.notice.problem', { hasText: 'only speaks to its own server and to this machine' }).waitFor();
    await address.fill('no address');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.locator('.notice.problem', { hasText: 'only speaks to its own server and to this machine' }).waitFor();
    const silent = await site();
    await silent.stop();
    await address.fill(silent.origin);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText(`${silent.origin} does not answer, or does not let this page ask.`).waitFor();
    // A server without the API says so.
    const plain = await site();
    await address.fill(server.origin);
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText(/caches at .*, live\./).waitFor();
    await plain.stop();
  });
});
