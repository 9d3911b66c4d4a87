// Draws the pictures of the documentation anew: `npm run screenshots`, once the page is built.
import { writeFileSync } from 'node:fs';
import { browse, sample, site, visit } from './site.mjs';

const docs = new URL('../../docs/', import.meta.url);

const PICTURES = {
  findings: ['light', 'What goes wrong most often', async (page) => {
    await page.locator('.cm-lintRange-error', { hasText: 'arm' }).hover();
    await page.locator('.finding-card').first().waitFor();
  }],
  match: ['dark', 'Pods and caches', () => {}],
  expiry: ['light', 'When caches end', () => {}],
};

const server = await site();
const browser = await browse();
for (const [name, [colorScheme, text, act]] of Object.entries(PICTURES)) {
  const page = await visit(browser, server.address, { viewport: { width: 1200, height: 720 }, colorScheme });
  await page.getByRole('button', { name: 'Close web.yaml' }).click();
  await sample(page, text);
  await act(page);
  await page.waitForTimeout(300);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 88 });
  writeFileSync(new URL(`page-${name}.webp`, docs), Buffer.from(data, 'base64'));
  await page.context().close();
}
await browser.close();
await server.stop();
