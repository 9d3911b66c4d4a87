// Questions to the worker. A worker that dies is started anew with the next question.
import type { Answer, Ask, Questions } from './protocol';

interface Waiting {
  done(value: unknown): void;
  fail(fault: Error): void;
}

let worker: Worker | undefined;
let count = 0;
const waiting = new Map<number, Waiting>();

function started(): Worker {
  if (worker) return worker;
  const fresh = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'imagecache' });
  fresh.onmessage = ({ data }: MessageEvent<Answer>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('fault' in data) asked?.fail(new Error(data.fault));
    else asked?.done(data.value);
  };
  fresh.onerror = ({ message }) => {
    fresh.terminate();
    worker = undefined;
    const fault = new Error(message || 'the worker did not start');
    for (const { fail } of waiting.values()) fail(fault);
    waiting.clear();
  };
  return (worker = fresh);
}

/** Asks the core. */
export function ask<Name extends keyof Questions>(name: Name, ...args: Parameters<Questions[Name]>): Promise<ReturnType<Questions[Name]>> {
  count += 1;
  const asked: Ask = { id: count, name, args };
  return new Promise((done, fail) => {
    waiting.set(asked.id, { done: done as (value: unknown) => void, fail });
    started().postMessage(asked);
  });
}
