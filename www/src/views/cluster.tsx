// A cluster, live: its caches as they come and go, and buttons to create and delete them.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../core/client';
import type { Sendable } from '../core/protocol';
import { Refused, type Event, type ImageCache } from '../cluster/api';
import { allowed, connect, create, destroy, disconnect, eventsOf, ownAddress } from '../cluster/live';
import { Dialog } from '../parts/dialog';
import { useHandover } from '../parts/focus';
import { Inline } from '../parts/markdown';
import { ShowOrigin } from '../parts/origin';
import { define } from '../core/texts';
import { checked } from '../state/analysis';
import { clusterCaches, isConnected, state, type State } from '../state/cluster';
import { files, open } from '../state/files';
import { say } from '../state/notice';
import { view } from '../state/shown';
import { formatTime, words } from '../words';

/** At most so many caches are listed. */
const MAX_ROWS = 500;

export function Cluster() {
  return (
    <div class="cluster">
      <Connection />
      {isConnected.value && (
        <>
          <Send />
          <Live />
        </>
      )}
    </div>
  );
}

function Connection() {
  const t = words.value;
  const at = state.value;
  const { give, take } = useHandover();
  const [address, setAddress] = useState(at.is === 'off' ? ownAddress() : at.address);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const server = allowed(address);
    if (server === null) return say('problem', t.addressNotAllowed);
    define().then(
      ({ resource }) => {
        give();
        connect(server, resource);
      },
      () => say('problem', t.partMissing),
    );
  };
  const leave = (): void => {
    give();
    disconnect();
  };
  return (
    <>
      <p class="lead" role="status">
        {at.is === 'off' && t.notConnected}
        {at.is === 'connecting' && t.connecting(at.address)}
        {at.is === 'live' && t.connected(at.address, clusterCaches.value.size)}
        {at.is === 'lost' && lost(at)}
        {at.is === 'lost' && at.why && <span class="quiet" lang="en"> {at.why}</span>}
      </p>
      {at.is === 'off' || (at.is === 'lost' && !at.known) ? (
        <form class="connect" onSubmit={submit}>
          <label class="field grow">
            {t.address}
            <input ref={take} type="text" inputMode="url" autocomplete="off" spellcheck={false} value={address} placeholder="http://127.0.0.1:8001" onInput={({ currentTarget }) => setAddress(currentTarget.value)} />
          </label>
          <button type="submit" class="primary">{t.connect}</button>
          <p class="quiet"><Inline text={t.addressHelp} /></p>
        </form>
      ) : (
        <button ref={take} type="button" class="small" onClick={leave}>{t.disconnect}</button>
      )}
    </>
  );
}

function lost({ address, answered, why, known }: State & { is: 'lost' }): string {
  const t = words.value;
  if (known) return t.connectionLost(address);
  if (!answered) return t.connectionFailed(address);
  return why ? t.connectionRefused(address) : t.noApi(address);
}

/** The caches of the open documents, each with a button that creates it. */
function Send() {
  const t = words.value;
  const list = useSignal<Sendable[]>([]);
  const known = checked.value;
  useEffect(() => void ask('sendable', files.peek().map(({ id }) => id)).then((found) => (list.value = found), () => {}), [known]);
  const here = clusterCaches.value;
  return (
    <section>
      <h2>{t.toCreate}</h2>
      {list.value.length === 0 && <p class="quiet">{t.nothingToCreate}</p>}
      <ul class="plain-list rows">
        {list.value.map((one) => (
          <SendRow key={one.key} one={one} exists={here.has(one.name)} />
        ))}
      </ul>
    </section>
  );
}

function SendRow({ one, exists }: { one: Sendable; exists: boolean }) {
  const t = words.value;
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused | null>(null);
  // What was refused of another text is no news of this one.
  useEffect(() => setRefused(null), [one]);
  const errors = one.diagnostics.filter(({ severity }) => severity === 'error').length;
  const act = async (): Promise<void> => {
    setBusy(true);
    setRefused(null);
    try {
      await create(one.value);
      say('done', t.created(one.name));
    } catch (fault) {
      if (fault instanceof Refused) setRefused(fault);
      else say('problem', t.serverGone);
    } finally {
      setBusy(false);
    }
  };
  return (
    <li class="row">
      <span class="name">{one.name} <ShowOrigin origin={one.origin} /></span>
      <span class="quiet">
        {errors > 0 ? (
          <button type="button" class="link" onClick={() => (view.value = 'findings')}>{t.errorsFirst(errors)}</button>
        ) : exists ? t.existsAlready : ''}
      </span>
      <button type="button" class="small" aria-label={t.createNamed(one.name)} disabled={busy || errors > 0 || exists} onClick={() => void act()}>
        {t.create}
      </button>
      {refused && <Refusal of={refused} />}
    </li>
  );
}

