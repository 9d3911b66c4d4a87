// The page of a rule.
import { useEffect, useState } from 'preact/hooks';
import type { Rule as Page } from 'imagecache';
import { ask } from '../core/client';
import { Dialog } from '../parts/dialog';
import { Markdown } from '../parts/markdown';
import { shownRule } from '../state/shown';
import { words } from '../words';

export function Rule() {
  const code = shownRule.value;
  return code === null ? null : <RuleDialog key={code} code={code} />;
}

function RuleDialog({ code }: { code: string }) {
  const t = words.value;
  const [rule, setRule] = useState<Page | undefined>();
  useEffect(() => void ask('explain', code).then(setRule, () => {}), [code]);
  return (
    <Dialog title={<>{code} {rule && <small>{rule.name}</small>}</>} onClose={() => (shownRule.value = null)}>
      {rule ? (
        <div lang="en">
          <p class={`tag ${rule.severity}`}>{t.severity[rule.severity]}</p>
          <Markdown text={rule.page} skipTitle />
        </div>
      ) : (
        <p>{t.reading}</p>
      )}
    </Dialog>
  );
}
