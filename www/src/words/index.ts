// The words of the page in the chosen language. What the core says stays in the core's words.
import { computed, effect, signal } from '@preact/signals';
import { language, type Language } from '../state/settings';
import { en } from './en';

/** Every language has every word. */
export type Words = typeof en;

const chinese = signal<Words | null>(null);

/** The language that is spoken: the chosen one, once its words are there. */
export const spoken = computed<Language>(() => (language.value === 'zh' && chinese.value ? 'zh' : 'en'));

export const words = computed<Words>(() => (spoken.value === 'zh' && chinese.value) || en);

const locale = computed(() => (spoken.value === 'zh' ? 'zh-Hans-CN' : 'en-GB'));

/** Loads the words of a language; English is always there, and stays where others cannot be had. */
export async function learn(wanted: Language): Promise<void> {
  if (wanted === 'zh') chinese.value ??= (await import('./zh')).zh;
}

/** Says in the page which language it speaks, from now on. */
export function speakUp(): void {
  effect(() => {
    document.documentElement.lang = spoken.value === 'zh' ? 'zh-Hans' : 'en';
  });
}

/** A time in UTC, to the minute: clusters and their people live in several zones. */
export function formatTime(time: string | Date): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

export const formatDay = (time: Date): string => time.toISOString().slice(0, 10);

export const formatNumber = (value: number, digits = 0): string => new Intl.NumberFormat(locale.value, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** Bytes in the largest binary unit that leaves a whole part. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${new Intl.NumberFormat(locale.peek(), { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 }).format(value)} ${units[unit]}`;
}

/** A span of seconds in its two largest units. */
export function formatSpan(seconds: number): string {
  const { days, hours, minutes } = words.peek().units;
  const total = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), days],
    [Math.floor((total % 86_400) / 3_600), hours],
    [Math.floor((total % 3_600) / 60), minutes],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return `0 ${minutes}`;
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => `${new Intl.NumberFormat(locale.peek()).format(value)} ${unit}`).join(' ');
}