/** What a server refuses, in its words: field by field where it names them. */
function Refusal({ of: { status, message, causes } }: { of: Refused }) {
  const t = words.value;
  return (
    <div class="refusal" role="alert">
      <p>{t.refused(status)}</p>
      <ul class="plain-list" lang="en">
        {causes.length === 0 && message && <li><Inline text={message} /></li>}
        {causes.map(({ field, message = '' }) => <li>{field && <code>{field}</code>} <Inline text={message} /></li>)}
      </ul>
    </div>
  );
}

function Live() {
  const t = words.value;
  const [doomed, setDoomed] = useState<string | null>(null);
  const caches = [...clusterCaches.value.values()].sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  return (
    <section>
      <h2>{t.inCluster}</h2>
      {caches.length === 0 && <p class="quiet">{t.clusterEmpty}</p>}
      <ul class="plain-list rows">
        {caches.slice(0, MAX_ROWS).map((cache) => (
          <CacheRow key={cache.metadata.uid ?? cache.metadata.name} cache={cache} onDelete={() => setDoomed(cache.metadata.name)} />
        ))}
      </ul>
      {caches.length > MAX_ROWS && <p class="more">{t.andMore(caches.length - MAX_ROWS)}</p>}
      {doomed !== null && <Confirm name={doomed} onClose={() => setDoomed(null)} />}
    </section>
  );
}

function CacheRow({ cache, onDelete }: { cache: ImageCache; onDelete: () => void }) {
  const t = words.value;
  const { name, deletionTimestamp } = cache.metadata;
  const [shown, setShown] = useState(false);
  const phase = deletionTimestamp ? t.beingDeleted : (cache.status?.phase ?? t.noPhase);
  const percent = Number.parseFloat(cache.status?.progress ?? '');
  return (
    <li class="row cache">
      <details onToggle={({ currentTarget }) => setShown(currentTarget.open)}>
        <summary>
          <span class="name">{name}</span>
          <span class={`phase ${cache.status?.phase ?? ''}`}>{phase}</span>
          {percent < 100 && <progress max={100} value={percent} aria-label={t.progressOf(name)}>{percent} %</progress>}
        </summary>
        {shown && <CacheBody cache={cache} />}
      </details>
      <button type="button" class="small danger" aria-label={t.deleteNamed(name)} disabled={deletionTimestamp !== undefined} onClick={onDelete}>
        {t.delete}
      </button>
    </li>
  );
}

function CacheBody({ cache }: { cache: ImageCache }) {
  const t = words.value;
  const { name, creationTimestamp, resourceVersion } = cache.metadata;
  const [events, setEvents] = useState<Event[]>([]);
  // Not every server keeps events as objects; those of the status are shown in any case.
  useEffect(() => void eventsOf(name).then(setEvents, () => {}), [name, resourceVersion]);
  const all = [...(cache.status?.events ?? []), ...events].sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
  const toEditor = (): void => {
    if (open(`${name}.json`, `${JSON.stringify(cache, null, 2)}\n`)) view.value = 'manifests';
    else say('problem', t.tooManyFiles);
  };
  return (
    <div class="cache-body">
      <p class="facts">
        {cache.status?.imageCacheId && <code>{cache.status.imageCacheId}</code>}
        {creationTimestamp && <span>{t.createdAt(formatTime(creationTimestamp))}</span>}
        {cache.spec?.imageCacheSize !== undefined && <span>{cache.spec.imageCacheSize} GiB</span>}
        {cache.spec?.retentionDays !== undefined && <span>{t.keptDays(cache.spec.retentionDays)}</span>}
        <button type="button" class="link" onClick={toEditor}>{t.openInEditor}</button>
      </p>
      <ul class="images">{(cache.spec?.images ?? []).map((image) => <li><code>{image}</code></li>)}</ul>
      <h3>{t.events}</h3>
      {all.length === 0 && <p class="quiet">{t.noEvents}</p>}
      <ul class="steps">
        {all.map((event) => (
          <li lang="en">
            {timeOf(event) && <time>{formatTime(timeOf(event))}</time>} {event.reason && <strong class={event.type}>{event.reason}</strong>} {event.message}
          </li>
        ))}
      </ul>
    </div>
  );
}

const timeOf = ({ lastTimestamp, eventTime }: Event): string => lastTimestamp ?? eventTime ?? '';

function Confirm({ name, onClose }: { name: string; onClose: () => void }) {
  const t = words.value;
  const act = async (): Promise<void> => {
    onClose();
    try {
      await destroy(name);
      say('done', t.deleted(name));
    } catch (fault) {
      say('problem', fault instanceof Refused ? t.deleteRefused(name, fault.message || `HTTP ${fault.status}`) : t.serverGone);
    }
  };
  return (
    <Dialog title={t.deleteQuestion(name)} onClose={onClose}>
      <p>{t.deleteMeaning}</p>
      <p class="buttons">
        <button type="button" class="danger" onClick={() => void act()}>{t.deleteNow}</button>
        <button type="button" onClick={onClose}>{t.keep}</button>
      </p>
    </Dialog>
  );
}
