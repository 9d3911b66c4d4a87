// What the page knows, as JSON and on paper.
import { render } from 'preact';
import { jsx } from 'preact/jsx-runtime';
import { Report } from './report';
import { checked, survey, version } from './state/analysis';
import { files, textOf } from './state/files';
import { now } from './state/now';

/** The report as a value: a contract, its `form` says which. */
export function report(): object {
  return {
    form: 'imagecache-report/1',
    version: version.peek(),
    now: now.peek().toISOString(),
    documents: files.peek().map(({ id, name }) => ({
      name,
      text: textOf(id),
      diagnostics: checked.peek().get(id)?.diagnostics ?? [],
    })),
    diagnostics: survey.peek()?.diagnostics ?? [],
    pods: survey.peek()?.pods.map(({ answer }) => answer) ?? [],
    caches: survey.peek()?.caches.map(({ expiry, phase, created }) => ({ ...expiry, phase, created })) ?? [],
  };
}

export function saveReport(): void {
  const blob = new Blob([JSON.stringify(report(), null, 2), '\n'], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = 'imagecache-report.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

let prepared = false;

/** The report is made when somebody prints, by the button or by the browser's menu, and gone afterwards. */
export function preparePrint(): void {
  if (prepared) return;
  prepared = true;
  const place = document.getElementById('report')!;
  addEventListener('beforeprint', () => {
    place.hidden = false;
    render(jsx(Report, {}), place);
  });
  addEventListener('afterprint', () => {
    place.hidden = true;
    render(null, place);
  });
}

export function printReport(): void {
  preparePrint();
  print();
}
