// The page: what is written on one side, what is to be said about it on the other.
import { signal } from '@preact/signals';
import { Pane } from './editor/pane';
import { takeFiles } from './intake';
import { lazy, type Lazy } from './parts/lazy';
import { stepTabs } from './parts/tabs';
import { checked, settled, survey, version } from './state/analysis';
import { state as clusterState } from './state/cluster';
import { dropBefore, goBack, hasBefore } from './state/files';
import { dismiss, notice, say } from './state/notice';
import { language, theme, type Language } from './state/settings';
import { goal, samplesShown, shownRule, view, VIEWS, type View } from './state/shown';
import { storageOff } from './state/storage';
import { Documents } from './views/documents';
import { Findings } from './views/findings';
import { learn, spoken, words } from './words';

type Panel = Exclude<View, 'manifests'>;

const LAZY: Record<Exclude<Panel, 'findings'>, Lazy> = {
  match: lazy(() => import('./views/match').then(({ Match }) => Match)),
  expiry: lazy(() => import('./views/expiry').then(({ Expiry }) => Expiry)),
  plan: lazy(() => import('./views/plan').then(({ Plan }) => Plan)),
  cluster: lazy(() => import('./views/cluster').then(({ Cluster }) => Cluster)),
};
const PANELS = { findings: Findings, ...LAZY };
const Rule = lazy(
  () => import('./views/rule').then(({ Rule }) => Rule),
  () => (shownRule.value = null),
);
const Samples = lazy(
  () => import('./views/samples').then(({ Samples }) => Samples),
  () => (samplesShown.value = false),
);

/** A view is fetched when the pointer or the focus comes to its tab. */
const fetchView = (name: View): void => LAZY[name as keyof typeof LAZY]?.fetch();

const narrow = matchMedia('(max-width: 899px)');
const isNarrow = signal(narrow.matches);
narrow.addEventListener('change', ({ matches }) => (isNarrow.value = matches));

/** Beside the editor something is always shown. */
const panel = signal<Panel>('findings');
view.subscribe((shown) => {
  if (shown !== 'manifests') panel.value = shown;
});
// Whoever wants to see a place in a text wants to see the editor.
goal.subscribe((to) => {
  if (to && isNarrow.peek()) view.value = 'manifests';
});

export function App() {
  const t = words.value;
  const shown: View = isNarrow.value ? view.value : panel.value;
  const Shown = PANELS[panel.value];
  return (
    <div class="app" data-view={shown} data-settled={settled.value ? 'yes' : 'no'}>
      <a class="skip" href="#panel">{t.skip}</a>
      <Top />
      <main>
        <ViewTabs shown={shown} />
        <section class="manifests" id="manifests" aria-label={t.views.manifests}>
          <Documents />
          <div id="editor" role="tabpanel" aria-label={t.views.manifests}>
            <Pane />
          </div>
        </section>
        <section class="panel" id="panel" role="tabpanel" aria-labelledby={`view-${panel.value}`} tabIndex={-1}>
          {hasBefore.value && <Before />}
          <Shown />
        </section>
      </main>
      <footer>
        <span>{t.private}</span>
        {storageOff.value && <span class="problem">{t.storageOff}</span>}
        <span class="version">{version.value && `v${version.value}`}</span>
      </footer>
      <NoticeLine />
      {shownRule.value !== null && <Rule />}
      {samplesShown.value && <Samples />}
      <div class="drop-here" aria-hidden="true">{t.dropHere}</div>
    </div>
  );
}

function Top() {
  const t = words.value;
  return (
    <header class="top">
      <h1 class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M16 5 28 11 16 17 4 11Z" />
          <path d="m4 16 12 6 12-6" />
          <path d="m4 21 12 6 12-6" />
        </svg>
        imagecache
      </h1>
      {isNarrow.value ? (
        <>
          <button type="button" class="menu-button" popovertarget="menu">{t.menu}</button>
          <nav id="menu" popover="auto" aria-label={t.menu}>
            <Actions />
          </nav>
        </>
      ) : (
        <nav aria-label={t.menu}>
          <Actions />
        </nav>
      )}
    </header>
  );
}

