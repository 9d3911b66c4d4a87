// Every example of the README runs and prints what is written after its arrows; so does `example.mjs`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const run = (...args) => execFileSync(process.execPath, args, { cwd: here, encoding: 'utf8' });
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);

assert.ok(examples.length >= 3);
for (const code of examples) {
  const [first] = code.match(/(?<=import ).*(?= from)/);
  test(`the example of ${first}`, () => {
    const expected = [...code.matchAll(/^\s*\/\/ → (.*)$/gm)].map(([, line]) => `${line}\n`).join('');
    assert.equal(run('--input-type=module', '-e', code), expected);
  });
}

test('example.mjs', () => {
  const printed = run('../example.mjs');
  assert.match(printed, /7:24 error IC023 /);
  assert.match(printed, /pod shop: Hit imc-web\ncache web ends at 2026-01-25T13:40:56Z\n$/);
});
