// Keeps the page for when there is no network. Only the files of the page are answered from here; what goes to a
// cluster passes by. The page starts this once it is of use, so that keeping the parts that come later does not delay it.
const version = '@VERSION@';
const files = ['@FILES@'];
const kept = `imagecache-${version}`;
const scope = new URL('./', self.location.href);
const known = new Set(files.map((file) => new URL(file, scope).href));

self.addEventListener('install', (event) => {
  // Parts carry their hash in their name: what the browser has of them just now need not travel again.
  const requests = files.map((file) => new Request(file, { cache: file.startsWith('assets/') ? 'default' : 'reload' }));
  const whole = caches.open(kept).then((cache) => cache.addAll(requests));
  event.waitUntil(whole.then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name.startsWith('imagecache-') && name !== kept));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  url.hash = '';
  url.search = '';
  url.pathname = url.pathname.replace(/\/index\.html$/, '/');
  if (request.method !== 'GET' || !known.has(url.href)) return;
  // The page itself comes fresh where it can; its parts carry their hash in their name.
  event.respondWith(url.href === scope.href ? fetch(request).catch(() => held(url)) : held(url).then((answer) => answer ?? fetch(request)));
});

async function held(url) {
  const cache = await caches.open(kept);
  return cache.match(url.href);
}
