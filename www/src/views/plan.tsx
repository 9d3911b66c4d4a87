// Which caches there should be, what they cost and save, and why.
import type { Costs, PlanAnswer, PlannedCache } from 'imagecache/plan';
import type { ComponentChildren } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import { CopyButton } from '../parts/copy';
import { ImageSizes, type SizedImage } from '../parts/image-sizes';
import { Inline } from '../parts/markdown';
import { WithCluster } from '../parts/origin';
import { isConnected } from '../state/cluster';
import { say } from '../state/notice';
import { now } from '../state/now';
import { again, answer, choices, clearPrices, fault, hasPrices, hours, planned, prices, PRICES, setHours, setPrice, useSamplePrices, watchPlan, type Choices } from '../state/plan';
import { samplesShown, view } from '../state/shown';
import { formatBytes, formatNumber, formatTime, words } from '../words';
import { planWords } from '../words/plan';
import '../style/plan.css';

/** At most this many rows of a list are shown. */
const MAX_ROWS = 500;

export function Plan() {
  const p = planWords.value;
  useEffect(watchPlan, []);
  const plan = answer.value;
  const waiting = !planned.value && <span hidden data-part="waiting" />;
  if (fault.value !== null) {
    return (
      <div class="plan">
        <Controls />
        <p class="empty problem" role="alert">
          {p.failed(fault.value)} <button type="button" class="small" onClick={() => (again.value += 1)}>{p.tryAgain}</button>
        </p>
        {waiting}
      </div>
    );
  }
  if (!plan) return <p class="empty" data-part="waiting">{p.planning}</p>;
  const all = plan.covered.length + plan.uncovered.length;
  return (
    <div class="plan" aria-busy={!planned.value}>
      {waiting}
      {all + plan.caches.length === 0 ? <Nothing /> : <Lead plan={plan} all={all} />}
      <Incomplete count={plan.unread} />
      <Controls />
      <PriceFields plan={plan} />
      <Sizes plan={plan} />
      <HoursFields plan={plan} />
      <Lines title={p.findings}>
        {plan.findings.map(({ path, message }) => <li class="problem" lang="en"><code>{path}</code> <Inline text={message} /></li>)}
      </Lines>
      {all + plan.caches.length > 0 && (
        <>
          <Totals plan={plan} all={all} />
          <Caches of={plan.caches} currency={plan.currency} />
          <Lines title={p.uncovered}>
            {plan.uncovered.map(({ pod, reason, uses }) => (
              <li key={pod}>
                <code>{pod}</code> <span lang="en"><Inline text={reason} /></span>{uses && `; ${p.usesInPart(uses)}`}
              </li>
            ))}
          </Lines>
          <Lines title={p.assumptions}>
            {plan.assumptions.map((text) => <li lang="en"><Inline text={text} /></li>)}
          </Lines>
          <Lines title={p.pricesUsed}>
            {plan.prices.map(({ region, source, date }) => <li>{plan.currency}, {region ?? p.everyRegion}, {date}: <span class="source">{source}</span></li>)}
          </Lines>
          <h2>{p.manifests}</h2>
          <p class="quiet">
            <Inline text={p.manifestsMeaning} /> <CopyButton text={plan.manifests} name={p.copyManifests} />
          </p>
          <pre class="manifests-made" tabIndex={0} role="group" aria-label={p.manifests}><code>{plan.manifests}</code></pre>
        </>
      )}
    </div>
  );
}

function Nothing() {
  return (
    <p class="empty">
      {planWords.value.noWorkloads} <button type="button" class="small" onClick={() => (samplesShown.value = true)}>{words.value.openSample}</button>
    </p>
  );
}

function Lead({ plan, all }: { plan: PlanAnswer; all: number }) {
  const p = planWords.value;
  return (
    <p class="lead" role="status">
      {p.covered(plan.covered.length, all)} {plan.currency === null ? p.costsUnknown : p.costs(`${plan.currency} ${month(plan.before)}`, `${plan.currency} ${month(plan.after)}`)}
    </p>
  );
}

function Incomplete({ count }: { count: number }) {
  const p = planWords.value;
  if (count === 0) return null;
  return (
    <p class="warnings incomplete">
      {p.incomplete(count)} <button type="button" class="link" onClick={() => (view.value = 'findings')}>{p.seeFindings}</button>
    </p>
  );
}

const amount = (micros: number | null): string => (micros === null ? '?' : formatNumber(micros / 1e6, 2));

/** The sum of costs, as far as they are known. */
function month({ makeMicros, keepMicros, useMicros }: Costs): string {
  const all = [makeMicros, keepMicros, useMicros];
  const known = all.reduce<number>((sum, micros) => sum + (micros ?? 0), 0);
  if (!all.includes(null)) return amount(known);
  return known === 0 ? '?' : planWords.value.atLeast(amount(known));
}

