// What a person who writes a manifest sees.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browse, findings, sample, settle, site, visit, write } from './site.mjs';

const WRONG = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: web
spec:
  images:
  - nginx:1.27
  imageCacheSize: 10
  retentionDays: 7
`;

/** The text that is underlined in the editor, by severity. */
const underlined = (page, severity) => page.locator(`.cm-lintRange-${severity}`).allTextContents();
/** Line and column of the selection in the editor, and its text. */
const selected = (page) =>
  page.evaluate(() => {
    const root = document.querySelector('.editor').shadowRoot;
    const chosen = root.getSelection ? root.getSelection() : getSelection();
    return chosen.toString();
  });

describe('the editor', () => {
  let server, browser, page;
  before(async () => {
    server = await site();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('a wrong manifest is told at its line, and is clean once it is mended', async () => {
    page = await visit(browser, server.address);
    await write(page, WRONG);
    assert.equal(await findings(page).count(), 1);
    assert.equal(await findings(page).locator('.where').textContent(), '8:19');
    assert.match(await findings(page).locator('.words').textContent(), /spec\.imageCacheSize 10 GiB, at least 20 required/);
    assert.deepEqual(await underlined(page, 'error'), ['10']);
    await write(page, WRONG.replace('imageCacheSize: 10', 'imageCacheSize: 20'));
    assert.equal(await findings(page).count(), 0);
    assert.match(await page.locator('.lead').textContent(), /Nothing found in 1 object/);
    assert.deepEqual(await underlined(page, 'error'), []);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('columns are those of the editor behind characters outside the basic plane', async () => {
    page = await visit(browser, server.address);
    await write(page, `kind: ImageCache\napiVersion: eci.alibabacloud.com/v1\nmetadata: {labels: {a: "🚀🚀"}, name: Web}\nspec: {images: [a:1], retentionDays: 7}\n`);
    assert.deepEqual(await underlined(page, 'error'), ['🚀', 'W']);
    assert.equal(await findings(page).last().locator('.where').textContent(), '3:39');
    await page.context().close();
  });

  test('F8 and Shift-F8 go from finding to finding, and the list answers to arrows', async () => {
    page = await visit(browser, server.address);
    await sample(page, 'What goes wrong most often');
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('F8');
    assert.equal(await selected(page), 'W');
    await page.keyboard.press('F8');
    assert.equal(await selected(page), 'shop');
    await page.keyboard.press('Shift+F8');
    assert.equal(await selected(page), 'W');
    await findings(page).first().locator('.finding-place').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await selected(page), 'arm');
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('a finding under the pointer tells its help, and its rule has a page', async () => {
    page = await visit(browser, server.address);
    await sample(page, 'What goes wrong most often');
    await page.locator('.cm-lintRange-error', { hasText: 'arm' }).hover();
    const card = page.locator('.cm-tooltip .finding-card').first();
    await card.waitFor();
    assert.match(await card.textContent(), /arm is not amd64 or arm64.*Write one of these values.*Rule IC051/s);
    await card.getByRole('button').click();
    const rule = page.getByRole('dialog');
    await rule.getByRole('heading', { name: 'Why' }).waitFor();
    assert.match(await rule.textContent(), /IC051 annotation-value.*Why/s);
    await page.keyboard.press('Escape');
    await rule.waitFor({ state: 'detached' });
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('a field under the pointer tells what it means', async () => {
    page = await visit(browser, server.address);
    await write(page, WRONG.replace('10', '20'));
    await page.locator('.cm-line', { hasText: 'retentionDays' }).locator('span').first().hover();
    const tip = page.locator('.field-hover');
    await tip.waitFor();
    assert.match(await tip.textContent(), /Days of 24 hours/);
    await page.context().close();
  });

  /** Completion is loaded with the first focus, so the first press may come too early. */
  const openList = async (page) => {
    const first = page.locator('.cm-tooltip-autocomplete li').first();
    for (let tries = 0; tries < 10 && !(await first.isVisible()); tries += 1) {
      await page.keyboard.press('Control+Space');
      await first.waitFor({ timeout: 1_000 }).catch(() => {});
    }
    await first.waitFor();
  };

  const offered = async (text) => {
    await write(page, text);
    await page.keyboard.press('Control+End');
    const list = page.locator('.cm-tooltip-autocomplete li');
    await openList(page);
    const labels = await list.locator('.cm-completionLabel').allTextContents();
    await page.keyboard.press('Escape');
    return labels;
  };

  test('fields, annotations, phases and the annotations of pods are completed from the schemas', async () => {
    page = await visit(browser, server.address);
    const head = 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: web\n';
    const spec = await offered(`${head}spec:\n  images:\n  - a:1\n  `);
    assert.deepEqual(spec, ['imageCacheSize', 'imagePullSecrets', 'retentionDays']);
    const annotations = await offered(`${head}  annotations:\n    k8s`);
    assert.ok(annotations.includes('k8s.aliyun.com/imc-cpu-arch'), String(annotations));
    assert.deepEqual(await offered(`${head}  annotations:\n    k8s.aliyun.com/imc-cpu-arch: `), ['amd64', 'arm64']);
    const phases = await offered(`${head}status:\n  phase: `);
    assert.ok(phases.includes('Ready') && phases.includes('UpdateFailed'), String(phases));
    assert.deepEqual(await offered('kind: '), ['ImageCache']);
    const deployment = 'apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    metadata:\n      annotations:\n        ';
    const pods = await offered(deployment);
    assert.ok(pods.includes('k8s.aliyun.com/eci-imc-id') && !pods.includes('k8s.aliyun.com/imc-cpu-arch'), String(pods));
    assert.deepEqual(await offered(`${deployment}k8s.aliyun.com/eci-auto-imc: `), ['"false"', '"true"']);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('what a field means stands beside the list, and is not hidden by it', async () => {
    page = await visit(browser, server.address);
    await write(page, 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nspec:\n  im');
    await page.keyboard.press('Control+End');
    await openList(page);
    const about = page.locator('.cm-completionInfo');
    await about.waitFor();
    assert.match(await about.textContent(), /Images to cache/);
    const isSeen = await about.evaluate((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return element.contains(element.getRootNode().elementFromPoint(x + width / 2, y + height / 2));
    });
    assert.ok(isSeen);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('a chosen completion is written with what follows it', async () => {
    page = await visit(browser, server.address);
    await write(page, 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nspec:\n  im');
    await page.keyboard.press('Control+End');
    await openList(page);
    // The first moment of a list takes no key, so that none is taken by mistake.
    await page.waitForTimeout(120);
    await page.keyboard.press('Enter');
    await page.keyboard.type('nginx:1.27');
    assert.deepEqual((await page.locator('.cm-line').allTextContents()).slice(3), ['  images:', '  - nginx:1.27']);
    await page.context().close();
  });
});
