// Nothing leaves the browser, nothing is needed after the first visit, and the first visit is small.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { browse, findings, settle, site, visit, write } from './site.mjs';
import { faults, first, later, sizes } from './sizes.mjs';

describe('the first visit and after', () => {
  let server, browser;
  before(async () => {
    server = await site();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('what a first visit loads is within its limits', (t) => {
    t.diagnostic(`gzip: page ${sizes.page}, module ${sizes.wasm}, together ${sizes.firstLoad} bytes`);
    assert.deepEqual(faults, []);
  });

  test('the first load is all that the page needs to be of use', async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' });
    const page = await context.newPage();
    const asked = new Set();
    await context.route('**/*', (route) => {
      const name = new URL(route.request().url()).pathname.replace(/^\/page\//, '') || 'index.html';
      if (!first.includes(name)) return route.abort();
      asked.add(name);
      return route.continue();
    });
    await page.goto(server.address);
    await settle(page);
    assert.deepEqual([...asked].sort(), first.toSorted());
    await write(page, 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: web}\nspec: {images: [Nginx], retentionDays: 7}\n');
    assert.match(await findings(page).first().textContent(), /IC023/);
    assert.equal(await page.locator('.cm-lintRange-error').first().textContent(), 'N');
    await page.keyboard.press('Enter');
    await page.keyboard.type('# below');
    await page.waitForFunction(() => [...document.querySelector('.editor').shadowRoot.querySelectorAll('.cm-line')].some((line) => line.textContent === '# below'));
    // What is not there says so, and takes nothing with it.
    await page.getByRole('tab', { name: /Match/ }).click();
    await page.getByText('could not be loaded').waitFor();
    await page.getByRole('tab', { name: /Findings/ }).click();
    assert.equal(await findings(page).count(), 1);
    await page.getByRole('button', { name: 'Samples', exact: true }).click();
    await page.locator('.notice').getByText('could not be loaded').waitFor();
    await context.unroute('**/*');
    await page.getByRole('button', { name: 'Samples', exact: true }).click();
    await page.getByRole('dialog').waitFor();
    await context.close();
  });

  test('the rest is fetched once the page is of use, and not before', async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' });
    const page = await context.newPage();
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname.replace(/^\/page\//, '')));
    // As long as the module does not come there is no answer.
    let arrive;
    const held = new Promise((done) => (arrive = done));
    await context.route('**/*.wasm', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(server.address);
    await page.locator('.cm-content').waitFor();
    await page.waitForTimeout(500);
    assert.deepEqual(asked.filter((name) => later.includes(name)), []);
    arrive();
    await settle(page);
    await page.waitForFunction(() => document.querySelector('.editor').shadowRoot.querySelector('.cm-line span'));
    await context.close();
  });

  test('the module for plans is fetched when the view is opened', async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' });
    const page = await context.newPage();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    const modules = () => asked.filter((url) => url.endsWith('.wasm')).length;
    await page.goto(server.address);
    await settle(page);
    for (const view of ['Match', 'Expiry', 'Cluster']) await page.getByRole('tab', { name: view }).click();
    await settle(page);
    assert.equal(modules(), 1);
    // Where it cannot be had the view says so, and tries again.
    await context.route('**/*.wasm', (route) => route.abort());
    await page.getByRole('tab', { name: 'Plan' }).click();
    await page.getByRole('alert').getByText('There is no plan').waitFor();
    await context.unroute('**/*.wasm');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.plan .lead, .plan table').first().waitFor();
    assert.ok(modules() > 1);
    await context.close();
  });

  test('every request goes to the page\'s own server', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const asked = [];
    context.on('request', (request) => asked.push(request.url()));
    await page.goto(server.address);
    await settle(page);
    await write(page, 'kind: ImageCache\nspec: {images: [secret.example.com/very/secret:1]}\n');
    assert.ok(asked.length > 3);
    for (const url of asked) {
      assert.ok(url.startsWith(server.origin), url);
      assert.ok(!url.includes('secret'), url);
    }
    await context.close();
  });

  test('the policy of the page stops what would leave it', async () => {
    const page = await visit(browser, server.address);
    const stopped = await page.evaluate(async () => {
      const refused = [];
      document.addEventListener('securitypolicyviolation', ({ violatedDirective }) => refused.push(violatedDirective));
      await fetch('https://example.com/').catch(() => {});
      document.body.append(Object.assign(new Image(), { src: 'https://example.com/x.png' }));
      const script = document.createElement('script');
      script.textContent = 'globalThis.ran = true';
      document.body.append(script);
      const style = document.createElement('style');
      style.textContent = 'body { display: none }';
      document.body.append(style);
      await new Promise((done) => setTimeout(done, 200));
      return { refused, ran: globalThis.ran ?? false };
    });
    assert.equal(stopped.ran, false);
    for (const directive of ['connect-src', 'img-src', 'script-src-elem', 'style-src-elem']) assert.ok(stopped.refused.includes(directive), `${directive} in ${stopped.refused}`);
    await page.context().close();
  });

  test('the policy in the page is the one that the binary sends', async () => {
    const page = await visit(browser, server.address);
    const inPage = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
    const written = readFileSync(new URL('../src/policy.txt', import.meta.url), 'utf8').trim().split('\n').join('; ');
    assert.equal(inPage, written);
    await page.context().close();
  });

  test('after the first visit the page works without its server', async () => {
    const own = await site();
    const page = await visit(browser, own.address);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await own.stop();
    await page.context().setOffline(true);
    await page.reload();
    await settle(page);
    await write(page, 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: web}\nspec: {images: [Nginx]}\n');
    assert.match(await findings(page).first().textContent(), /IC023|IC042/);
    // So do the parts that were never opened before.
    for (const [name, shown] of [['Match', '.match'], ['Expiry', '.expiry'], ['Plan', '.plan'], ['Cluster', '.cluster']]) {
      await page.getByRole('tab', { name: new RegExp(name) }).click();
      await page.locator(shown).waitFor();
    }
    await page.getByRole('tab', { name: /Findings/ }).click();
    await page.getByRole('button', { name: /^Rule IC/ }).first().click();
    await page.getByRole('dialog').getByRole('heading', { name: 'Why' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByRole('tab', { name: /问题/ }).waitFor();
    await page.getByRole('button', { name: '示例' }).click();
    await page.getByText('最常见的错误', { exact: true }).click();
    await settle(page);
    await page.context().close();
  });
});
