import { render } from 'preact';
import { App } from './app';
import { takeFiles } from './intake';
import { usable, watch } from './state/analysis';
import { keepAtOnce, open, replace, restore } from './state/files';
import { say } from './state/notice';
import { tick } from './state/now';
import { language } from './state/settings';
import { learn, speakUp, words } from './words';
import first from './samples/first.yaml?raw';
import './style/tokens.css';
import './style/base.css';
import './style/layout.css';
import './style/views.css';
import './style/print.css';

void begin();

async function begin(): Promise<void> {
  await learn(language.peek()).catch(() => {});
  speakUp();
  render(<App />, document.getElementById('page')!);
  if (!(await restore())) open('web.yaml', first);
  await followLink();
  watch();
  tick();
  const stop = usable.subscribe((is) => {
    if (is) whenIdle(() => void import('./after').then((after) => after.begin(), () => {}));
  });
  addEventListener('pagehide', stop);
}

/** Safari knows no idle time. */
function whenIdle(act: () => void): void {
  if ('requestIdleCallback' in window) requestIdleCallback(act, { timeout: 1_000 });
  else setTimeout(act, 100);
}

/** A link that holds documents begins so. */
const isShared = (hash: string): boolean => hash.startsWith('#s');

/** Opens what a link holds. A broken one leaves everything as it is. */
async function followLink(): Promise<void> {
  const { hash } = location;
  if (!isShared(hash)) return;
  history.replaceState(null, '', location.href.split('#')[0]);
  try {
    const { readLink } = await import('./share');
    const { files } = await readLink(hash);
    await replace(files);
  } catch {
    say('problem', words.peek().linkBroken);
  }
}

addEventListener('hashchange', () => void followLink());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') keepAtOnce();
});

// Files may be dropped anywhere.
let depth = 0;
const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
const mark = (on: boolean): void => void document.documentElement.classList.toggle('dropping', on);
addEventListener('dragenter', (event) => {
  if (hasFiles(event)) mark((depth += 1) > 0);
});
addEventListener('dragleave', (event) => {
  if (hasFiles(event)) mark((depth = Math.max(0, depth - 1)) > 0);
});
addEventListener('dragover', (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener(
  'drop',
  (event) => {
    mark((depth = 0) > 0);
    if (event.defaultPrevented || !hasFiles(event)) return;
    event.preventDefault();
    void takeFiles([...(event.dataTransfer?.files ?? [])]);
  },
);
