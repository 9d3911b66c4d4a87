// Every finding of every open document, as a list to step through.
import type { Diagnostic } from 'imagecache';
import type { Met } from '../core/protocol';
import { Inline } from '../parts/markdown';
import { ShowOrigin } from '../parts/origin';
import { PodPaths } from '../parts/pod-paths';
import { checked, coreFault, survey } from '../state/analysis';
import { active, files } from '../state/files';
import { goTo, samplesShown, shownRule } from '../state/shown';
import { words } from '../words';

/** At most so many findings of one document are listed. */
const MAX_SHOWN = 500;

export function Findings() {
  const t = words.value;
  if (coreFault.value !== null) return <p class="empty problem">{t.coreFault(coreFault.value)}</p>;
  // The document at hand comes first: its findings change as somebody writes.
  const ordered = files.value.toSorted((a, b) => Number(b.id === active.value) - Number(a.id === active.value));
  const shown = ordered.map((file) => ({ file, found: checked.value.get(file.id) }));
  const together = survey.value?.diagnostics ?? [];
  const total = shown.reduce((sum, { found }) => sum + (found?.diagnostics.length ?? 0), together.length);
  const objects = shown.reduce((sum, { found }) => sum + (found?.objects.length ?? 0), 0);
  if (shown.some(({ found }) => !found)) return <p class="empty">{t.reading}</p>;
  if (objects === 0 && total === 0) {
    return (
      <p class="empty">
        {t.nothingToJudge} <button type="button" class="small" onClick={() => (samplesShown.value = true)}>{t.openSample}</button>
      </p>
    );
  }
  return (
    <div class="findings">
      <p class="lead" role="status">
        {total === 0 && <span class="mark good" aria-hidden="true" />}
        {total === 0 ? t.nothingFound(objects) : t.found(total, objects)}
        {total > 0 && <span class="keys">{t.findingKeys}</span>}
      </p>
      {total === 0 && <Objects of={shown.flatMap(({ file, found }) => (found?.objects ?? []).map((met) => ({ file: file.id, ...met })))} />}
      <div onKeyDown={stepByKey}>
        {shown.map(({ file, found }) =>
          found && found.diagnostics.length > 0 ? (
            <section key={file.id} aria-label={file.name}>
              {files.value.length > 1 && (
                <h2 class="file-name" aria-current={file.id === active.value ? 'true' : undefined}>
                  {file.name} <span class="count">{found.diagnostics.length}</span>
                </h2>
              )}
              <ul class="plain-list">
                {found.diagnostics.slice(0, MAX_SHOWN).map((diagnostic, at) => (
                  <Finding key={`${diagnostic.code}${at}`} file={file.id} diagnostic={diagnostic} />
                ))}
              </ul>
              {found.diagnostics.length > MAX_SHOWN && <p class="more">{t.andMore(found.diagnostics.length - MAX_SHOWN)}</p>}
            </section>
          ) : null,
        )}
        {together.length > 0 && (
          <section aria-label={t.together}>
            <h2 class="file-name">
              {t.together} <span class="count">{together.length}</span>
            </h2>
            <ul class="plain-list">
              {together.slice(0, MAX_SHOWN).map((diagnostic) => <Finding key={diagnostic.message} file="" diagnostic={diagnostic} />)}
            </ul>
            {together.length > MAX_SHOWN && <p class="more">{t.andMore(together.length - MAX_SHOWN)}</p>}
          </section>
        )}
      </div>
      <PodPaths />
    </div>
  );
}

/** What was looked at, where nothing is to be said about it. */
function Objects({ of }: { of: (Met & { file: string })[] }) {
  return (
    <ul class="plain-list objects">
      {of.slice(0, MAX_SHOWN).map(({ kind, name, ...origin }) => (
        <li key={`${origin.file}/${origin.document}/${origin.path}`}>
          <span class="quiet">{kind}</span> {name} <ShowOrigin origin={origin} />
        </li>
      ))}
      {of.length > MAX_SHOWN && <li class="more">{words.value.andMore(of.length - MAX_SHOWN)}</li>}
    </ul>
  );
}

function Finding({ file, diagnostic }: { file: string; diagnostic: Diagnostic }) {
  const t = words.value;
  const { severity, code, path, message, help, line, column } = diagnostic;
  const show = (): void => {
    if (line === null) return;
    active.value = file;
    goTo(file, diagnostic);
  };
  return (
    <li class={`finding ${severity}`}>
      <button type="button" class="finding-place" onClick={show}>
        <span class="mark" aria-hidden="true" />
        <span class="said">{t.severity[severity]}</span>
        <span class="where">{line !== null && column !== null ? t.lineColumn(line, column) : ''}</span>
        <span class="words" lang="en">
          {path && <code>{path}</code>} <Inline text={message} />
        </span>
      </button>
      <p class="beside">
        {t.rules[code]} {help && <span class="help" lang="en"><Inline text={help} /> </span>}
        <button type="button" class="link" aria-label={t.ruleOf(code)} onClick={() => (shownRule.value = code)}>
          {code}
        </button>
      </p>
    </li>
  );
}

/** Arrow keys go from finding to finding. */
function stepByKey(event: KeyboardEvent): void {
  const direction = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!direction) return;
  const list = event.currentTarget as HTMLElement;
  const all = [...list.querySelectorAll<HTMLElement>('.finding-place')];
  const here = all.findIndex((button) => button.parentElement?.contains(document.activeElement));
  all[Math.min(Math.max(here + direction, 0), all.length - 1)]?.focus();
  event.preventDefault();
}
