// Checks manifests against the schemas of Kubernetes and KEDA, which the packages hold compiled:
//   kubectl kustomize <folder> | node check-manifests.mjs
// Prints the documents as a JSON array. Where one is wrong, prints a line for each fault to stderr and ends with 1.
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

// The schemas allow properties that they do not name, and a misspelt one would pass. A compiled schema reads each property that it knows, and every entry of a map.
// So a property that it never read is one that it does not know.
function watch(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const watched = Array.isArray(value) ? [] : {};
  for (const [key, child] of Object.entries(value)) {
    const place = `${path}/${key}`;
    const inner = watch(child, place, unread);
    if (!Array.isArray(value)) unread.add(place);
    Object.defineProperty(watched, key, { enumerable: true, get: () => (unread.delete(place), inner) });
  }
  return watched;
}

async function modelOf({ apiVersion, kind }) {
  const group = apiVersion.startsWith("keda.sh/") ? `@kubernetes-models/keda/${apiVersion}` : `kubernetes-models/${apiVersion}`;
  return (await import(group).catch(() => ({})))[kind];
}

async function faultsOf(document) {
  if (typeof document?.apiVersion !== "string" || typeof document.kind !== "string") return ["it has no apiVersion or no kind"];
  const model = await modelOf(document);
  if (!model) return [`${document.apiVersion} has no kind ${document.kind}`];
  const [faults, unread] = [[], new Set()];
  try {
    model.prototype.validate.call(watch(document, "", unread));
  } catch (error) {
    faults.push(error.message);
  }
  // Below a property that is not known, nothing is.
  const roots = [...unread].filter((path) => ![...unread].some((other) => path.startsWith(`${other}/`)));
  return [...faults, ...roots.map((path) => `${path} is no property that the schema knows`)];
}

const documents = parseAllDocuments(readFileSync(0, "utf8"));
let count = documents.length === 0 ? 1 : 0;
for (const document of documents) {
  const value = document.toJS();
  const faults = document.errors.length > 0 ? document.errors.map((error) => error.message) : await faultsOf(value);
  for (const fault of faults) console.error(`${value?.kind} ${value?.metadata?.name}: ${fault}`);
  count += faults.length;
}
console.log(JSON.stringify(documents.map((document) => document.toJS())));
process.exitCode = count > 0 ? 1 : 0;
