// For everybody: axe in each view and theme, narrow screens, the keyboard alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { browse, sample, settle, site, visit } from './site.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function judge(page) {
  // Past the page's policy, as an extension of the browser would.
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), RULES);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

describe('for everybody', () => {
  let server, browser;
  before(async () => {
    server = await site();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const VIEWS = {
    findings: (page) => sample(page, 'What goes wrong most often'),
    match: async (page) => {
      await sample(page, 'Pods and caches');
      const folded = page.locator('details.pod:not([open]) > summary');
      while ((await folded.count()) > 0) await folded.first().click();
    },
    expiry: (page) => sample(page, 'When caches end'),
    plan: async (page) => {
      await sample(page, 'A shop to plan for');
      await page.getByRole('button', { name: 'Use the sample prices' }).click();
      await page.getByText('A month costs').waitFor();
      await page.locator('.plan details:not([open]) > summary').evaluateAll((folded) => folded.forEach((summary) => summary.click()));
    },
    paths: async (page) => {
      await page.getByText('Pods in other kinds').click();
      await page.getByRole('textbox', { name: 'Pods in other kinds' }).fill('Farm');
      await page.keyboard.press('Tab');
      await page.getByRole('alert').waitFor();
    },
    cluster: (page) => page.getByRole('tab', { name: 'Cluster' }).click(),
    samples: (page) => page.getByRole('button', { name: 'Samples', exact: true }).click(),
    rule: async (page) => {
      await sample(page, 'What goes wrong most often');
      await page.getByRole('button', { name: /^Rule IC/ }).first().click();
      await page.getByRole('dialog').getByText('Why').waitFor();
    },
    empty: async (page) => {
      await page.getByRole('button', { name: 'Close web.yaml' }).click();
      await settle(page);
    },
  };

  for (const colorScheme of ['light', 'dark']) {
    for (const [name, show] of Object.entries(VIEWS)) {
      test(`axe finds nothing in ${name}, ${colorScheme}`, async () => {
        const page = await visit(browser, server.address, { colorScheme });
        await show(page);
        await settle(page);
        assert.deepEqual(await judge(page), []);
        await page.context().close();
      });
    }
  }

  test('at 320 px nothing sticks out, everything is reached, and axe finds nothing', async () => {
    const page = await visit(browser, server.address, { viewport: { width: 320, height: 640 } });
    const menu = async (name) => {
      await page.getByRole('button', { name: 'Menu' }).click();
      await page.getByRole('button', { name, exact: true }).click();
    };
    await menu('Samples');
    await page.getByText('Pods and caches', { exact: true }).click();
    await settle(page);
    for (const name of ['Editor', 'Findings', 'Match', 'Expiry', 'Plan', 'Cluster']) {
      await page.getByRole('tab', { name }).click();
      await settle(page);
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= seen, `${name}: ${wide} px wide`);
      for (const panel of await page.locator('.panel:visible, .view-tabs').all()) {
        const [inner, outer] = await panel.evaluate((element) => [element.scrollWidth, element.clientWidth]);
        assert.ok(inner <= outer + 8, `${name}: ${inner} px in ${outer}`);
      }
      assert.deepEqual(await judge(page), [], name);
    }
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test('the keyboard alone reaches every part, and leaves the editor again', async () => {
    const page = await visit(browser, server.address);
    const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
    await page.keyboard.press('Tab');
    assert.equal(await at(), 'Skip to the answers');
    const seen = [];
    for (let step = 0; step < 30; step += 1) {
      await page.keyboard.press('Tab');
      const here = await page.evaluate(() => document.activeElement.className);
      seen.push(await at());
      if (here === 'editor') {
        await page.keyboard.press('Escape');
        await page.keyboard.press('Tab');
        assert.notEqual(await page.evaluate(() => document.activeElement.className), 'editor');
        seen.push(await at());
      }
    }
    for (const part of ['Samples', 'Share link', 'Findings']) assert.ok(seen.some((name) => name.startsWith(part)), `${part} in ${seen.join(' | ')}`);
    // Tabs are gone along with arrows.
    await page.getByRole('tab', { name: /Findings/ }).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getByRole('tab', { name: /Match/ }).getAttribute('aria-selected'), 'true');
    await page.keyboard.press('End');
    assert.equal(await page.getByRole('tab', { name: /Cluster/ }).getAttribute('aria-selected'), 'true');
    await page.context().close();
  });

  test('the theme follows the system until one is chosen, and the choice stays', async () => {
    const page = await visit(browser, server.address, { colorScheme: 'dark' });
    const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await paper();
    await page.getByRole('button', { name: 'Theme: auto' }).click();
    const light = await paper();
    assert.notEqual(light, dark);
    await page.reload();
    await settle(page);
    assert.equal(await paper(), light);
    await page.context().close();
  });
});
