import { canonicalDocument } from "../controller/policies/canonical-document.ts";
import { isPolicyKind, parsePolicy, POLICY_KINDS } from "../controller/policies/parse-policy.ts";
import { json } from "../router/core/approval/json-shape.ts";
import { formatProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { API_VERSION, kindOf } from "../router/core/document/document-kind.ts";
import { readYaml } from "../router/core/document/read-yaml.ts";
import type { Json } from "../router/core/json/json.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { readSource } from "./policy-file.ts";

/** Messages hold text that others chose; none of it is longer. */
const LONGEST_LINE = 8192;

/**
 * `sluice policy canonical FILE`: the bytes of a policy that is kept as a Kubernetes resource, for signing. 0: printed; 1: the
 * policy has problems; 2: wrong usage, or a file that cannot be read.
 */
export async function policyCanonical(argv: readonly string[], io: CliIo): Promise<number> {
  const [file, ...more] = argv;
  if (file === undefined || file.startsWith("-") || more.length > 0) {
    io.stderr("usage: sluice policy canonical FILE\n");
    return EXIT.usage;
  }
  const read = await readSource(io.cwd, file);
  const text = read.ok ? canonicalText(file, read.value.text) : fail(read.problem.map(formatProblem));
  if (text.ok) {
    io.stdout(text.value);
    return EXIT.yes;
  }
  for (const line of text.problem) io.stderr(`${safeText(line, LONGEST_LINE)}\n`);
  return read.ok ? EXIT.no : EXIT.usage;
}

function canonicalText(file: string, source: string): Result<string, readonly string[]> {
  const tree = readYaml(file, source);
  const kind = kindOf(tree);
  if (!isPolicyKind(kind)) return fail([`${file}: this is no policy: its kind is none of ${POLICY_KINDS.join(", ")}.`]);
  const written = parsePolicy(kind, file, source);
  if (!written.ok) return fail(written.problem.map(formatProblem));
  const value = json().read(tree.root, tree.report);
  const text = value === undefined ? undefined : textOf(kind, written.value.name, value);
  if (text === undefined) return fail([`${file}: there is no RFC 8785 form of what stands in it.`]);
  // YAML has scalars that JSON writes otherwise (.inf, 0x10): what the sidecar will read must be what was read here.
  const again = parsePolicy(kind, "its canonical form", text);
  return again.ok ? ok(text) : fail(again.problem.map(formatProblem));
}

function textOf(kind: string, name: string, document: Json): string | undefined {
  const isObject = typeof document === "object" && document !== null && !Array.isArray(document);
  const spec = isObject ? new Map(Object.entries(document)).get("spec") : undefined;
  return spec === undefined ? undefined : canonicalDocument({ apiVersion: API_VERSION, kind, name, spec });
}
