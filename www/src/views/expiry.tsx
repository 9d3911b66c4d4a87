// When each cache ends, on a line of time whose now can be moved.
import type { SurveyedCache } from '../core/protocol';
import { isConnected } from '../state/cluster';
import { Inline } from '../parts/markdown';
import { ShowOrigin, WithCluster } from '../parts/origin';
import { survey } from '../state/analysis';
import { backToPresent, isPresent, moveBy, moveTo, now } from '../state/now';
import { soonDays } from '../state/settings';
import { formatDay, formatSpan, formatTime, words } from '../words';

const DAY = 86_400_000;
/** The line of time never shows more than this ahead: a cache may be kept for 65,536 days. */
const FURTHEST = 400 * DAY;
/** At most so many caches are listed, those that end soonest. */
const MAX_ROWS = 500;

export function Expiry() {
  const t = words.value;
  const found = survey.value;
  if (!found) return <p class="empty">{t.reading}</p>;
  const caches = [...found.caches].sort(bySoonest);
  return (
    <div class="expiry">
      <p class="lead" role="status">{t.cachesEnd(caches.length, count(caches, 'soon'), count(caches, 'never'), count(caches, 'ended'))}</p>
      <Controls />
      {caches.length === 0 ? <p class="empty">{t.noCaches}</p> : <Timeline caches={caches} />}
    </div>
  );
}

type Standing = 'ended' | 'soon' | 'later' | 'never' | 'unknown';

function standingOf({ expiry }: SurveyedCache): Standing {
  if (expiry.state === 'never') return 'never';
  if (expiry.state === 'ended') return 'ended';
  if (expiry.secondsLeft === null) return 'unknown';
  return expiry.secondsLeft <= soonDays.value * 86_400 ? 'soon' : 'later';
}

const count = (caches: SurveyedCache[], standing: Standing): number => caches.filter((cache) => standingOf(cache) === standing).length;

export function bySoonest(a: SurveyedCache, b: SurveyedCache): number {
  const end = ({ expiry }: SurveyedCache): number => (expiry.at ? Date.parse(expiry.at) : expiry.state === 'never' ? Infinity : Number.MAX_VALUE);
  const [left, right] = [end(a), end(b)];
  return left === right ? a.name.localeCompare(b.name) || a.key.localeCompare(b.key) : left - right;
}

function Controls() {
  const t = words.value;
  const local = now.value.toISOString().slice(0, 16);
  return (
    <div class="controls">
      <label class="field">
        {t.now}
        <input type="datetime-local" value={local} onChange={({ currentTarget }) => moveTo(new Date(`${currentTarget.value}Z`))} />
        <span class="unit">UTC</span>
      </label>
      <span class="buttons" role="group" aria-label={t.moveNow}>
        {[-30, -7, -1].map((days) => <Move days={days} />)}
        <button type="button" class="small" disabled={isPresent.value} onClick={backToPresent}>
          {t.present}
        </button>
        {[1, 7, 30].map((days) => <Move days={days} />)}
      </span>
      <label class="field">
        {t.soonWithin}
        <input type="number" min="1" max="365" value={soonDays.value} onChange={({ currentTarget }) => (soonDays.value = Math.min(365, Math.max(1, Math.round(currentTarget.valueAsNumber) || 7)))} />
        <span class="unit">{t.days}</span>
      </label>
      {isConnected.value && <WithCluster />}
    </div>
  );
}

function Move({ days }: { days: number }) {
  const t = words.value;
  return (
    <button type="button" class="small" aria-label={days > 0 ? t.daysLater(days) : t.daysEarlier(-days)} onClick={() => moveBy(days)}>
      {days > 0 ? `+${days}` : `−${-days}`}
    </button>
  );
}

/** The first and the last instant shown. */
function rangeOf(caches: SurveyedCache[]): [number, number] {
  const here = now.value.getTime();
  const times = [here, ...caches.flatMap(({ created, expiry }) => [created, expiry.at]).filter((time) => time !== null).map((time) => Date.parse(time))].filter((time) => !Number.isNaN(time));
  const from = Math.max(Math.min(...times), here - FURTHEST);
  const to = Math.min(Math.max(...times), here + FURTHEST);
  const room = Math.max((to - from) * 0.06, DAY);
  return [from - room, to + room];
}

