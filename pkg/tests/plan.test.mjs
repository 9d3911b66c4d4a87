// The entry `imagecache/plan`: its functions beside those of `imagecache`, which `api.test.mjs` tests.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import * as full from 'imagecache';
import * as core from 'imagecache/plan';

const shop = new URL('../../examples/shop/', import.meta.url);
const text = readdirSync(shop).sort().map((name) => readFileSync(new URL(name, shop), 'utf8')).join('\n---\n');
const objects = core.objects(text).objects.map(({ value }) => value);
const pod = (...images) => ({ kind: 'Pod', metadata: { name: 'web' }, spec: { containers: images.map((image) => ({ image })) } });

test('the entry has the functions of the package and two more', () => {
  const more = Object.keys(core).filter((name) => !(name in full));
  assert.deepEqual(more.sort(), ['plan', 'samplePrices']);
  assert.deepEqual(Object.keys(full).filter((name) => !(name in core)), []);
});

test('a text, an array, a list and bytes give the same plan', () => {
  const facts = { prices: core.samplePrices() };
  const expected = core.plan(text, facts);
  assert.equal(expected.covered.length, 12);
  assert.deepEqual(expected.uncovered, []);
  assert.deepEqual([expected.unread, expected.diagnostics, expected.exact, expected.currency], [0, [], true, 'USD']);
  assert.ok(expected.after.useMicros < expected.before.useMicros);
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  for (const same of [objects, list, new TextEncoder().encode(JSON.stringify(list))]) assert.deepEqual(core.plan(same, facts), expected);
});

test('the manifests of a plan are valid, and each covered pod hits its cache', () => {
  const { manifests, covered } = core.plan(text, { prices: core.samplePrices() });
  assert.deepEqual(core.validate(manifests).filter(({ severity }) => severity === 'error'), []);
  const ready = core.objects(manifests).objects.map(({ value }) => ({ ...value, status: { phase: 'Ready' } }));
  const caches = new core.CacheIndex(ready);
  const answers = core.objects(text).objects.filter(({ role }) => role === 'pod').map(({ value }) => caches.match(value));
  assert.equal(answers.length, covered.length);
  assert.deepEqual(answers.map(({ decision }) => decision), covered.map(() => 'Hit'));
  caches.free();
});

test('what is not known is named, and the rest is planned', () => {
  const answer = core.plan([pod('a:1'), { ...pod('b:1'), metadata: { name: 'other' } }], { sizes: { 'a:1': '12Gi' } });
  assert.deepEqual(answer.caches.map(({ action, sizeGib, useMicros }) => [action, sizeGib, useMicros]), [['create', 24, null], ['blocked', 0, null]]);
  assert.equal(answer.currency, null);
  assert.match(answer.uncovered[0].reason, /size/);
  const faulty = core.plan(pod('a:1'), { sizes: { 'a:1': -1, 'B!': 1 }, prices: { currency: 'USD', prices: [{ source: 'x', date: 'today' }] } });
  assert.deepEqual(faulty.findings.map(({ path }) => path).sort(), ['prices: prices[0].date', 'sizes[B!]', 'sizes[a:1]']);
});

test('parts that cannot be read are counted and have a place', () => {
  const { unread, diagnostics } = core.plan('kind: Pod\nmetadata: {name: web}\nspec: {containers: [{image: "a:1"}]}\n---\nkind: [\n', { sizes: { 'a:1': 1 } });
  assert.equal(unread, 1);
  assert.deepEqual(diagnostics.map(({ code, severity }) => [code, severity]), [['IC001', 'error']]);
  assert.ok(diagnostics[0].line >= 5);
  assert.equal(core.plan({ kind: 'ImageCache', metadata: 7 }).unread, 1);
});

test('options change a plan', () => {
  const facts = { sizes: { 'a:1': '12Gi' } };
  const [cache] = core.plan(pod('a:1'), facts, { retentionDays: 7, headroomPercent: 50 }).caches;
  assert.deepEqual([cache.sizeGib, cache.retentionDays], [36, 7]);
  assert.equal(core.plan(pod('a:1'), facts, { retentionDays: null }).caches[0].retentionDays, null);
  assert.equal(core.plan(pod('a:1'), facts, { now: new Date('2026-01-01T00:00:00Z') }).caches.length, 1);
});

test('a wrong argument is an error that names it, and the module works on', () => {
  for (const [args, message] of [
    [[], 'objects: expected an object, found undefined'],
    [[7], 'objects: expected an object, found number'],
    [[null], 'objects: expected an object, found null'],
    [[[], 'prices'], 'facts: expected an object, found string'],
    [[[], []], 'facts: must be an object'],
    [[[], { price: 1 }], 'facts: `price`: unknown field, expected `sizes` or `prices`'],
    [[[], {}, 7], 'options: expected an object, found number'],
    [[[], {}, { objective: 'speed', retention: 7 }], /^options: objective: .*; retention: unknown field/],
  ]) {
    assert.throws(() => core.plan(...args), { name: 'TypeError', message });
  }
  assert.throws(() => core.plan('x'.repeat(40 << 20)), { name: 'RangeError', message: /^objects: 41943040 bytes/ });
  assert.equal(core.plan([]).caches.length, 0);
});

test('the sample of prices is a copy with source and date', () => {
  const prices = core.samplePrices();
  assert.match(prices.prices[0].source, /^https:.*example/);
  assert.match(prices.prices[0].date, /^\d{4}-\d\d-\d\d$/);
  prices.currency = 'CNY';
  assert.equal(core.samplePrices().currency, 'USD');
});
