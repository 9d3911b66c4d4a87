// What a person chose: theme, language, how matches are decided. Small, so it lies in `localStorage`, where the page can
// read it before it paints.
import { effect, signal } from '@preact/signals';
import type { Sizes } from '../core/protocol';

export type Theme = 'auto' | 'light' | 'dark';
export type Language = 'en' | 'zh';

interface Settings {
  theme: Theme;
  language: Language;
  soonDays: number;
  strict: boolean;
  textual: boolean;
  sizes: Sizes;
  podPaths: readonly string[];
}

const key = 'imagecache.settings';

function read(): Settings {
  const chosen: Settings = {
    theme: 'auto',
    language: navigator.languages.find((tag) => /^(en|zh)\b/.test(tag))?.startsWith('zh') ? 'zh' : 'en',
    soonDays: 7,
    strict: false,
    textual: false,
    sizes: {},
    podPaths: [],
  };
  try {
    return { ...chosen, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Settings>) };
  } catch {
    return chosen;
  }
}

const initial = read();

export const theme = signal<Theme>(initial.theme);
export const language = signal<Language>(initial.language);
/** A cache that expires within this many days is highlighted. */
export const soonDays = signal(initial.soonDays);
/** Only exact matches count. */
export const strict = signal(initial.strict);
/** Names of images are compared as text. */
export const textual = signal(initial.textual);
/** What images weigh, as far as somebody said. */
export const sizes = signal<Sizes>(initial.sizes);
/** Places of pods in kinds that are not known: `[GROUP/]KIND=/PATH`. */
export const podPaths = signal<readonly string[]>(initial.podPaths);

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  const settings: Settings = { theme: theme.value, language: language.value, soonDays: soonDays.value, strict: strict.value, textual: textual.value, sizes: sizes.value, podPaths: podPaths.value };
  try {
    localStorage.setItem(key, JSON.stringify(settings));
  } catch {
    // Then the choice holds until the page is left.
  }
});
