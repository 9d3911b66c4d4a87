// Places of pods in kinds that are not known, as the command's `--pod-path`. The field is loaded when it is opened.
import { useState } from 'preact/hooks';
import { podPaths } from '../state/settings';
import { words } from '../words';
import { lazy } from './lazy';

const Field = lazy(() => import('./pod-paths-field').then(({ PodPathsField }) => PodPathsField));

export function PodPaths() {
  const [open, setOpen] = useState(podPaths.peek().length > 0);
  return (
    <details class="sizes" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{words.value.podPaths}</summary>
      {open && <Field />}
    </details>
  );
}
