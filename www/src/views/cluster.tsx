// A cluster, live: its caches as they come and go, and buttons to create and delete them.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../core/client';
import type { Sendable } from '../core/protocol';
import type { Event, ImageCache } from '../cluster/api';
import { connect, create, destroy, disconnect, eventsOf, isAllowed, ownAddress, wordsOf } from '../cluster/live';
import { Dialog } from '../parts/dialog';
import { Inline } from '../parts/markdown';
import { define } from '../core/texts';
import { checked } from '../state/analysis';
import { clusterCaches, isConnected, state } from '../state/cluster';
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
  const [address, setAddress] = useState(at.is === 'off' ? ownAddress() : at.address);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!isAllowed(address)) return say('problem', t.addressNotAllowed);
    define().then(({ resource }) => connect(address, resource), () => say('problem', t.partMissing));
  };
  return (
    <>
      <p class="lead" role="status">
        {at.is === 'off' && t.notConnected}
        {at.is === 'connecting' && t.connecting(at.address)}
        {at.is === 'live' && t.connected(at.address, clusterCaches.value.size)}
        {at.is === 'lost' && (at.known ? t.connectionLost(at.address) : t.connectionFailed(at.address))}
      </p>
      {at.is === 'lost' && at.why && <p class="quiet" lang="en">{at.why}</p>}
      {at.is === 'off' || (at.is === 'lost' && !at.known) ? (
        <form class="controls" onSubmit={submit}>
          <label class="field grow">
            {t.address}
            <input type="text" inputMode="url" autocomplete="off" spellcheck={false} value={address} placeholder="http://127.0.0.1:8001" onInput={({ currentTarget }) => setAddress(currentTarget.value)} />
          </label>
          <button type="submit" class="primary">{t.connect}</button>
          <p class="quiet"><Inline text={t.addressHelp} /></p>
        </form>
      ) : (
        <button type="button" class="small" onClick={disconnect}>{t.disconnect}</button>
      )}
    </>
  );
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
          <SendRow one={one} exists={here.has(one.name)} />
        ))}
      </ul>
    </section>
  );
}

function SendRow({ one, exists }: { one: Sendable; exists: boolean }) {
  const t = words.value;
  const [busy, setBusy] = useState(false);
  const errors = one.diagnostics.filter(({ severity }) => severity === 'error').length;
  const act = async (): Promise<void> => {
    setBusy(true);
    try {
      await create(one.value);
      say('done', t.created(one.name));
    } catch (fault) {
      say('problem', wordsOf(fault) || t.serverGone);
    } finally {
      setBusy(false);
    }
  };
  return (
    <li class="row">
      <span class="name">{one.name}</span>
      <span class="quiet">
        {errors > 0 ? (
          <button type="button" class="link" onClick={() => (view.value = 'findings')}>{t.errorsFirst(errors)}</button>
        ) : exists ? t.existsAlready : ''}
      </span>
      <button type="button" class="small" aria-label={t.createNamed(one.name)} disabled={busy || errors > 0 || exists} onClick={() => void act()}>
        {t.create}
      </button>
    </li>
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
          {!Number.isNaN(percent) && <progress max={100} value={percent} aria-label={t.progressOf(name)}>{percent} %</progress>}
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
  const all = [...(cache.status?.events ?? []), ...events];
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
        {all.map(({ type, reason, message, lastTimestamp, eventTime }) => (
          <li>
            {(lastTimestamp ?? eventTime) && <time>{formatTime((lastTimestamp ?? eventTime)!)}</time>} {reason && <strong class={type}>{reason}</strong>} <span lang="en">{message}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Confirm({ name, onClose }: { name: string; onClose: () => void }) {
  const t = words.value;
  const act = async (): Promise<void> => {
    onClose();
    try {
      await destroy(name);
      say('done', t.deleted(name));
    } catch (fault) {
      say('problem', wordsOf(fault) || t.serverGone);
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
