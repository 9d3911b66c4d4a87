// Asks the npm package the corpus and compares with the core's answers. It runs wherever the package runs, so it reads
// no file: who calls it hands the questions in.

/** The answer of the package to a case, with the parts in the places where the corpus has them. */
function answer(core, { call, input }) {
  switch (call) {
    case 'validate': return core.validate(input.text ?? input.object);
    case 'reference': return core.parseReference(input.text);
    case 'expire': return { expiry: core.expiry(input.cache, input.now) };
    case 'match': return matched(core, input);
    case 'admit': return admitted(core, input);
    case 'explain': return core.explain(input.code);
    case 'crd': return core.crd();
    case 'plan': return core.plan(input.objects, input.facts, input.options);
    default: throw new Error(`the package has no ${call}`);
  }
}

function matched(core, { pod, caches, rules }) {
  const index = new core.CacheIndex();
  try {
    const diagnostics = index.insert(caches);
    const answer = index.explain(pod, rules);
    // The answer in short is another way through the index; it comes to the same.
    const { decision, winner, autoCreate } = index.match(pod, rules);
    same({ decision, winner, autoCreate }, { decision: answer.decision, winner: answer.winner, autoCreate: answer.autoCreate });
    return { answer, diagnostics };
  } finally {
    index.free();
  }
}

function admitted(core, { request, settings, caches }) {
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
  let response;
  try {
    ({ response } = core.review(review, settings, caches));
  } catch (fault) {
    // Faulty settings are refused before anything is checked.
    if (fault instanceof TypeError && fault.message.startsWith('settings: ')) return { error: fault.message };
    throw fault;
  }
  const { code = 200, reason = '', message = '', details } = response.status ?? {};
  return {
    allowed: response.allowed,
    code,
    reason,
    message,
    causes: (details?.causes ?? []).map(({ field, message }) => ({ field, message })),
    warnings: response.warnings ?? [],
    auditAnnotations: response.auditAnnotations ?? {},
    patch: response.patch ? JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(response.patch), (one) => one.charCodeAt(0)))) : [],
  };
}

/** Text in which members stand in one order, so that equal values are equal texts. */
function canonical(value) {
  return JSON.stringify(value, (_, value) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, value[name]]))
      : value);
}

function same(found, expected) {
  const [is, was] = [canonical(found), canonical(expected)];
  if (is !== was) throw new Error(`\n  core ${was}\n  host ${is}`);
}

/** Takes what a pointer points to out of a value; was it there? */
function remove(value, [name, ...rest]) {
  if (name === '*' && Array.isArray(value)) return value.map((item) => remove(item, rest)).includes(true);
  if (!value || typeof value !== 'object' || !(name in value)) return false;
  return rest.length > 0 ? remove(value[name], rest) : delete value[name];
}

/**
 * Asks a host of the core every case that its list (`data/engines/*.json`) does not pass over.
 *
 * @returns how many cases of each file agree, and every disagreement in words.
 */
export function judge(core, list, corpus) {
  const judged = {};
  const disagreements = [];
  for (const [file, cases] of Object.entries(corpus)) {
    if (!(file in list.judges)) {
      if (!(file in (list.neverAsked ?? {}))) disagreements.push(`${file} is neither judged nor never asked`);
      continue;
    }
    judged[file] = 0;
    const left = new Set();
    const pointers = Object.keys(list.leaves?.[file] ?? {});
    for (const one of cases) {
      if (one.case in (list.passesOver?.[file] ?? {})) continue;
      let expected = structuredClone(one.answer);
      const faults = /^the settings are invalid: (.*)$/s.exec(expected?.message)?.[1];
      if (faults) expected = { error: `settings: ${faults}` };
      else for (const pointer of pointers) if (remove(expected, pointer.slice(1).split('/'))) left.add(pointer);
      try {
        same(answer(core, one), expected);
        judged[file] += 1;
      } catch (fault) {
        disagreements.push(`${file} ${one.case}: ${fault.message ?? fault}`);
      }
    }
    for (const pointer of pointers) if (!left.has(pointer)) disagreements.push(`no answer of ${file} has ${pointer}, which is said to be left`);
    if (judged[file] < list.judges[file]) disagreements.push(`${judged[file]} cases of ${file} judged, ${list.judges[file]} are listed`);
  }
  return { judged, disagreements };
}
