import { useId, useState } from 'preact/hooks';
import { ask } from '../core/client';
import { podPaths } from '../state/settings';
import { words } from '../words';
import { Inline } from './markdown';

export function PodPathsField() {
  const t = words.value;
  const meaning = useId();
  const [fault, setFault] = useState<string | null>(null);
  /** Paths that cannot be used are not taken: with them no document could be validated. */
  const set = async (text: string): Promise<void> => {
    const paths = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
    const found = await ask('podPathsFault', paths).catch((fault: Error) => fault.message);
    setFault(found);
    if (found === null && paths.join() !== podPaths.peek().join()) podPaths.value = paths;
  };
  return (
    <>
      <textarea
        rows={2}
        spellcheck={false}
        aria-label={t.podPaths}
        aria-describedby={meaning}
        aria-invalid={fault !== null}
        defaultValue={podPaths.peek().join('\n')}
        onChange={({ currentTarget }) => void set(currentTarget.value)}
      />
      <p class="quiet" id={meaning}>
        <Inline text={t.podPathsMeaning} />
        {fault !== null && <span class="problem" role="alert" lang="en"> <Inline text={fault} /></span>}
      </p>
    </>
  );
}
