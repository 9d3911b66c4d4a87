// The plan for what is open, while its view is shown; and what a person entered for it, kept in the browser.
import { effect, signal } from '@preact/signals';
import type { Objective, PlanAnswer, PlanFacts, PlanOptions, PriceFile } from 'imagecache/plan';
import { ask } from '../core/client';
import { survey } from './analysis';
import { sizes } from './settings';

/** The fields of a price file of one row, as text: the core says what is wrong with one. */
const TEXTS = ['currency', 'region', 'source', 'date'] as const;
export const PRICES = ['useGibHour', 'storeGibMonth', 'builderVcpuSecond', 'builderGibSecond'] as const;
const BUILDER = ['builderVcpus', 'builderGib'] as const;
type PriceField = (typeof TEXTS | typeof PRICES | typeof BUILDER)[number];
export type Prices = Record<PriceField, string>;

export interface Choices {
  objective: Objective;
  microsPerSecond: number;
  headroomPercent: number;
  /** Null for never. */
  retentionDays: number | null;
}

const NO_PRICES = Object.fromEntries([...TEXTS, ...PRICES, ...BUILDER].map((name) => [name, ''])) as Prices;
const KEY = 'imagecache.plan';

/** Hours a month during which the pods of a workload run, by its name. */
export type Hours = Record<string, number>;

function read(): { prices: Prices; choices: Choices; hours: Hours } {
  const choices: Choices = { objective: 'cost', microsPerSecond: 0, headroomPercent: 0, retentionDays: 30 };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as { prices?: Partial<Prices>; choices?: Partial<Choices>; hours?: Hours };
    return { prices: { ...NO_PRICES, ...kept.prices }, choices: { ...choices, ...kept.choices }, hours: { ...kept.hours } };
  } catch {
    return { prices: NO_PRICES, choices, hours: {} };
  }
}

const initial = read();

export const prices = signal<Prices>(initial.prices);
export const choices = signal<Choices>(initial.choices);
export const hours = signal<Hours>(initial.hours);
export const answer = signal<PlanAnswer | null>(null);
/** Why there is no plan. */
export const fault = signal<string | null>(null);
/** The shown plan is that of the newest input. */
export const planned = signal(false);

effect(() => {
  const kept = { prices: prices.value, choices: choices.value, hours: hours.value };
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Then it holds until the page is left.
  }
});

export const hasPrices = (): boolean => PRICES.some((name) => prices.value[name] !== '');

/** Sets a price. The entered price is not from the source that the others have. */
export function setPrice(name: PriceField, text: string, source: string): void {
  const before = prices.peek();
  const mine = PRICES.some((price) => price === name) && text !== before[name] ? { source, date: new Date().toISOString().slice(0, 10), currency: before.currency || 'USD' } : {};
  prices.value = { ...before, ...mine, [name]: text.trim() };
}

/** A number as people write it: `0.0000077`. */
const decimal = (value: unknown): string => (typeof value === 'number' ? new Intl.NumberFormat('en', { maximumSignificantDigits: 15, useGrouping: false }).format(value) : String(value ?? ''));

/** Fills the prices in from the sample of the package. */
export async function useSamplePrices(): Promise<void> {
  const { currency, prices: [row] }: PriceFile = await ask('samplePrices');
  const fields = Object.entries({ currency, ...row }).map(([name, value]) => [name, decimal(value)]);
  prices.value = { ...NO_PRICES, ...Object.fromEntries(fields) };
}

/** Sets the hours of a workload; nothing for those that its object says. */
export function setHours(workload: string, entered: number | null): void {
  const { [workload]: _, ...others } = hours.peek();
  hours.value = entered === null ? others : { ...others, [workload]: entered };
}

export const clearPrices = (): void => void (prices.value = NO_PRICES);

function facts(): PlanFacts {
  const { currency, region, source, date, ...amounts } = prices.value;
  const row = { region: region || null, source, date, ...Object.fromEntries(Object.entries(amounts).filter(([, text]) => text !== '')) };
  return { sizes: sizes.value, prices: hasPrices() ? { currency, prices: [row] } : null };
}

let count = 0;

async function look(ids: string[], facts: PlanFacts, options: PlanOptions): Promise<void> {
  const mine = (count += 1);
  try {
    const found = await ask('plan', ids, facts, options);
    if (mine !== count) return;
    answer.value = found;
    fault.value = null;
  } catch (thrown) {
    if (mine !== count) return;
    fault.value = thrown instanceof Error ? thrown.message : String(thrown);
  }
  planned.value = true;
}

/** Plans anew, also after a fault. */
export const again = signal(0);

/** Plans for what is open, now and after each change, until the returned function is called. */
export function watchPlan(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    void again.value;
    const found = survey.value;
    const [given, options] = [facts(), { ...choices.value, hours: hours.value }];
    planned.value = false;
    clearTimeout(timer);
    if (found) timer = setTimeout(() => void look(found.documents, given, { ...options, now: found.now }), 60);
  });
  return () => {
    stop();
    clearTimeout(timer);
    count += 1;
  };
}
