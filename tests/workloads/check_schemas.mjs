// Checks the table of workloads against the schemas that npm packages carry.
//
//   node check_schemas.mjs TABLE
//
// TABLE is the table `WORKLOADS` of src/resource/workload as JSON: an array of rows, fields in camelCase. The packages of
// package-lock.json must be installed in this folder. schemas.json says which type of which package describes which kind,
// and in `except` where a package differs from the schema that the project publishes. The packages carry TypeScript types
// made from the published schemas, so each way is followed through the types. Exits with 1 if a way does not resolve, or
// if a row names a package that was not checked. Prints `# pass` and `# fail`, which the test command counts.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const folder = dirname(fileURLToPath(import.meta.url));
const [tableFile] = process.argv.slice(2);
if (!tableFile) {
  console.error("usage: node check_schemas.mjs TABLE");
  process.exit(2);
}
const table = JSON.parse(readFileSync(tableFile, "utf8"));
const schemas = JSON.parse(readFileSync(join(folder, "schemas.json"), "utf8"));

const fileOf = (schema) => join(folder, "node_modules", schema.package, schema.file);
const program = ts.createProgram(schemas.map(fileOf), {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  types: [],
});
const checker = program.getTypeChecker();

/** Returns the type that describes objects of a kind. */
function typeOf(schema) {
  const file = program.getSourceFile(fileOf(schema));
  const symbol = file && checker.getSymbolAtLocation(file);
  const type = symbol && checker.getExportsOfModule(symbol).find((one) => one.name === schema.type);
  if (!type) throw new Error(`${schema.package}/${schema.file}: no type ${schema.type}`);
  return checker.getDeclaredTypeOfSymbol(type);
}

/** Returns whether the type allows any content: `unknown`, `any`, `{}`. */
function isOpen(type) {
  const any = ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive;
  if (type.flags & any) return true;
  const isEmptyObject = type.flags & ts.TypeFlags.Object && type.getProperties().length === 0;
  return Boolean(isEmptyObject && checker.getIndexInfosOfType(type).length === 0);
}

/** Follows a way through a type; returns `undefined` when it resolves, else the step that does not. */
function firstMissing(type, way) {
  for (const step of way.split(".").filter(Boolean)) {
    type = checker.getNonNullableType(type);
    if (isOpen(type)) return undefined;
    const condition = /^\{(\w+)=/.exec(step);
    if (step === "*" || condition) {
      const index =
        checker.getIndexInfoOfType(type, ts.IndexKind.Number) ?? checker.getIndexInfoOfType(type, ts.IndexKind.String);
      if (!index) return step;
      type = index.type;
      if (condition && !isOpen(type) && !checker.getPropertyOfType(type, condition[1])) return step;
    } else {
      const property = checker.getPropertyOfType(type, step);
      if (!property) {
        const index = checker.getIndexInfoOfType(type, ts.IndexKind.String);
        if (!index || checker.getIndexInfoOfType(type, ts.IndexKind.Number) !== index) return step;
        type = index.type;
        continue;
      }
      type = checker.getTypeOfSymbol(property);
    }
  }
  return undefined;
}

/** Returns every way of a row, once. */
function waysOf(row) {
  const ways = row.templates.flatMap((template) => [
    template.at,
    template.namedBy,
    template.replicas,
    ...template.podSpecs,
    ...template.images.flat(),
    ...template.annotations,
  ]);
  const references = row.references.flatMap((one) => [one.at, ...one.annotations]);
  return new Set([...ways, ...row.withoutEffect, ...references].filter((way) => way !== null));
}

let checked = 0;
const failures = [];
for (const row of table.filter((row) => row.source.npm)) {
  const name = `${row.kind}.${row.group}`;
  const of = (schema) => schema.group === row.group && schema.kind === row.kind;
  const found = schemas.filter((schema) => of(schema) && row.versions.includes(schema.version));
  if (found.length === 0) failures.push(`${name}: schemas.json has no version of it`);
  for (const schema of found) {
    if (schema.package !== row.source.npm) failures.push(`${name}: not read from ${row.source.npm}`);
    const { version } = JSON.parse(readFileSync(join(folder, "node_modules", schema.package, "package.json"), "utf8"));
    if (version !== schema.packageVersion) failures.push(`${schema.package}: ${version} is installed`);
  }
  for (const way of found.length ? waysOf(row) : []) {
    const missing = found.map((schema) => firstMissing(typeOf(schema), way));
    checked += 1;
    const resolves = missing.includes(undefined);
    const excepted = found.some((schema) => schema.except?.some((one) => way.startsWith(one.way)));
    if (!resolves && !excepted) failures.push(`${name}: ${way}: no \`${missing[0]}\``);
    if (resolves && excepted) failures.push(`${name}: ${way}: resolves, the exception is not needed`);
  }
}
for (const schema of schemas) {
  if (!table.some((row) => row.group === schema.group && row.kind === schema.kind)) {
    failures.push(`${schema.kind}.${schema.group}: not in the table`);
  }
}
for (const failure of failures) console.error(failure);
console.log(`${checked} ways checked\n# pass ${checked - failures.length}\n# fail ${failures.length}`);
process.exit(failures.length || checked === 0 ? 1 : 0);