function Actions() {
  const t = words.value;
  const hide = (): void => document.getElementById('menu')?.hidePopover?.();
  const then = (act: () => void) => (): void => {
    hide();
    act();
  };
  const next = { auto: 'light', light: 'dark', dark: 'auto' } as const;
  return (
    <>
      <button type="button" onPointerEnter={Samples.fetch} onFocus={Samples.fetch} onClick={then(() => (samplesShown.value = true))}>{t.samplesButton}</button>
      <label class="button">
        {t.openFiles}
        <input
          type="file"
          multiple
          accept=".yaml,.yml,.json,.txt,text/*,application/json"
          onChange={({ currentTarget }) => {
            hide();
            void takeFiles([...(currentTarget.files ?? [])]).then(() => (currentTarget.value = ''));
          }}
        />
      </label>
      <button type="button" onClick={then(() => void use(import('./share'), ({ share }) => share()))}>{t.share}</button>
      <button type="button" onClick={then(() => void use(import('./export'), ({ saveReport }) => saveReport()))}>{t.saveJson}</button>
      <button type="button" onClick={then(() => void use(import('./export'), ({ printReport }) => printReport()))}>{t.print}</button>
      <span class="gap" />
      <button type="button" lang={spoken.value === 'zh' ? 'en' : 'zh-Hans'} onClick={then(() => void speak(spoken.value === 'zh' ? 'en' : 'zh'))}>
        {t.otherLanguage}
      </button>
      <button type="button" onClick={() => (theme.value = next[theme.value])}>
        {t.themeName[theme.value]}
      </button>
    </>
  );
}

/** Does something with a part of the page that is loaded for it. */
async function use<Part>(loading: Promise<Part>, act: (part: Part) => unknown): Promise<void> {
  try {
    await act(await loading);
  } catch {
    say('problem', words.peek().partMissing);
  }
}

const speak = (wanted: Language): Promise<void> => use(learn(wanted), () => (language.value = wanted));

function ViewTabs({ shown }: { shown: View }) {
  const t = words.value;
  const all = VIEWS.filter((name) => isNarrow.value || name !== 'manifests');
  return (
    <div class="tabs view-tabs" role="tablist" aria-label={t.viewsName} onKeyDown={stepTabs}>
      {all.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          class="tab"
          id={`view-${name}`}
          aria-selected={name === shown}
          aria-controls={name === 'manifests' ? 'manifests' : 'panel'}
          tabIndex={name === shown ? 0 : -1}
          onPointerEnter={() => fetchView(name)}
          onFocus={() => fetchView(name)}
          onClick={() => (view.value = name)}
        >
          {t.views[name]}
          <Badge of={name} />
        </button>
      ))}
    </div>
  );
}

/** A number beside a view's name: what waits there. */
function Badge({ of }: { of: View }) {
  const found = [...checked.value.values(), ...(survey.value ? [survey.value] : [])].flatMap(({ diagnostics }) => diagnostics);
  if (of === 'findings' && found.length > 0) {
    const kind = found.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
    return <span class={`count ${kind}`}>{found.length}</span>;
  }
  const number = { match: survey.value?.pods.length ?? 0, expiry: survey.value?.caches.length ?? 0 }[of as string] ?? 0;
  if (number > 0) return <span class="count">{number}</span>;
  if (of === 'cluster' && clusterState.value.is === 'live') return <span class="live-dot" aria-hidden="true" />;
  return null;
}

function Before() {
  const t = words.value;
  return (
    <p class="before">
      {t.cameByLink}
      <button type="button" class="small" onClick={() => void goBack()}>{t.goBack}</button>
      <button type="button" class="link" onClick={() => void dropBefore()}>{t.keepThese}</button>
    </p>
  );
}

function NoticeLine() {
  const shown = notice.value;
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown && (
        <p class={`notice ${shown.kind}`}>
          {shown.text}
          <button type="button" class="link" onClick={dismiss}>{words.value.close}</button>
        </p>
      )}
    </div>
  );
}
