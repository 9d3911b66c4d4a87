// What is printed for cert-manager, by its schemas. They are not strict: a field that cert-manager does not know passes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import * as kinds from "@kubernetes-models/cert-manager/cert-manager.io/v1";

const command = ["webhook", "manifests", "--cert-manager", "--output", "json"];
const printed = JSON.parse(execFileSync(process.env.IMAGECACHE, command, { encoding: "utf8" }));
const validate = (object) => new kinds[object.kind](object).validate();

for (const kind of ["Issuer", "Certificate"]) {
  const object = printed.items.find((object) => object.kind === kind);

  test(`the ${kind} that is printed fits`, () => {
    assert.equal(object.apiVersion, "cert-manager.io/v1");
    validate(object);
  });
}

test("an Issuer of another type is refused", () => {
  assert.throws(() => validate({ kind: "Issuer", metadata: { name: "a" }, spec: { selfSigned: 1 } }), /selfSigned must be object/);
});

test("a Certificate without a Secret is refused", () => {
  assert.throws(() => validate({ kind: "Certificate", metadata: { name: "a" }, spec: { issuerRef: { name: "a" } } }), /secretName/);
});
