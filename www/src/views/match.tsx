// Which cache each pod hits, and why it is not another.
import type { Candidate, Explanation, Unreadable } from 'imagecache';
import { useState } from 'preact/hooks';
import type { Origin, SurveyedPod } from '../core/protocol';
import { CopyButton } from '../parts/copy';
import { ImageSizes } from '../parts/image-sizes';
import { Inline } from '../parts/markdown';
import { ShowOrigin, WithCluster } from '../parts/origin';
import { PodPaths } from '../parts/pod-paths';
import { isConnected } from '../state/cluster';
import { survey } from '../state/analysis';
import { now } from '../state/now';
import { strict, textual } from '../state/settings';
import { view } from '../state/shown';
import { formatBytes, formatTime, words } from '../words';

export function Match() {
  const t = words.value;
  const found = survey.value;
  if (!found) return <p class="empty">{t.reading}</p>;
  const { pods, caches, podsLeft } = found;
  return (
    <div class="match">
      <p class="lead" role="status">
        {t.podsAndCaches(pods.length, caches.length)}
      </p>
      <div class="controls">
        <label class="check">
          <input type="checkbox" checked={strict.value} onChange={({ currentTarget }) => (strict.value = currentTarget.checked)} /> {t.strict}
        </label>
        <label class="check">
          <input type="checkbox" checked={textual.value} onChange={({ currentTarget }) => (textual.value = currentTarget.checked)} /> {t.textual}
        </label>
        {isConnected.value && <WithCluster />}
        <button type="button" class="link" onClick={() => (view.value = 'expiry')}>
          {t.seenFrom(formatTime(now.value))}
        </button>
      </div>
      {pods.length > 0 && <Sizes pods={pods} />}
      <PodPaths />
      {pods.length === 0 && <p class="empty">{t.noPods}</p>}
      {pods.map((pod, at) => (
        <Pod key={pod.key} pod={pod} first={at === 0} />
      ))}
      {podsLeft > 0 && <p class="more">{t.podsLeft(podsLeft)}</p>}
    </div>
  );
}

/** The sizes of the pods' images; no manifest has them, so a person may enter them. */
function Sizes({ pods }: { pods: SurveyedPod[] }) {
  const found = pods.flatMap(({ answer }) => (isUnreadable(answer) ? [] : answer.images)).filter((one) => one.found !== 'invalid');
  const images = [...new Set(found.map(({ image }) => image))].sort();
  return <ImageSizes meaning={words.value.imageSizesMeaning} images={images.map((image) => ({ image }))} />;
}

const isUnreadable = (answer: Explanation | Unreadable): answer is Unreadable => answer.decision === 'Unreadable';

function Pod({ pod, first }: { pod: SurveyedPod; first: boolean }) {
  const t = words.value;
  const [open, setOpen] = useState(first);
  const { answer } = pod;
  const winner = isUnreadable(answer) ? null : answer.winner;
  return (
    <details class="pod" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span class={`decision ${answer.decision}`}>{t.decision[answer.decision]}</span>
        <h2 class="name">
          <span class="kind">{isUnreadable(answer) ? '' : answer.kind}</span> {isUnreadable(answer) ? pod.name : answer.pod}
        </h2>
        <span class="outcome">{winner ? t.startsFrom(winner.name ?? winner.imageCacheId ?? '') : t.outcome[answer.decision]}</span>
      </summary>
      {open && <div class="pod-body">{isUnreadable(answer) ? <Problems answer={answer} /> : <Explained pod={pod} answer={answer} />}</div>}
    </details>
  );
}

function Problems({ answer }: { answer: Unreadable }) {
  return (
    <ul lang="en">
      {answer.diagnostics.map(({ path, message }) => (
        <li>
          {path && <code>{path}</code>} <Inline text={message} />
        </li>
      ))}
    </ul>
  );
}

