// Validates a JSON array of objects on standard input by the schemas of cert-manager and of the Prometheus operator, and
// prints one line for each that does not fit.
import { readFileSync } from "node:fs";

const groups = {
  "cert-manager.io/v1": await import("@kubernetes-models/cert-manager/cert-manager.io/v1"),
  "monitoring.coreos.com/v1": await import("@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"),
};

for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    new groups[object.apiVersion][object.kind](object).validate();
  } catch (error) {
    console.log(`${object.kind} ${object.metadata?.name}: ${error.message}`);
  }
}
