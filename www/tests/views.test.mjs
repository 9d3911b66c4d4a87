// Which cache a pod hits, when caches end, and both languages.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { browse, findings, sample, settle, site, visit, write } from './site.mjs';

describe('views', () => {
  let server, browser, page;
  before(async () => {
    server = await site();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    page = await visit(browser, server.address, { permissions: ['clipboard-read', 'clipboard-write'] });
  });
  afterEach(async () => {
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  const pod = (name) => page.locator('details.pod', { hasText: name });

  test('each pod has its decision, its cache, and why the others were not taken', async () => {
    await sample(page, 'Pods and caches');
    const said = await page.locator('details.pod summary').allTextContents();
    assert.deepEqual(
      said.map((line) => line.replace(/\s+/g, ' ')),
      ['HitDeployment shop/webstarts from web', 'PartialCronJob shop/reportstarts from web', 'MissPod debugstarts without a cache', 'RefusedPod pinnedis not created'],
    );
    const hit = await pod('shop/web').textContent();
    assert.match(hit, /2 of 2 images exactly/);
    assert.match(hit, /nginx-only.*1 image matches exactly; the winner has 2/);
    assert.match(hit, /being-made.*only Ready caches are used/);
    assert.match(hit, /SuccessfulHitImageCache/);
    await pod('pinned').locator('summary').click();
    assert.match(await pod('pinned').locator('.refusal').textContent(), /400 .*imc-2zeexample0000000003/);
  });

  test('the annotation is copied whole', async () => {
    await sample(page, 'Pods and caches');
    await page.getByRole('button', { name: 'Copy the annotation' }).click();
    await page.locator('.notice', { hasText: 'Copied.' }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'k8s.aliyun.com/eci-imc-id: imc-2zeexample0000000001');
  });

  test('with the sizes of images, bytes and seconds saved are told', async () => {
    await sample(page, 'Pods and caches');
    await page.getByText('Sizes of the images').click();
    await page.getByLabel(/web\/nginx:1\.27\.3/).fill('858.4');
    await page.keyboard.press('Tab');
    await page.getByText('858 MiB need not travel').first().waitFor();
    assert.match(await pod('shop/web').textContent(), /100 s sooner/);
    await page.reload();
    await settle(page);
    await page.getByRole('tab', { name: /Match/ }).click();
    await page.getByText('858 MiB need not travel').first().waitFor();
  });

  test('when only exact matches count, another version is no match', async () => {
    await sample(page, 'Pods and caches');
    await page.getByLabel('Only exact matches count').check();
    await settle(page);
    await page.locator('.decision.Partial').waitFor({ state: 'detached' });
    assert.match(await pod('shop/report').locator('summary').textContent(), /Miss/);
  });

  test('caches end as now moves, and those that end soon or never stand out', async () => {
    await sample(page, 'When caches end');
    const life = (name) => page.locator('.life', { hasText: name }).first();
    assert.match(await life('search').textContent(), /soon.*Ends in 3 d · its retention/);
    assert.match(await life('base').textContent(), /never ends.*no retention: it costs/);
    assert.match(await life('old-release').textContent(), /ended.*ago/);
    assert.match(await life('broken').textContent(), /its creation failed/);
    assert.ok(await life('search').evaluate((row) => row.classList.contains('soon')));
    await page.getByRole('button', { name: '7 days later' }).click();
    await page.locator('.life.ended', { hasText: 'search' }).waitFor();
    assert.match(await life('search').textContent(), /Ended (4 d|3 d 23 h) ago/);
    await page.getByRole('button', { name: 'Today' }).click();
    await page.locator('.life.soon', { hasText: 'search' }).waitFor();
    // The line of time itself is a slider.
    await page.getByRole('slider', { name: 'Now' }).focus();
    await page.keyboard.press('End');
    await page.locator('.life.ended', { hasText: 'search' }).waitFor();
    assert.match(await page.getByRole('slider').getAttribute('aria-valuetext'), /^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
  });

  test('moved time is the time of the matches', async () => {
    await sample(page, 'Pods and caches');
    await page.getByRole('tab', { name: /Expiry/ }).click();
    await page.locator('input[type=datetime-local]').fill('2026-01-20T00:00');
    await page.keyboard.press('Tab');
    await settle(page);
    await page.getByRole('tab', { name: /Match/ }).click();
    await page.getByText('seen from 2026-01-20 00:00 UTC').waitFor();
  });

  const FARM = 'apiVersion: example.com/v1\nkind: Farm\nmetadata: {name: north}\nspec: {pods: [{spec: {containers: [{name: c, image: "nginx:1.27"}]}}]}\n';

  test('a path of pods finds the pods of another kind', async () => {
    await write(page, FARM);
    assert.match(await findings(page).first().textContent(), /IC068/);
    await page.getByText('Pods in other kinds').click();
    const field = page.getByRole('textbox', { name: 'Pods in other kinds' });
    await field.fill('Farm');
    await page.keyboard.press('Tab');
    assert.match(await page.getByRole('alert').textContent(), /podPaths/);
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    await field.fill('example.com/Farm=/spec/pods/*');
    await page.keyboard.press('Tab');
    await page.locator('.finding', { hasText: 'IC068' }).waitFor({ state: 'detached' });
    await settle(page);
    await page.getByRole('tab', { name: /Match/ }).click();
    const byForm = page.locator('.warnings', { hasText: 'the pod spec was found by its form' });
    assert.match(await page.locator('details.pod summary').textContent(), /Miss.*Farm.*north/s);
    assert.equal(await byForm.count(), 0);
    // It is kept, and is the same setting in both views.
    await page.reload();
    await settle(page);
    await page.getByRole('tab', { name: /Match/ }).click();
    await settle(page);
    assert.equal(await field.inputValue(), 'example.com/Farm=/spec/pods/*');
    await field.fill('');
    await page.keyboard.press('Tab');
    await byForm.waitFor();
  });

  test('two caches with one id are a finding of all documents together', async () => {
    const cache = (name, image) => `apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: ${name}}\nspec: {images: ["${image}"], retentionDays: 7}\nstatus: {phase: Ready, imageCacheId: imc-bp195erqe9o2pb09}\n`;
    await write(page, `${cache('web', 'nginx:1.27')}---\n${cache('shop', 'redis:7.4')}`);
    const together = page.getByRole('region', { name: 'All documents together' });
    assert.match(await together.textContent(), /imc-bp195erqe9o2pb09.*IC083/s);
    assert.equal(await page.locator('.finding', { hasText: 'IC083' }).count(), 1);
    assert.match(await page.locator('.lead').textContent(), /^1 finding in 2 objects/);
    assert.equal(await page.getByRole('tab', { name: /Findings/ }).locator('.count').textContent(), '1');
  });

  test('a reply of the ECI API is read as it comes', async () => {
    await sample(page, 'A reply of the ECI API');
    assert.match(await page.locator('.expiry').textContent(), /base.*models/s);
  });

  test('in Chinese the page speaks Chinese, and the core its own words', async () => {
    await page.getByRole('button', { name: '中文' }).click();
    await page.locator('html[lang=zh-Hans]').waitFor();
    await page.getByRole('button', { name: '示例' }).click();
    await page.getByText('最常见的错误', { exact: true }).click();
    await settle(page);
    assert.match(await page.locator('.lead').textContent(), /个对象中发现 \d+ 个问题/);
    assert.equal(await page.locator('.finding .words').first().getAttribute('lang'), 'en');
    await page.reload();
    await settle(page);
    await page.getByRole('tab', { name: /问题/ }).waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('tab', { name: /Findings/ }).waitFor();
  });

  test('every rule has its words in Chinese, and they stand beside those of the core', async () => {
    const { rules } = await import('imagecache/texts');
    const written = await readFile(new URL('../src/words/zh.ts', import.meta.url), 'utf8');
    assert.deepEqual([...written.matchAll(/^    (IC\d+): '/gm)].map(([, code]) => code), Object.keys(rules));
    const other = await visit(browser, server.address, { locale: 'zh-CN' });
    await write(other, 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: web}\nspec: {images: [a:1], imageCacheSize: 10, retentionDays: 7}\n');
    assert.match(await findings(other).textContent(), /10 GiB, at least 20 required.*spec\.imageCacheSize 超出允许的范围。/s);
    await other.getByRole('button', { name: '规则 IC040' }).click();
    await other.getByRole('dialog').getByText('spec.imageCacheSize 超出允许的范围。').waitFor();
    await other.getByRole('dialog').getByRole('heading', { name: 'Why' }).waitFor();
    await other.context().close();
  });

  test('a browser that asks for Chinese gets it', async () => {
    const other = await visit(browser, server.address, { locale: 'zh-CN' });
    await other.getByRole('tab', { name: /问题/ }).waitFor();
    await other.context().close();
  });
});
