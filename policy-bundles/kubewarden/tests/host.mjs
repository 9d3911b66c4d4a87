// A waPC host in plain Node: `node host.mjs MODULE.wasm` reads steps, one JSON object a line, and answers each with
// one line. A step is {op, payload, caches}; every step gets an instance of its own, as Kubewarden's server does it.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const utf8 = new TextDecoder("utf-8", { fatal: true });

function call({ op, payload, caches }) {
  let memory, response = null, error = null, hostResponse = Buffer.alloc(0), hostError = Buffer.alloc(0);
  const asked = [];
  const bytes = (at, length) => new Uint8Array(memory.buffer, at >>> 0, length >>> 0);
  const text = (at, length) => utf8.decode(bytes(at, length));
  const put = (at, from) => bytes(at, from.length).set(from);
  const [opBytes, request] = [Buffer.from(op), Buffer.from(payload)];
  const wapc = {
    __guest_request: (opAt, at) => { put(opAt, opBytes); put(at, request); },
    __guest_response: (at, length) => { response = text(at, length); },
    __guest_error: (at, length) => { error = text(at, length); },
    __host_call: (bd, bdLength, ns, nsLength, hostOp, hostOpLength, at, length) => {
      asked.push([text(bd, bdLength), text(ns, nsLength), text(hostOp, hostOpLength), text(at, length)]);
      const list = caches?.ok ?? caches?.bytes;
      if (list !== undefined) { hostResponse = Buffer.from(list); return 1; }
      hostError = Buffer.from(caches?.error ?? caches?.refusal ?? "no call was expected");
      return 0;
    },
    __host_response: (at) => put(at, hostResponse),
    __host_response_len: () => hostResponse.length,
    __host_error: (at) => put(at, hostError),
    __host_error_len: () => hostError.length,
    __console_log: () => {},
  };
  const { exports } = new WebAssembly.Instance(module, { wapc });
  memory = exports.memory;
  exports.wapc_init();
  const ok = exports.__guest_call(opBytes.length, request.length) === 1;
  return { ok, answer: ok ? response : error, asked };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(call(JSON.parse(line))));
}
