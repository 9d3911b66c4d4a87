// What the page does once it is of use: it fetches what somebody may open next, looks for a cluster where it came from,
// and lets a service worker keep all of it for when there is no network.
import { connectIfServed } from './cluster/live';
import { define } from './core/texts';
import { preparePrint } from './export';

export function begin(): void {
  preparePrint();
  define().then(({ resource }) => connectIfServed(resource), () => {});
  if (import.meta.env.PROD && 'serviceWorker' in navigator) {
    // Without it the page only does not work offline.
    navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).catch(() => {});
  }
}
