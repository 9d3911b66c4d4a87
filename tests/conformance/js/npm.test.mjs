// The npm package answers the corpus as the core does: in Node, without YAML, and in Chromium. The package is the one
// that the tests of `pkg` have installed; `cargo xtask pkg --test` does it and runs this.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, serve } from '../../../pkg/tests/browser.mjs';
import { judge } from './judge.js';

const require = createRequire(new URL('../../../pkg/tests/', import.meta.url));
const data = new URL('../data/', import.meta.url);
const list = (name) => JSON.parse(readFileSync(new URL(`engines/${name}.json`, data), 'utf8'));
const files = readdirSync(new URL('corpus/', data)).map((name) => name.replace(/\.jsonl$/, ''));
const corpus = Object.fromEntries(files.map((file) => {
  const lines = readFileSync(new URL(`corpus/${file}.jsonl`, data), 'utf8').trimEnd().split('\n');
  return [file, lines.map((line) => JSON.parse(line))];
}));

function agree(host, { judged, disagreements }) {
  const count = Object.values(judged).reduce((sum, one) => sum + one, 0);
  console.log(`${host}: ${count} cases judged alike ${JSON.stringify(judged)}`);
  assert.equal(disagreements.length, 0, `${disagreements.length} disagreements:\n${disagreements.join('\n')}`);
}

describe('the npm package says what the core says', () => {
  test('in Node', () => agree('npm in Node', judge(require('imagecache'), list('npm'), corpus)));

  test('in Node, the module without YAML', () => agree('npm in Node, imagecache/json', judge(require('imagecache/json'), list('npm-json'), corpus)));

  test('in Node, the module with plans', () => agree('npm in Node, imagecache/plan', judge(require('imagecache/plan'), list('npm-plan'), corpus)));

  test('in Chromium', async () => {
    const server = await serve({ '/': fileURLToPath(new URL('../../../', import.meta.url)) });
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/tests/conformance/js/page.html`);
      await page.waitForFunction(() => globalThis.judged);
      agree('npm in Chromium', await page.evaluate((files) => globalThis.judged(files), files));
    } finally {
      await browser.close();
      server.close();
    }
  });

  test('and a host that says something else is found out', () => {
    const core = require('imagecache');
    const other = { ...core, parseReference: (text) => ({ ...core.parseReference(text), tag: 'another' }) };
    const { disagreements } = judge(other, list('npm'), { references: corpus.references });
    assert.ok(disagreements.length > corpus.references.length / 2, `${disagreements.length}`);
  });
});