export function Explained({ pod, answer }: { pod: SurveyedPod; answer: Explanation }) {
  const t = words.value;
  return (
    <>
      <Facts answer={answer} origin={pod.origin} />
      {answer.error && (
        <p class="refusal" lang="en">
          <code>{answer.error.http} {answer.error.code}</code> <Inline text={answer.error.message} />
        </p>
      )}
      {answer.warnings.length > 0 && (
        <ul class="warnings" lang="en">
          {answer.warnings.map((warning) => <li><Inline text={warning} /></li>)}
        </ul>
      )}
      {answer.notes && (
        <ul class="quiet" lang="en">
          {answer.notes.map((note) => <li><Inline text={note} /></li>)}
        </ul>
      )}
      <h3>{t.imagesOfPod}</h3>
      <ul class="images">
        {answer.images.map(({ image, found, cached }) => (
          <li class={found}>
            <code>{image}</code> <span class="have">{t.have[found]}{found === 'repositoryOnly' && cached ? `: ${cached}` : ''}</span>
          </li>
        ))}
      </ul>
      <h3>{t.candidates}</h3>
      {answer.candidates.length === 0 ? <p class="quiet">{t.noCandidates}</p> : <Candidates of={answer.candidates} />}
      {answer.omitted > 0 && <p class="quiet">{t.omitted(answer.omitted)}</p>}
      {answer.unrelated > 0 && <p class="quiet">{t.unrelated(answer.unrelated)}</p>}
      <h3>{t.whatEciDoes}</h3>
      <ul class="steps">
        {answer.next.pull.length > 0 && (
          <li>
            {t.pulls} {answer.next.pull.map((image) => <code>{image}</code>)}
          </li>
        )}
        {answer.next.pull.length === 0 && answer.winner && <li>{t.pullsNothing}</li>}
        {answer.next.create && <li>{t.makes(answer.next.create.name, answer.next.create.sizeGib, answer.next.create.images.length)}</li>}
        {answer.events.map(({ type, reason, message }) => (
          <li>
            {t.event} <strong class={type}>{reason}</strong> <span lang="en">{message}</span>
          </li>
        ))}
      </ul>
      {answer.pin && (
        <>
          <h3>{t.annotation}</h3>
          <div class="copyable">
            <pre tabIndex={0}><code>{`${answer.pin.annotation}: ${answer.pin.value}`}</code></pre>
            <CopyButton text={`${answer.pin.annotation}: ${answer.pin.value}`} name={t.copyAnnotation} />
          </div>
          <p class="quiet">{t.annotationMeaning}</p>
        </>
      )}
    </>
  );
}

function Facts({ answer, origin }: { answer: Explanation; origin: Origin }) {
  const t = words.value;
  const exact = answer.images.filter(({ found }) => found === 'exact').length;
  return (
    <p class="facts">
      <ShowOrigin origin={origin} />
      {answer.winner && <span>{t.exactOf(exact, answer.images.length)}</span>}
      {answer.winner?.imageCacheId && <code>{answer.winner.imageCacheId}</code>}
      {answer.bytesSaved !== null && <span>{t.bytesSaved(formatBytes(answer.bytesSaved))}</span>}
      {answer.secondsSaved !== null && <span>{t.secondsSaved(answer.secondsSaved)}</span>}
    </p>
  );
}

function Candidates({ of }: { of: Candidate[] }) {
  const t = words.value;
  return (
    <div class="scroll candidates" tabIndex={0} role="group" aria-label={t.candidates}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t.cache}</th>
            <th scope="col">{t.phase}</th>
            <th scope="col" class="number">{t.size}</th>
            <th scope="col">{t.why}</th>
          </tr>
        </thead>
        <tbody>
          {of.map(({ name, imageCacheId, phase, sizeGib, reason, why }) => (
            <tr class={reason === null ? 'winner' : ''}>
              <th scope="row">
                {name ?? imageCacheId}
                {reason === null && <span class="tag winner">{t.winner}</span>}
                {name && imageCacheId && <small>{imageCacheId}</small>}
              </th>
              <td>{phase ?? '–'}</td>
              <td class="number">{sizeGib} GiB</td>
              <td lang="en"><Inline text={why} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
