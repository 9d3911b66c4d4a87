// The page of a rule.
import { useEffect, useState } from 'preact/hooks';
import type { Rule as Page } from 'imagecache';
import { ruleOf } from '../core/texts';
import { Dialog } from '../parts/dialog';
import { Missing } from '../parts/lazy';
import { Markdown } from '../parts/markdown';
import { shownRule } from '../state/shown';
import { words } from '../words';

export function Rule() {
  const code = shownRule.value;
  return code === null ? null : <RuleDialog key={code} code={code} />;
}

function RuleDialog({ code }: { code: string }) {
  const t = words.value;
  const [rule, setRule] = useState<Page | 'missing' | undefined>();
  useEffect(() => void ruleOf(code).then(setRule, () => setRule('missing')), [code]);
  const page = rule === 'missing' ? undefined : rule;
  return (
    <Dialog title={<>{code} {page && <small>{page.name}</small>}</>} onClose={() => (shownRule.value = null)}>
      {rule === 'missing' && <Missing />}
      {rule === undefined && <p>{t.reading}</p>}
      {page && (
        <>
          <p class={`tag ${page.severity}`}>{t.severity[page.severity]}</p>
          {t.rules[code] && <p class="prose">{t.rules[code]}</p>}
          <div lang="en">
            <Markdown text={page.page} skipTitle />
          </div>
        </>
      )}
    </Dialog>
  );
}