function Timeline({ caches }: { caches: SurveyedCache[] }) {
  const t = words.value;
  const [from, to] = rangeOf(caches);
  const here = now.value.getTime();
  const at = (time: number): number => Math.min(100, Math.max(0, ((time - from) / (to - from)) * 100));
  const hour = 3_600_000;
  return (
    <div class="timeline">
      <div class="axis">
        <div class="ticks" aria-hidden="true">
          {ticks(from, to).map((time) => <span style={{ left: `${at(time)}%` }}><span>{formatDay(new Date(time))}</span></span>)}
        </div>
        <input
          type="range"
          min={Math.floor(from / hour)}
          max={Math.ceil(to / hour)}
          step={1}
          value={Math.round(here / hour)}
          aria-label={t.now}
          aria-valuetext={formatTime(now.value)}
          onInput={({ currentTarget }) => moveTo(new Date(currentTarget.valueAsNumber * hour))}
        />
      </div>
      <ol class="plain-list">
        {caches.slice(0, MAX_ROWS).map((cache) => (
          <Row key={cache.key} cache={cache} at={at} here={here} from={from} to={to} />
        ))}
      </ol>
      {caches.length > MAX_ROWS && <p class="more">{t.andMore(caches.length - MAX_ROWS)}</p>}
    </div>
  );
}

/** Days on the axis: so many that their dates do not touch. */
function ticks(from: number, to: number): number[] {
  const steps = [1, 2, 7, 14, 30, 60, 90, 180, 365];
  const step = (steps.find((days) => (to - from) / (days * DAY) <= 5) ?? 365) * DAY;
  const found: number[] = [];
  for (let time = Math.ceil(from / step) * step; time < to; time += step) found.push(time);
  return found;
}

interface RowProps {
  cache: SurveyedCache;
  at: (time: number) => number;
  here: number;
  from: number;
  to: number;
}

function Row({ cache, at, here, from, to }: RowProps) {
  const t = words.value;
  const standing = standingOf(cache);
  const { expiry, created } = cache;
  const start = created ? Date.parse(created) : expiry.at ? from : here;
  const end = expiry.at ? Date.parse(expiry.at) : to;
  const left = at(start);
  return (
    <li class={`life ${standing}`}>
      <div class="life-name">
        <strong>{cache.name || cache.id}</strong>
        <span class={`tag ${standing}`}>{t.standing[standing]}</span>
        <ShowOrigin origin={cache.origin} />
      </div>
      <div class="track" aria-hidden="true">
        <span class={end > to ? 'bar open' : 'bar'} style={{ left: `${left}%`, width: `${Math.max(at(end) - left, 0.6)}%` }} />
        <span class="here" style={{ left: `${at(here)}%` }} />
      </div>
      <p class="life-words">
        <strong>{sentence(cache)}</strong> · {t.reason[expiry.reason]}
        {expiry.at && <> · <time dateTime={expiry.at}>{formatTime(expiry.at)}</time></>}
      </p>
      {expiry.createdAhead !== undefined && <p class="note">{t.createdAhead(formatSpan(expiry.createdAhead))}</p>}
      {expiry.disagreement && (
        <p class="note" lang="en">
          <code>{expiry.disagreement.path}</code> <Inline text={`${expiry.disagreement.message}. ${expiry.disagreement.help}`} />
        </p>
      )}
    </li>
  );
}

export function sentence({ expiry }: SurveyedCache): string {
  const t = words.value;
  if (expiry.state === 'never') return t.neverEnds;
  if (expiry.saturated) return t.endsAfter9999;
  if (expiry.secondsLeft === null) return t.endsUnknown;
  return expiry.state === 'ended' ? t.endedAgo(formatSpan(-expiry.secondsLeft)) : t.endsIn(formatSpan(expiry.secondsLeft));
}
