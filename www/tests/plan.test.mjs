// Which caches there should be for the open workloads: prices, sizes, choices, and the manifests.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import * as core from 'imagecache/plan';
import { browse, findings, sample, settle, site, visit, write } from './site.mjs';

const shop = new URL('../../examples/shop/', import.meta.url);
const text = readdirSync(shop).sort().map((name) => readFileSync(new URL(name, shop), 'utf8')).join('\n---\n');
const pod = (name, image) => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: c, image: "${image}"}]}\n`;

describe('the plan', () => {
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

  const plan = () => page.locator('.plan');
  const row = (name) => page.locator('.planned tbody', { hasText: name });
  const total = async (name) => (await page.locator('.totals tr', { hasText: name }).locator('td').allTextContents()).join(' → ');
  const open = async (text) => {
    await write(page, text);
    await page.getByRole('tab', { name: 'Plan' }).click();
    await settle(page);
  };

  /** The sample alone, and not beside the document that the page opens with. */
  const openShop = async () => {
    await page.getByRole('button', { name: 'Close web.yaml' }).click();
    await sample(page, 'A shop to plan for');
  };

  test('the sample has the caches and totals of the package', async () => {
    await openShop();
    assert.match(await page.locator('.plan .lead').textContent(), /12 of 12 workloads.*costs are unknown/);
    assert.equal(await total('Total'), '? → ?');
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await page.getByText('A month costs').waitFor();
    const expected = core.plan(text, { prices: core.samplePrices() });
    const month = ({ makeMicros, keepMicros, useMicros }) => ((makeMicros + keepMicros + useMicros) / 1e6).toFixed(2);
    assert.equal(await total('Total'), `${month(expected.before)} → ${month(expected.after)}`);
    assert.match(await page.locator('.plan .lead').textContent(), new RegExp(`USD ${month(expected.after)} instead of USD ${month(expected.before)}`));
    const actions = await page.locator('.planned .tag').allTextContents();
    assert.deepEqual(actions, expected.caches.map(({ action }) => action));
    for (const { name, reasons, secondsSaved } of expected.caches) {
      const shown = await row(name).textContent();
      assert.ok(shown.includes(reasons[0].replaceAll('`', '')), shown);
      assert.ok(shown.includes(new Intl.NumberFormat('en-GB').format(secondsSaved)), shown);
    }
    // The example is named with source and date, so that it is not taken for a price list.
    assert.match(await plan().locator('.lines').last().textContent(), /USD, cn-hangzhou, 2024-03-08: https:.*not a price list/);
    assert.match(await plan().textContent(), /autoscaler catalog has 4 to 16 pods/);
  });

  test('the manifests are copied whole', async () => {
    await openShop();
    await page.getByRole('button', { name: 'Copy the manifests' }).click();
    await page.locator('.notice', { hasText: 'Copied.' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.deepEqual(core.objects(copied).objects.map(({ value }) => value), core.objects(core.plan(text).manifests).objects.map(({ value }) => value));
    assert.equal(core.objects(copied).objects.length, 7);
  });

  test('hours are entered, kept and cleared', async () => {
    await open(pod('web', 'a:1'));
    await page.getByLabel(/^a:1/).fill('1024');
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await settle(page);
    const always = await total('Use');
    await page.locator('.hours summary').click();
    const field = page.getByLabel(/^Pod\/web/);
    await field.fill('73');
    await page.keyboard.press('Tab');
    await settle(page);
    assert.notEqual(await total('Use'), always);
    const facts = { sizes: { 'a:1': 2 ** 30 }, prices: core.samplePrices() };
    const { after } = core.plan(pod('web', 'a:1'), facts, { hours: { 'Pod/web': 73 } });
    assert.equal((await total('Use')).split(' → ')[1], (after.useMicros / 1e6).toFixed(2));
    await page.reload();
    await page.getByRole('tab', { name: 'Plan' }).click();
    await settle(page);
    await page.locator('.hours summary').click();
    assert.equal(await field.inputValue(), '73');
    await field.fill('');
    await page.keyboard.press('Tab');
    await settle(page);
    assert.equal(await total('Use'), always);
  });

  test('a price is entered, is kept, and has a source of its own', async () => {
    await open(pod('web', 'a:1'));
    await page.getByLabel(/^a:1/).fill('1024');
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await page.getByText('A month costs').waitFor();
    await page.getByText('Prices', { exact: false }).first().click();
    await page.getByLabel('Disk of a pod').fill('0.001');
    await page.keyboard.press('Tab');
    await settle(page);
    assert.equal(await total('Use'), '0.00 → 14.60');
    assert.match(await plan().locator('.lines').last().textContent(), /entered on this page/);
    await page.reload();
    await settle(page);
    await page.getByRole('tab', { name: 'Plan' }).click();
    await page.getByText('A month costs').waitFor();
    assert.equal(await total('Use'), '0.00 → 14.60');
    await page.locator('.prices summary').click();
    await page.getByRole('button', { name: 'Clear the prices' }).click();
    await page.getByText('costs are unknown').waitFor();
  });

  test('a price that is none is named, and the rest is planned', async () => {
    await open(pod('web', 'a:1'));
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await page.getByText('A month costs').waitFor();
    await page.locator('.prices summary').click();
    await page.getByLabel('Disk of a pod').fill('-1');
    await page.keyboard.press('Tab');
    await page.getByText('must be at least 0').waitFor();
    assert.match(await plan().textContent(), /prices\[0\]\.useGibHour/);
  });

  test('an image of unknown size blocks its workload until its size is entered', async () => {
    await open(`${pod('web', 'a:1')}---\n${pod('db', 'b:2')}`);
    await page.locator('.tag.blocked').first().waitFor();
    assert.match(await plan().textContent(), /Not covered.*Pod\/web/s);
    await page.getByLabel(/^a:1/).fill('2048');
    await page.keyboard.press('Tab');
    await page.locator('.tag.create').waitFor();
    assert.match(await page.locator('.plan .lead').textContent(), /1 of 2 workloads/);
    assert.match(await page.locator('.plan .lines').first().textContent(), /Pod\/db.*size/);
    await page.getByLabel(/^b:2/).fill('9000000');
    await page.keyboard.press('Tab');
    await settle(page);
    assert.equal(await page.locator('.tag.create').count(), 2);
  });

  test('headroom and retention change the manifests', async () => {
    await open(pod('web', 'a:1'));
    await page.getByLabel(/^a:1/).fill('20480');
    await page.getByLabel('Headroom').fill('50');
    await page.getByLabel('Expires after').fill('7');
    await page.keyboard.press('Tab');
    await page.locator('.manifests-made', { hasText: 'retentionDays: 7' }).waitFor();
    assert.match(await page.locator('.manifests-made').textContent(), /imageCacheSize: 60\n/);
    await page.getByLabel('Expires after').fill('');
    await page.keyboard.press('Tab');
    await page.waitForFunction(() => !document.querySelector('.manifests-made').textContent.includes('retentionDays'));
  });

  test('with a worth of seconds only what is worth it is covered', async () => {
    await openShop();
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await page.getByText('A month costs').waitFor();
    await page.getByLabel('Aim').selectOption('costPerSecond');
    await page.getByLabel('A saved second').fill('100');
    await page.keyboard.press('Tab');
    await page.locator('.plan .lead', { hasNotText: '12 of 12' }).waitFor();
    await settle(page);
    assert.match(await plan().textContent(), /Not covered.*Deployment\/shop/s);
  });

  test('without workloads it says so and has a sample', async () => {
    await open('');
    await plan().getByText('No workload is among the documents').waitFor();
    await plan().getByRole('button', { name: 'Choose a sample' }).click();
    await page.getByRole('dialog').waitFor();
  });

  test('an object that cannot be read makes the plan incomplete', async () => {
    await open(`${pod('web', 'a:1')}---\nkind: ImageCache\napiVersion: eci.alibabacloud.com/v1\nmetadata: 7\n`);
    await page.getByText('1 object could not be read in full').waitFor();
    await page.getByRole('button', { name: 'See the findings' }).click();
    assert.ok((await findings(page).count()) > 0);
  });

  test('in Chinese the view speaks Chinese', async () => {
    await openShop();
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByText('12 个工作负载中，12 个从包含其全部镜像的缓存启动').waitFor();
    await page.getByRole('button', { name: '使用示例价格' }).click();
    await page.getByText('每月费用由 USD').waitFor();
    assert.ok((await page.locator('.tag.replace').allTextContents()).includes('替换'));
  });
});
