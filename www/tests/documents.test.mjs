// Files, links, storage, export, and everything that may be wrong with them.
import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import { browse, findings, sample, settle, site, visit, write } from './site.mjs';

const GOOD = 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: mine\nspec:\n  images: [nginx:1.27]\n  retentionDays: 7\n';

/** Drops files on an element, as a file manager does. */
async function drop(page, target, files) {
  const transfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const { name, bytes, repeat } of files) transfer.items.add(new File(repeat ? [bytes.repeat(repeat)] : [typeof bytes === 'string' ? bytes : new Uint8Array(bytes)], name));
    return transfer;
  }, files);
  for (const type of ['dragenter', 'dragover', 'drop']) await page.locator(target).first().dispatchEvent(type, { dataTransfer: transfer });
}

const notice = (page) => page.locator('.notice');
const text = (page) => page.locator('.cm-content').evaluate((element) => element.innerText);
const tabs = (page) => page.getByRole('tablist', { name: 'Open documents' }).getByRole('tab');

describe('documents', () => {
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
    await write(page, GOOD);
  });
  afterEach(async () => {
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  for (const [place, target] of Object.entries({ 'the editor': '.cm-content', 'the answers': '.panel' })) {
    test(`files that are dropped on ${place} open, several at once`, async () => {
      await drop(page, target, [
        { name: 'one.yaml', bytes: GOOD.replace('nginx:1.27', 'Nginx') },
        { name: 'two.json', bytes: '{"kind": "ImageCache", "apiVersion": "eci.alibabacloud.com/v1"}' },
      ]);
      await page.getByRole('tab', { name: 'two.json' }).waitFor();
      await settle(page);
      assert.equal(await tabs(page).count(), 3);
      assert.ok((await findings(page).count()) > 2);
      // The one that is shown comes first.
      assert.match(await page.locator('.findings').textContent(), /two\.json.*one\.yaml.*6:12/s);
    });
  }

  test('a byte order mark and UTF-16 are read, as from an editor of Windows', async () => {
    await drop(page, '.panel', [{ name: 'wide.yaml', bytes: [...Buffer.from(`\ufeff${GOOD.replace('mine', 'Wide')}`, 'utf16le')] }]);
    await page.getByRole('tab', { name: 'wide.yaml' }).waitFor();
    await settle(page);
    assert.equal(await findings(page).first().locator('.where').textContent(), '4:9');
  });

  test('a binary file opens nothing, and what was typed is still there', async () => {
    await drop(page, '.cm-content', [{ name: 'picture.png', bytes: [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13] }]);
    await notice(page).waitFor();
    assert.match(await notice(page).textContent(), /picture\.png is not text, so it was not opened/);
    assert.match(await text(page), /name: mine/);
    assert.equal(await tabs(page).count(), 1);
  });

  test('a text of 5 MB is told to be too long by the core, and the page goes on', async () => {
    await drop(page, '.panel', [{ name: 'huge.yaml', bytes: `${'# line of sixty characters, and a few more of them, and mor\n'}`, repeat: 5_000_000 / 60 }]);
    await page.getByRole('tab', { name: 'huge.yaml' }).waitFor();
    await page.locator('.finding', { hasText: 'IC003' }).waitFor({ timeout: 30_000 });
    assert.match(await findings(page).first().textContent(), /bytes of text, at most 4194304 are read.*Split the text/);
    await page.getByRole('tab', { name: 'web.yaml' }).click();
    assert.match(await text(page), /name: mine/);
    await write(page, GOOD.replace('nginx:1.27', 'Nginx'));
    assert.match(await page.locator('.findings').textContent(), /IC023/);
  });

  for (const [name, piece] of Object.entries({ 'one line': 'x', brackets: '[', 'lists in lists': '- ' })) {
    test(`5 MB of ${name} do no harm`, async () => {
      await drop(page, '.panel', [{ name: 'odd.yaml', bytes: piece, repeat: 5_000_000 / piece.length }]);
      await page.locator('.finding', { hasText: 'IC003' }).waitFor({ timeout: 60_000 });
      await page.locator('.cm-content').click();
      await page.keyboard.type('a');
      await settle(page);
      await page.getByRole('tab', { name: 'web.yaml' }).click();
      assert.match(await text(page), /name: mine/);
    });
  }

  test('a file beyond the limit is not opened', async () => {
    await drop(page, '.panel', [{ name: 'dump.txt', bytes: 'x', repeat: (8 << 20) + 1 }]);
    await notice(page).waitFor();
    assert.match(await notice(page).textContent(), /dump\.txt is 8\.0 MiB; at most 8 MiB are opened/);
  });

  test('what was typed is there after a reload, and so is what is open beside it', async () => {
    await drop(page, '.panel', [{ name: 'second.yaml', bytes: '# second\n' }]);
    await page.getByRole('tab', { name: 'second.yaml' }).waitFor();
    await write(page, '# rewritten\n');
    await page.keyboard.type('# and at once');
    await page.reload();
    await settle(page);
    assert.equal(await tabs(page).count(), 2);
    assert.match(await text(page), /# rewritten\n# and at once/);
    // What lay there for the moment of going is gone once it lies where all does.
    await page.waitForFunction(() => localStorage.getItem('imagecache.last') === null);
    await page.getByRole('tab', { name: 'web.yaml' }).click();
    assert.match(await text(page), /name: mine/);
  });

  test('documents are renamed and closed; the last one leaves an empty one', async () => {
    await page.getByRole('button', { name: 'Rename web.yaml' }).click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('mine.yaml');
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'mine.yaml' }).waitFor();
    // The keyboard is where it was, and Escape leaves the name.
    const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
    await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Rename mine.yaml');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'New name of mine.yaml' }).waitFor();
    await page.keyboard.type('other');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Rename mine.yaml' }).waitFor();
    assert.equal(await at(), 'Rename mine.yaml');
    assert.equal(await tabs(page).textContent(), 'mine.yaml');
    await page.getByRole('button', { name: 'Close mine.yaml' }).click();
    await settle(page);
    assert.equal(await tabs(page).count(), 1);
    assert.match(await page.locator('.panel').textContent(), /Nothing to validate yet/);
    await page.getByRole('button', { name: 'Choose a sample' }).click();
    await page.getByRole('dialog').getByRole('heading', { name: 'Samples' }).waitFor();
  });

  const link = async () => {
    await page.getByRole('button', { name: 'Share link' }).click();
    await notice(page).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };

  test('a shared link opens the same documents elsewhere, and nothing of them is sent', async () => {
    await sample(page, 'Pods and caches');
    const shared = await link();
    assert.match(shared, /#s1=[\w-]+$/);
    const other = await visit(browser, server.address);
    await write(other, GOOD.replace('mine', 'theirs'));
    const asked = [];
    other.on('request', (request) => asked.push(request.url()));
    await other.goto(shared);
    await other.getByRole('tab', { name: 'pods-and-caches.yaml' }).waitFor();
    await settle(other);
    assert.equal(await tabs(other).count(), 2);
    assert.ok(!(await other.url()).includes('#s1'));
    assert.ok(asked.every((url) => !url.includes('s1=')));
    // The documents of before are kept.
    await other.getByRole('button', { name: 'Back to mine' }).click();
    await settle(other);
    assert.match(await text(other), /name: theirs/);
    assert.deepEqual(other.faults, []);
    await other.context().close();
  });

  test('a text that is too long for a link is told so', async () => {
    const noise = Array.from({ length: 60_000 }, (_, at) => ((Math.sin(at) * 1e9) | 0).toString(36)).join('');
    await write(page, noise);
    await page.getByRole('button', { name: 'Share link' }).click();
    await notice(page).waitFor();
    assert.match(await notice(page).textContent(), /too long for a link: \d+ characters packed, at most 32000 fit/);
  });

  const pack = (value) => deflateRawSync(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const broken = {
    'cut off': `#s1=${pack([['a.yaml', 'kind: ImageCache\n'.repeat(200)]]).slice(0, 60)}`,
    'no base64': '#s1=%%%',
    'not packed': `#s1=${Buffer.from('plain').toString('base64url')}`,
    'no JSON': `#s1=${pack('no JSON')}`,
    'no documents': `#s1=${pack([])}`,
    'wrong documents': `#s1=${pack([{ name: 'a' }])}`,
    'of another version': '#s9=abc',
    'a bomb': `#s1=${pack([['a.yaml', 'x'.repeat(8 << 20)]])}`,
    'too long': `#s1=${'A'.repeat(40_000)}`,
  };
  for (const [name, hash] of Object.entries(broken)) {
    test(`a link that is ${name} changes nothing`, async () => {
      await page.evaluate((hash) => (location.hash = hash), hash);
      await notice(page).waitFor();
      assert.match(await notice(page).textContent(), /This link is damaged, or cut off. Nothing was opened/);
      assert.match(await text(page), /name: mine/);
    });
  }

  test('the report is saved as JSON', async () => {
    await sample(page, 'What goes wrong most often');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as JSON' }).click()]);
    const report = JSON.parse(await readFile(await download.path(), 'utf8'));
    assert.equal(report.form, 'imagecache-report/1');
    assert.deepEqual(report.documents.map(({ name }) => name), ['web.yaml', 'mistakes.yaml']);
    assert.equal(report.documents[0].text, GOOD);
    assert.ok(report.documents[1].diagnostics.some(({ code }) => code === 'IC023'));
    assert.equal(report.pods[0].decision, 'Miss');
    assert.equal(report.caches.length, 2);
  });

  test('the printed report holds everything, and nothing else is on the paper', async () => {
    await sample(page, 'Pods and caches');
    await page.evaluate(() => {
      globalThis.print = () => {
        dispatchEvent(new Event('beforeprint'));
        globalThis.printed = document.getElementById('report').innerText;
        dispatchEvent(new Event('afterprint'));
      };
    });
    await page.getByRole('button', { name: 'Print' }).click();
    const printed = await (await page.waitForFunction(() => globalThis.printed)).jsonValue();
    for (const part of ['Findings', 'IC042', 'Match', 'shop/web', 'has 2 of 2 images exactly', 'Expiry', 'never']) assert.ok(printed.toLowerCase().includes(part.toLowerCase()), part);
    assert.equal(await page.locator('#report').isVisible(), false);
    // The browser's own printing gives a paper of more than a page's frame.
    const paper = await page.pdf();
    assert.ok(paper.length > 10_000);
  });
});
