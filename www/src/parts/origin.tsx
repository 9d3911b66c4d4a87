// Where objects come from: the open documents, and a cluster.
import type { Origin } from '../core/protocol';
import { clusterCaches, withCluster } from '../state/cluster';
import { active, files } from '../state/files';
import { goTo } from '../state/shown';
import { words } from '../words';

/** Where an object stands, as a way to it. */
export function ShowOrigin({ origin }: { origin: Origin }) {
  const t = words.value;
  if ('cluster' in origin) return <span class="quiet">{t.fromCluster}</span>;
  const { file, line, column, offset } = origin;
  const name = files.value.find(({ id }) => id === file)?.name;
  if (name === undefined) return null;
  const show = (): void => {
    active.value = file;
    goTo(file, { line, column, endLine: line, endColumn: column, offset, endOffset: offset });
  };
  return (
    <button type="button" class="link" onClick={show}>
      {name}:{line}
    </button>
  );
}

export function WithCluster() {
  return (
    <label class="check">
      <input type="checkbox" checked={withCluster.value} onChange={({ currentTarget }) => (withCluster.value = currentTarget.checked)} />{' '}
      {words.value.withCluster(clusterCaches.value.size)}
    </label>
  );
}