function Controls() {
  const p = planWords.value;
  const { objective, microsPerSecond, headroomPercent, retentionDays } = choices.value;
  const set = (chosen: Partial<Choices>): void => void (choices.value = { ...choices.peek(), ...chosen });
  const whole = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, Math.round(value)));
  return (
    <div class="controls">
      <label class="field">
        {p.objective}
        <select value={objective} onChange={({ currentTarget }) => set({ objective: currentTarget.value as Choices['objective'] })}>
          {(['cost', 'seconds', 'costPerSecond'] as const).map((name) => <option value={name}>{p.objectives[name]}</option>)}
        </select>
      </label>
      {objective === 'costPerSecond' && (
        <label class="field">
          {p.worth}
          <input type="number" min="0" max="1000000000" value={microsPerSecond} onChange={({ currentTarget }) => set({ microsPerSecond: whole(currentTarget.valueAsNumber || 0, 0, 1e9) })} />
          <span class="unit">{p.worthUnit(prices.value.currency || '?')}</span>
        </label>
      )}
      <label class="field">
        {p.headroom}
        <input type="number" min="0" max="1000" value={headroomPercent} onChange={({ currentTarget }) => set({ headroomPercent: whole(currentTarget.valueAsNumber || 0, 0, 1000) })} />
        <span class="unit">%</span>
      </label>
      <label class="field">
        {p.retention}
        <input
          type="number"
          min="1"
          max="65535"
          placeholder={p.never}
          value={retentionDays ?? ''}
          onChange={({ currentTarget }) => set({ retentionDays: currentTarget.value === '' ? null : whole(currentTarget.valueAsNumber, 1, 65_535) })}
        />
        <span class="unit">{words.value.days}</span>
      </label>
      {isConnected.value && <WithCluster />}
      <button type="button" class="link" onClick={() => (view.value = 'expiry')}>
        {words.value.seenFrom(formatTime(now.value))}
      </button>
    </div>
  );
}

function PriceFields({ plan }: { plan: PlanAnswer }) {
  const p = planWords.value;
  const given = prices.value;
  const take = (): Promise<void> => useSamplePrices().catch(() => say('problem', p.sampleFailed));
  return (
    <details class="sizes prices" open={!hasPrices() || undefined}>
      <summary>
        <span>{p.prices} {hasPrices() && <span class="quiet">{[given.currency, given.region || p.everyRegion, given.date].join(', ')}</span>}</span>
      </summary>
      <p class="quiet">{p.pricesMeaning}</p>
      <p class="buttons">
        <button type="button" class="small" onClick={() => void take()}>{p.sample}</button>
        {hasPrices() && <button type="button" class="small" onClick={clearPrices}>{p.clear}</button>}
      </p>
      {PRICES.map((name) => (
        <label class="field">
          <span class="label">{p.price[name]}</span>
          <input type="text" inputMode="decimal" value={given[name]} onChange={({ currentTarget }) => setPrice(name, currentTarget.value, p.ownSource)} />
          <span class="unit">{given.currency || plan.currency}</span>
        </label>
      ))}
      {(['currency', 'region', 'date', 'source'] as const).map((name) => (
        <label class={`field ${name}`}>
          <span class="label">{p[name]}</span>
          <input type="text" value={given[name]} placeholder={name === 'region' ? p.everyRegion : undefined} onChange={({ currentTarget }) => setPrice(name, currentTarget.value, p.ownSource)} />
        </label>
      ))}
    </details>
  );
}

function Sizes({ plan }: { plan: PlanAnswer }) {
  const p = planWords.value;
  const images = new Map<string, SizedImage>();
  let unknown = false;
  for (const { action, images: held } of plan.caches) {
    if (action === 'drop') continue;
    for (const { image, bytes, source } of held) {
      unknown ||= bytes === null;
      images.set(image, { image, known: bytes === null ? p.sizeUnknown : source?.startsWith('sizes[') ? undefined : `${formatBytes(bytes)}${source ? `, ${source}` : ''}` });
    }
  }
  if (images.size === 0) return null;
  return <ImageSizes meaning={p.sizesMeaning} open={unknown} images={[...images.values()].sort((a, b) => (a.image < b.image ? -1 : 1))} />;
}

/** The hours of each workload. What one has in several templates, such as a driver and executors, is entered once. */
function HoursFields({ plan }: { plan: PlanAnswer }) {
  const p = planWords.value;
  const known = new Map<string, number | null>(Object.keys(hours.value).map((name) => [name, null]));
  const add = (pod: string, milliHours: number | null): void => {
    const name = pod.replace(/ \(.*\)$/, '');
    known.set(name, milliHours === null ? known.get(name) ?? null : (known.get(name) ?? 0) + milliHours);
  };
  plan.uncovered.forEach(({ pod }) => add(pod, null));
  plan.covered.forEach(({ pod, milliHours }) => add(pod, milliHours));
  if (known.size === 0) return null;
  const names = [...known.keys()].sort();
  return (
    <details class="sizes hours">
      <summary>{p.hours}</summary>
      <p class="quiet">{p.hoursMeaning}</p>
      <ul class="plain-list">
        {names.slice(0, MAX_ROWS).map((name) => {
          const milliHours = known.get(name) ?? null;
          return (
            <li key={name}>
              <label class="field">
                <code>{name}</code>
                {milliHours !== null && <span class="unit">{p.podHours(formatNumber(milliHours / 1000, 1))}</span>}
                <input
                  type="number"
                  min="0"
                  max="744"
                  step="any"
                  value={hours.value[name] ?? ''}
                  onChange={({ currentTarget: { value, valueAsNumber } }) => setHours(name, value === '' ? null : Math.min(744, Math.max(0, valueAsNumber)))}
                />
                <span class="unit">{p.hoursUnit}</span>
              </label>
            </li>
          );
        })}
      </ul>
      {names.length > MAX_ROWS && <p class="more">{p.more(names.length - MAX_ROWS)}</p>}
    </details>
  );
}

