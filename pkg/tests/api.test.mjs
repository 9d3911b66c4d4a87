// What the functions answer, and that no argument brings the module down.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as full from 'imagecache';
import * as inline from 'imagecache/inline';
import * as json from 'imagecache/json';
import * as plan from 'imagecache/plan';
import * as texts from 'imagecache/texts';

const cache = (id, images, more = {}) => ({
  apiVersion: 'eci.alibabacloud.com/v1',
  kind: 'ImageCache',
  metadata: { name: `cache-${id}`, creationTimestamp: '2026-01-18T13:40:56Z', ...more.metadata },
  spec: { images, retentionDays: 7, ...more.spec },
  status: { imageCacheId: `imc-${id}`, phase: 'Ready', ...more.status },
});
const pod = (...images) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: { containers: images.map((image, at) => ({ name: `c${at}`, image })) },
});
const works = ({ parseReference }) =>
  assert.equal(parseReference('nginx').normalized, 'docker.io/library/nginx:latest');

for (const [name, core] of Object.entries({ full, inline, json, plan })) {
  describe(name, () => {
    test('a finding in an object has a path', () => {
      const found = core.validate(cache('1', ['nginx:1.27'], { spec: { imageCacheSize: 10 } }));
      assert.deepEqual(found.map(({ code, path }) => [code, path]), [['IC040', 'spec.imageCacheSize']]);
      assert.equal(found[0].line, null);
    });

    test('a finding in a text has a line and a column', () => {
      const text = JSON.stringify(cache('1', ['nginx:1.27', 'x/UPPER']), null, 2);
      const [found] = core.validate(text);
      assert.equal(found.code, 'IC023');
      const line = text.split('\n')[found.line - 1];
      assert.match(line.slice(found.column - 1), /^"?(x\/)?UPPER/);
      assert.equal(text.slice(found.offset, found.endOffset), line.slice(found.column - 1, found.endColumn - 1));
    });

    test('levels change severities, and unknown options are named', () => {
      const object = cache('1', ['nginx']);
      assert.deepEqual(core.validate(object).map(({ code }) => code), ['IC025']);
      assert.deepEqual(core.validate(object, { levels: { IC025: 'off' } }), []);
      assert.throws(() => core.validate(object, { level: {} }), { name: 'TypeError', message: /^options: level: unknown field, did you mean `levels`/ });
    });

    test('an index is changed in place, and a pod is matched against what it holds', () => {
      const index = new core.CacheIndex([cache('1', ['nginx:1.27']), cache('2', ['nginx:1.27', 'redis:7'])]);
      assert.equal(index.size, 2);
      const answer = index.match(pod('nginx:1.27', 'redis:7'));
      assert.deepEqual(answer, {
        decision: 'Hit',
        winner: { imageCacheId: 'imc-2', name: 'cache-2' },
        exact: 2,
        repositoryOnly: 0,
        images: 2,
        autoCreate: false,
      });
      assert.equal(index.remove('imc-2'), true);
      assert.equal(index.remove('imc-2'), false);
      assert.equal(index.match(pod('nginx:1.27', 'redis:7')).decision, 'Partial');
      assert.deepEqual(index.insert(cache('3', ['redis:7', 'nginx:1.27'])), []);
      assert.equal(index.match(pod('nginx:1.27', 'redis:7')).winner.imageCacheId, 'imc-3');
      const why = index.explain(pod('nginx:1.27', 'redis:7'));
      assert.deepEqual(why.candidates.map(({ imageCacheId }) => imageCacheId), ['imc-3', 'imc-1']);
      assert.equal(index.match(pod('a:1'), { autoCreate: false }).autoCreate, false);
      index.free();
    });

    test('with sizes of images, what a cache saves is told', () => {
      const caches = [cache('1', ['nginx:1.27'])];
      const saved = (sizes) => {
        const index = new core.CacheIndex(caches, sizes);
        const { bytesSaved, secondsSaved } = index.explain(pod('docker.io/library/nginx:1.27', 'redis:7'));
        index.free();
        return [bytesSaved, secondsSaved];
      };
      assert.deepEqual(saved(undefined), [null, null]);
      assert.deepEqual(saved({ 'redis:7': 90_005_100 }), [null, null]);
      assert.deepEqual(saved({ 'nginx:1.27': 90_005_100, 'redis:7': 1 }), [90_005_100, 10]);
      for (const [sizes, message] of [[{ Nginx: 1 }, /^sizes: .*Nginx/], [{ nginx: 'big' }, /^sizes: `nginx`: expected a whole number of bytes, found the string `big`/], [{ nginx: -1 }, /^sizes: /], [7, /^sizes: expected an object, found number/]]) {
        assert.throws(() => saved(sizes), { name: 'TypeError', message });
      }
    });

    test('one broken cache hides no other', () => {
      const index = new core.CacheIndex();
      const found = index.insert([cache('1', ['nginx:1.27']), { kind: 'ImageCache', metadata: 7 }, cache('2', ['a:1'])]);
      assert.equal(index.size, 2);
      assert.ok(found.length > 0);
    });

    test('lists, replies and bytes of JSON are taken as they come', () => {
      const list = { kind: 'ImageCacheList', items: [cache('1', ['nginx:1.27'])] };
      const reply = { ImageCaches: [{ ImageCacheId: 'imc-9', Images: ['redis:7'], Status: 'Ready' }] };
      const index = new core.CacheIndex([list, reply]);
      index.insert(new TextEncoder().encode(JSON.stringify(cache('2', ['a:1']))));
      assert.equal(index.size, 3);
    });

    test('what is no pod is told so', () => {
      const answer = new core.CacheIndex().match({ kind: 'ConfigMap' });
      assert.equal(answer.decision, 'Unreadable');
      assert.ok(answer.diagnostics.length > 0);
    });

    test('the objects of a text come with their role, and lists are opened up', () => {
      const text = JSON.stringify({ kind: 'List', items: [cache('1', ['nginx:1.27']), pod('nginx:1.27'), { kind: 'ConfigMap' }, 7] });
      const { objects, diagnostics } = core.objects(text);
      assert.deepEqual(objects.map(({ role, document, path }) => [role, document, path]), [['cache', 0, 'items[0]'], ['pod', 0, 'items[1]'], ['other', 0, 'items[2]']]);
      assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [['IC004', 'items[3]']]);
      const index = new core.CacheIndex(objects.map(({ value }) => value));
      assert.equal(index.match(objects[1].value).decision, 'Hit');
      index.free();
    });

    test('expiry takes a text or a Date', () => {
      for (const now of ['2026-01-19T13:40:56Z', new Date('2026-01-19T13:40:56Z')]) {
        const expiry = core.expiry(cache('1', ['nginx:1.27']), now);
        assert.deepEqual([expiry.state, expiry.at, expiry.secondsLeft], ['at', '2026-01-25T13:40:56Z', 6 * 86400]);
      }
      for (const now of [undefined, 'soon', 5, new Date(NaN)]) {
        assert.throws(() => core.expiry({}, now), { name: 'TypeError', message: /^now: / });
      }
    });

    test('an admission review is answered', () => {
      const ask = (object, kind) => ({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u-1', operation: 'CREATE', kind, object } });
      const bad = ask(cache('1', []), { group: 'eci.alibabacloud.com', version: 'v1', kind: 'ImageCache' });
      const { response } = core.review(bad);
      assert.deepEqual([response.uid, response.allowed, response.status.code], ['u-1', false, 422]);
      const eci = { ...pod('nginx:1.27'), metadata: { name: 'p', labels: { 'alibabacloud.com/eci': 'true' } } };
      const good = ask(eci, { group: '', version: 'v1', kind: 'Pod' });
      const caches = [cache('1', ['nginx:1.27'])];
      const patched = core.review(good, { mode: 'pin' }, caches).response;
      assert.match(Buffer.from(patched.patch, 'base64').toString(), /imc-1/);
      assert.deepEqual(core.review(good, { mode: 'pin' }, new core.CacheIndex(caches)).response, patched);
      assert.equal(core.review(good, { mode: 'pin', onCachesUnavailable: 'reject' }).response.status.code, 503);
      assert.match(core.review({}).error, /apiVersion/);
      assert.throws(() => core.review(good, { mode: 'pinn', onMis: 'warn' }), { name: 'TypeError', message: /^settings: mode: .*; onMis: / });
      assert.throws(() => core.review(good, {}, [], 5), { name: 'TypeError', message: /^now: / });
    });

    test('references that are none are answers', () => {
      assert.equal(core.parseReference('nginx').normalized, 'docker.io/library/nginx:latest');
      assert.equal(core.parseReference('x/UP').valid, false);
    });

    test('crd, schema, explain and version', () => {
      assert.equal(core.crd().metadata.name, 'imagecaches.eci.alibabacloud.com');
      assert.equal(core.schema().properties.spec.properties.images.maxItems, 20);
      assert.match(core.podAnnotations().properties['k8s.aliyun.com/eci-imc-id'].description, /imc-/);
      assert.equal(core.explain('ic022').name, 'too-many-images');
      assert.match(core.explain('too-many-images').page, /20/);
      assert.equal(core.explain('IC999'), undefined);
      for (const [code, rule] of Object.entries(texts.rules)) assert.deepEqual(core.explain(code), rule);
      assert.deepEqual(Object.keys(texts.rules.IC022).sort(), ['code', 'name', 'page', 'severity', 'summary']);
      assert.deepEqual(texts.crd(), core.crd());
      const { version } = JSON.parse(readFileSync(new URL('node_modules/imagecache/package.json', import.meta.url)));
      assert.equal(core.version(), version);
    });

    test('a wrong argument is a TypeError that names it, and the module lives on', () => {
      const cycle = {};
      cycle.self = cycle;
      const thrower = { toJSON: () => { throw 7; } };
      const getter = { get a() { throw new Error('no entry'); } };
      const nothing = { toJSON: () => undefined };
      const deep = [];
      let at = deep;
      for (let level = 0; level < 10_000; level += 1) at = at[0] = [];
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      const index = new core.CacheIndex();
      const hostile = [undefined, null, 1, NaN, true, 1n, Symbol('x'), () => 1, class {}, cycle, { a: 1n }, thrower, getter, nothing, deep, proxy, new Proxy(function () {}, {}), new Uint8Array([123]), new String('x')];
      for (const value of hostile) {
        const calls = {
          manifest: () => core.validate(value),
          cache: () => core.expiry(value, '2026-01-19T13:40:56Z'),
          pod: () => index.match(value),
          caches: () => index.insert(value),
          text: () => (core.objects(value), core.parseReference(value)),
          code: () => core.explain(value),
          id: () => index.remove(value),
          review: () => core.review(value),
        };
        for (const [argument, call] of Object.entries(calls)) {
          try {
            call();
          } catch (fault) {
            assert.equal(fault.name, 'TypeError', `${argument}: ${fault}`);
            assert.match(fault.message, new RegExp(`^${argument}(\\[\\d+\\])?: `));
          }
          works(core);
        }
      }
      for (const [value, message] of [
        [undefined, 'manifest: expected an object, found undefined'],
        [1n, 'manifest: expected an object, found bigint'],
        [() => 1, 'manifest: expected an object, found function'],
        [cycle, /^manifest: cannot be read: .*circular/],
        [{ a: 1n }, /^manifest: cannot be read: .*BigInt/],
        [getter, 'manifest: cannot be read: no entry'],
        [deep, /^manifest: .*(recursion limit|call stack)/],
      ]) {
        assert.throws(() => core.validate(value), { name: 'TypeError', message });
      }
      works(core);
    });

    test('a huge text is refused before it is copied', () => {
      const huge = 'x'.repeat(200 << 20);
      assert.throws(() => core.parseReference(huge), { name: 'RangeError', message: /^text: 209715200 bytes/ });
      assert.throws(() => core.validate({ huge }), { name: 'RangeError', message: /^manifest: / });
      assert.deepEqual(core.validate('x'.repeat(5 << 20)).map(({ code }) => code), ['IC003']);
      works(core);
    });

    test('an argument that calls back into the index it is for does no harm', () => {
      const index = new core.CacheIndex([cache('1', ['nginx:1.27'])]);
      const sly = { toJSON() { index.insert(cache('2', ['redis:7'])); return cache('3', ['a:1']); } };
      index.insert(sly);
      assert.equal(index.size, 3);
      index.free();
      assert.throws(() => index.size);
      works(core);
    });

    test('null members and unpaired surrogates pass as JSON has them', () => {
      assert.ok(Array.isArray(core.validate({ kind: null, apiVersion: undefined })));
      assert.equal(core.parseReference('\ud800').valid, false);
    });
  });
}

test('YAML is read in full, and is no JSON in the small package', () => {
  const text = 'apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata:\n  name: web\nspec:\n  retentionDays: 7\n  images:\n  - "ünï 😀": 1\n';
  const [found] = full.validate(text);
  assert.deepEqual([found.code, found.path, found.line], ['IC016', 'spec.images[0]', 8]);
  assert.deepEqual(json.validate(text).map(({ code }) => code), ['IC001']);
});

test('every entry gives the same answers', () => {
  const object = cache('1', ['nginx', 'x/UP', ...Array.from({ length: 30 }, (_, at) => `a${at}`)]);
  assert.deepEqual(json.validate(object), full.validate(object));
  assert.deepEqual(inline.validate(object), full.validate(object));
});
