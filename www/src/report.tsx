// The report on paper: everything at once, nothing folded away.
import type { Explanation } from 'imagecache';
import { Inline } from './parts/markdown';
import { checked, survey, version } from './state/analysis';
import { files } from './state/files';
import { now } from './state/now';
import { bySoonest, sentence } from './views/expiry';
import { Explained } from './views/match';
import { formatTime, words } from './words';

export function Report() {
  const t = words.value;
  const { pods = [], caches = [], diagnostics: together = [] } = survey.value ?? {};
  const documents = files.value.map(({ id, name }) => ({ name, objects: checked.value.get(id)?.objects.length ?? 0, found: checked.value.get(id)?.diagnostics ?? [] }));
  if (together.length > 0) documents.push({ name: t.together, objects: 0, found: together });
  return (
    <article class="report">
      <h1>{t.reportTitle}</h1>
      <p class="quiet">
        imagecache {version.value} · {formatTime(now.value)}
      </p>
      <h2>{t.views.findings}</h2>
      {documents.map(({ name, objects, found }) => {
        return (
          <section>
            <h3>{name}</h3>
            {found.length === 0 && <p>{t.nothingFound(objects)}</p>}
            <table>
              <tbody>
                {found.map(({ severity, code, line, column, path, message, help }) => (
                  <tr>
                    <td class="number">{line !== null && `${line}:${column}`}</td>
                    <td>{t.severity[severity]}</td>
                    <td>{code}</td>
                    <td lang="en">{path && <code>{path}</code>} <Inline text={message} /> {t.rules[code] && <span class="help" lang="zh-Hans">{t.rules[code]}</span>} {help && <span class="help"><Inline text={help} /></span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        );
      })}
      {pods.length > 0 && <h2>{t.views.match}</h2>}
      {pods.map((pod) => (
        <section class="pod-body">
          <h3>
            {t.decision[pod.answer.decision]}: {pod.answer.decision === 'Unreadable' ? pod.name : (pod.answer as Explanation).pod}
          </h3>
          {pod.answer.decision !== 'Unreadable' && <Explained pod={pod} answer={pod.answer as Explanation} />}
        </section>
      ))}
      {caches.length > 0 && <h2>{t.views.expiry}</h2>}
      <table>
        <tbody>
          {[...caches].sort(bySoonest).map((cache) => (
            <tr>
              <th scope="row">{cache.name || cache.id}</th>
              <td>{sentence(cache)}</td>
              <td>{t.reason[cache.expiry.reason]}</td>
              <td>{cache.expiry.at && formatTime(cache.expiry.at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </article>
  );
}
