// Documents to begin with. Those about time carry dates around the day on which they are opened.
import shopCaches from '../../../examples/shop/caches.yaml?raw';
import shopJobs from '../../../examples/shop/jobs.yaml?raw';
import shopNode from '../../../examples/shop/node.yaml?raw';
import shopServices from '../../../examples/shop/services.yaml?raw';
import { Dialog } from '../parts/dialog';
import first from '../samples/first.yaml?raw';
import match from '../samples/match.yaml?raw';
import mistakes from '../samples/mistakes.yaml?raw';
import reply from '../samples/reply.json?raw';
import { open } from '../state/files';
import { say } from '../state/notice';
import { samplesShown, view, type View } from '../state/shown';
import { words, type Words } from '../words';

interface Sample {
  name: keyof Words['samples'];
  file: string;
  text: () => string;
  view: View;
}

const SAMPLES: Sample[] = [
  { name: 'first', file: 'web.yaml', text: () => first, view: 'findings' },
  { name: 'mistakes', file: 'mistakes.yaml', text: () => mistakes, view: 'findings' },
  { name: 'match', file: 'pods-and-caches.yaml', text: () => match, view: 'match' },
  { name: 'expiry', file: 'ends.yaml', text: ends, view: 'expiry' },
  { name: 'reply', file: 'describe-image-caches.json', text: () => reply, view: 'expiry' },
  { name: 'shop', file: 'shop.yaml', text: () => [shopServices, shopJobs, shopCaches, shopNode].join('---\n'), view: 'plan' },
];

/** Caches in every state of life. */
function ends(): string {
  const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const cache = (name: string, id: number, created: string, spec: string, status: string): string => `apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: ${name}
  creationTimestamp: "${created}"
spec:
  images: [registry.example.com/${name}/app:1.4.2]${spec}
status:
  phase: ${status}
  imageCacheId: imc-2zeexample000000002${id}
`;
  const kept = (days: number): string => `\n  retentionDays: ${days}`;
  return [
    cache('shop', 1, ago(12), kept(30), 'Ready'),
    cache('search', 2, ago(27), kept(30), 'Ready'),
    cache('old-release', 3, ago(40), kept(30), 'Ready'),
    cache('base', 4, ago(90), '', 'Ready'),
    cache('broken', 5, ago(0.4), kept(14), `Failed\n  lastUpdatedTime: "${ago(0.3)}"`),
    cache('nightly', 6, ago(3), kept(60), 'Ready'),
  ].join('---\n');
}

export function Samples() {
  const t = words.value;
  const close = (): void => void (samplesShown.value = false);
  const take = (sample: Sample): void => {
    close();
    if (!open(sample.file, sample.text())) return say('problem', t.tooManyFiles);
    view.value = sample.view;
  };
  return (
    <Dialog title={t.sampleTitle} onClose={close}>
      <ul class="plain-list samples">
        {SAMPLES.map((sample) => (
          <li>
            <button type="button" onClick={() => take(sample)}>
              <strong>{t.samples[sample.name][0]}</strong>
              <span>{t.samples[sample.name][1]}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
