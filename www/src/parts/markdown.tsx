// The pages of the rules are Markdown of a plain sort: headings, paragraphs, lists, fenced code, and inside a line
// code, bold and links. Built as elements, so no text can become markup.
import type { ComponentChildren } from 'preact';

export function Markdown({ text, skipTitle = false }: { text: string; skipTitle?: boolean }) {
  const blocks = split(text);
  return <div class="prose">{blocks.map((block) => (skipTitle && block.startsWith('# ') ? null : <Block text={block} />))}</div>;
}

/** Blocks between empty lines; fenced code is one block. */
function split(text: string): string[] {
  const blocks: string[] = [];
  let block: string[] = [];
  let fenced = false;
  const end = (): void => {
    if (block.length > 0) blocks.push(block.join('\n'));
    block = [];
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) {
      if (!fenced) end();
      block.push(line);
      if (fenced) end();
      fenced = !fenced;
    } else if (line.trim() === '' && !fenced) end();
    else block.push(line);
  }
  end();
  return blocks;
}

function Block({ text }: { text: string }) {
  if (text.startsWith('```')) {
    return (
      <pre tabIndex={0}>
        <code>{text.split('\n').slice(1, -1).join('\n')}</code>
      </pre>
    );
  }
  const heading = /^#{1,6} /.exec(text)?.[0].length;
  if (heading) return heading === 2 ? <h2>{inline(text.slice(2))}</h2> : <h3>{inline(text.slice(heading))}</h3>;
  const items = text.split(/^[-*] /m).slice(1);
  if (/^[-*] /.test(text)) return <ul>{items.map((item) => <li>{inline(item)}</li>)}</ul>;
  if (text.startsWith('|')) {
    const rows = text.split('\n').filter((row) => !/^[|\s:-]+$/.test(row)).map((row) => row.split('|').slice(1, -1));
    return <div class="scroll" tabIndex={0}><table>{rows.map((row) => <tr>{row.map((cell) => <td>{inline(cell.trim())}</td>)}</tr>)}</table></div>;
  }
  return <p>{inline(text)}</p>;
}

/** A sentence in which back-ticks mark what was written by somebody. */
export function Inline({ text }: { text: string }) {
  return <>{quoted(text).map(({ code, words }) => (code ? <code class="quoted">{words}</code> : words))}</>;
}

/** The parts of a sentence, and which of them stand in back-ticks. */
export function quoted(text: string): { code: boolean; words: string }[] {
  return text.split('`').map((words, at, all) => ({ code: at % 2 === 1 && at < all.length - 1, words }));
}

function inline(text: string): ComponentChildren[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/).map((part) => {
    if (part.startsWith('`')) return <code>{part.slice(1, -1)}</code>;
    if (part.startsWith('**')) return <strong>{part.slice(2, -2)}</strong>;
    const link = /^\[([^\]]+)\]\((https:[^)]+)\)$/.exec(part);
    if (link) return <a href={link[2]!} rel="noreferrer" target="_blank">{link[1]}</a>;
    return /^\[([^\]]+)\]\(/.exec(part)?.[1] ?? part;
  });
}
