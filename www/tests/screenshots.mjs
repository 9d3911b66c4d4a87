// Draws the pictures of the documentation anew, or those that are named: `npm run screenshots [-- NAME…]`, once the page
// and the command are built. The one in Chinese needs a font with its characters, for example Debian's
// `fonts-wqy-microhei`.
import { writeFileSync } from 'node:fs';
import { browse, dev, sample, settle, site, visit, write } from './site.mjs';

const docs = new URL('../../docs/', import.meta.url);
const MANIFEST = `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: orders
spec:
  images:
  - registry.example.com/orders/web:1.4.2
  - registry.example.com/orders/worker:1.4.2
  retentionDays: 30
---
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: batch
spec:
  images: [registry.example.com/batch/job:7]
  imageCacheSize: 10
  retentionDays: 30
`;

const WIDE = { viewport: { width: 1200, height: 720 } };
const NARROW = { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2 };

/** How the page is opened, and what is done on it. */
const PICTURES = {
  findings: [{ ...WIDE, colorScheme: 'light' }, async (page) => {
    await sample(page, 'What goes wrong most often');
    await page.locator('.cm-lintRange-error', { hasText: 'arm' }).hover();
    await page.locator('.finding-card').first().waitFor();
  }],
  match: [{ ...WIDE, colorScheme: 'dark' }, (page) => sample(page, 'Pods and caches')],
  expiry: [{ ...WIDE, colorScheme: 'light' }, (page) => sample(page, 'When caches end')],
  plan: [{ ...WIDE, colorScheme: 'light' }, async (page) => {
    await sample(page, 'A shop to plan for');
    await page.getByRole('button', { name: 'Use the sample prices' }).click();
    await page.getByText('A month costs').waitFor();
  }],
  cluster: [{ ...WIDE, colorScheme: 'dark', beside: true }, async (page) => {
    await page.getByRole('tab', { name: /Cluster/ }).click();
    const row = (name) => page.locator('.row.cache', { hasText: name });
    await row('sample').getByText('Ready').waitFor({ timeout: 60_000 });
    await write(page, MANIFEST);
    await row('sample').locator('summary').click();
    await row('sample').getByText('pods can start from').waitFor();
    await page.getByRole('button', { name: 'Create orders' }).click();
    await page.waitForFunction(() => document.querySelector('progress')?.value >= 50);
  }],
  narrow: [{ ...NARROW, colorScheme: 'light' }, async (page) => {
    await page.getByRole('button', { name: 'Menu' }).click();
    await sample(page, 'What goes wrong most often');
    await page.mouse.move(0, 0);
  }],
  chinese: [{ ...WIDE, colorScheme: 'light', locale: 'zh-CN' }, async (page) => {
    await page.getByRole('button', { name: '示例' }).click();
    await page.getByText('最常见的错误', { exact: true }).click();
    await settle(page);
  }],
};

const browser = await browse();
const wanted = process.argv.slice(2);
for (const [name, [{ beside, ...options }, act]] of Object.entries(PICTURES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const cluster = beside ? await dev('--listen', '127.0.0.1:0') : undefined;
  const server = await site({ cluster: cluster?.address });
  const page = await visit(browser, server.address, options);
  await act(page);
  await page.waitForTimeout(300);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
  writeFileSync(new URL(`page-${name}.webp`, docs), Buffer.from(data, 'base64'));
  await page.context().close();
  await server.stop();
  await cluster?.stop();
}
await browser.close();
