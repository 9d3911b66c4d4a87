// The open documents, as a row of tabs above the editor.
import { useEffect, useRef, useState } from 'preact/hooks';
import { useHandover } from '../parts/focus';
import { stepTabs } from '../parts/tabs';
import { checked } from '../state/analysis';
import { active, close, files, open, rename, type File } from '../state/files';
import { say } from '../state/notice';
import { words } from '../words';

export function Documents() {
  const t = words.value;
  const add = (): void => {
    if (!open('manifest.yaml', '')) say('problem', t.tooManyFiles);
  };
  return (
    <div class="documents">
      <div class="tabs" role="tablist" aria-label={t.documents} onKeyDown={stepTabs}>
        {files.value.map((file) => (
          <Tab key={file.id} file={file} />
        ))}
      </div>
      <DocumentMenu add={add} />
    </div>
  );
}

/** The worst that was found in a document, as a word for people and for the mark. */
function worst(id: string): 'error' | 'warning' | 'hint' | null {
  const found = checked.value.get(id)?.diagnostics ?? [];
  return (['error', 'warning', 'hint'] as const).find((severity) => found.some((one) => one.severity === severity)) ?? null;
}

function Tab({ file }: { file: File }) {
  const t = words.value;
  const selected = file.id === active.value;
  const severity = worst(file.id);
  const element = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (selected) element.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [selected]);
  return (
    <button
      ref={element}
      type="button"
      role="tab"
      class="tab"
      id={`document-${file.id}`}
      aria-selected={selected}
      aria-controls="editor"
      tabIndex={selected ? 0 : -1}
      onClick={() => (active.value = file.id)}
    >
      {severity && <span class={`mark ${severity}`} aria-hidden="true" />}
      {severity && <span class="said">{t.severity[severity]}: </span>}
      {file.name}
    </button>
  );
}

function DocumentMenu({ add }: { add: () => void }) {
  const t = words.value;
  const file = files.value.find(({ id }) => id === active.value);
  const [naming, setNaming] = useState(false);
  const { give, take } = useHandover();
  if (!file) return null;
  const end = (name: string): void => {
    setNaming(false);
    if (name.trim() !== '') rename(file.id, name.trim().slice(0, 200));
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void => {
    if (event.key === 'Escape') event.currentTarget.value = file.name;
    else if (event.key !== 'Enter') return;
    // Else the same press would reach the button that takes its place.
    event.preventDefault();
    give();
    end(event.currentTarget.value);
  };
  return (
    <div class="document-menu">
      {naming ? (
        <input
          class="name-field"
          aria-label={t.nameOf(file.name)}
          defaultValue={file.name}
          ref={(input) => input?.focus()}
          onBlur={({ currentTarget }) => end(currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      ) : (
        <button type="button" ref={take} class="link" aria-label={t.renameNamed(file.name)} onClick={() => setNaming(true)}>{t.rename}</button>
      )}
      <button type="button" class="link" aria-label={t.closeNamed(file.name)} onClick={() => close(file.id)}>{t.close}</button>
      <button type="button" class="link" onClick={add}>{t.newDocument}</button>
    </div>
  );
}