function Totals({ plan, all }: { plan: PlanAnswer; all: number }) {
  const p = planWords.value;
  const rows: [string, (totals: PlanAnswer['after']) => string][] = [
    [p.total.caches, ({ caches }) => formatNumber(caches)],
    [p.total.covered, ({ covered }) => p.of(covered, all)],
    [p.total.make, ({ makeMicros }) => amount(makeMicros)],
    [p.total.keep, ({ keepMicros }) => amount(keepMicros)],
    [p.total.use, ({ useMicros }) => amount(useMicros)],
    [p.total.month, month],
    [p.total.seconds, ({ secondsSaved }) => formatNumber(secondsSaved)],
  ];
  return (
    <>
      <h2 id="plan-totals">{p.totals}{plan.currency && `, ${plan.currency}`}</h2>
      <table class="totals" aria-labelledby="plan-totals">
        <thead>
          <tr>
            <td />
            <th scope="col" class="number">{p.before}</th>
            <th scope="col" class="number">{p.after}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, of]) => (
            <tr>
              <th scope="row">{name}</th>
              <td class="number">{of(plan.before)}</td>
              <td class="number">{of(plan.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">{plan.exact ? p.exact : p.gap(`${formatNumber(plan.gapPerMille / 10, 1)} %`)}</p>
    </>
  );
}

function Caches({ of, currency }: { of: PlannedCache[]; currency: string | null }) {
  const p = planWords.value;
  const id = useId();
  return (
    <>
      <h2 id={id}>{p.caches}</h2>
      <div class="scroll planned" tabIndex={0} role="group" aria-labelledby={id}>
        <table>
          <thead>
            <tr>
              <th scope="col">{p.do}</th>
              <th scope="col">{p.cache}</th>
              <th scope="col" class="number">{p.size}</th>
              <th scope="col" class="number">{p.month}{currency && `, ${currency}`}</th>
              <th scope="col" class="number">{p.seconds}</th>
            </tr>
          </thead>
          {of.slice(0, MAX_ROWS).map((cache) => <Cache key={`${cache.name}/${cache.imageCacheId}`} cache={cache} />)}
        </table>
      </div>
      {of.length > MAX_ROWS && <p class="more">{p.more(of.length - MAX_ROWS)}</p>}
    </>
  );
}

function Cache({ cache }: { cache: PlannedCache }) {
  const p = planWords.value;
  const { action, name, imageCacheId, images, pods, reasons, secondsSaved, sizeGib } = cache;
  const isLive = action !== 'drop' && action !== 'blocked';
  return (
    <tbody>
      <tr>
        <td><span class={`tag ${action}`}>{p.action[action]}</span></td>
        <th scope="row">
          {name || imageCacheId}
          {name && imageCacheId && <small>{imageCacheId}</small>}
        </th>
        <td class="number">{sizeGib === 0 ? '–' : `${sizeGib} GiB`}</td>
        <td class="number" data-label={p.month}>{isLive ? month(cache) : '–'}</td>
        <td class="number" data-label={p.seconds}>{formatNumber(secondsSaved)}</td>
      </tr>
      <tr class="why">
        <td />
        <td colSpan={4}>
          <ul class="plain-list" lang="en">{reasons.map((reason) => <li><Inline text={reason} /></li>)}</ul>
          <details>
            <summary>{p.holds(images.length, pods.length)}</summary>
            <ul class="plain-list">
              {images.map(({ image, bytes }) => <li><code>{image}</code> <span class="quiet">{bytes === null ? p.sizeUnknown : formatBytes(bytes)}</span></li>)}
              {pods.slice(0, MAX_ROWS).map((pod) => <li>{pod}</li>)}
              {pods.length > MAX_ROWS && <li class="more">{p.more(pods.length - MAX_ROWS)}</li>}
            </ul>
          </details>
        </td>
      </tr>
    </tbody>
  );
}

/** A list under a heading; nothing without lines. */
function Lines({ title, children }: { title: string; children: ComponentChildren[] }) {
  if (children.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <ul class="plain-list lines">
        {children.slice(0, MAX_ROWS)}
        {children.length > MAX_ROWS && <li class="more">{planWords.value.more(children.length - MAX_ROWS)}</li>}
      </ul>
    </>
  );
}
