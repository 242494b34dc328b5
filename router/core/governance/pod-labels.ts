import { fail, ok, type Result } from "../base/result.ts";

/** Labels of one pod; Kubernetes allows far fewer octets. */
const MOST = 1_024;
/** Values of labels are letters, digits and ._- only, so that nothing in them is ever escaped. */
const LINE = /^([A-Za-z0-9._/-]{1,317})="([A-Za-z0-9._-]{0,63})"$/;

/**
 * The labels of a pod as the downward API writes them into a file: a line each, `name="value"`, the value quoted as Go
 * does it. A name twice or any other line makes the whole a problem: a label that is misread allows.
 */
export function parsePodLabels(text: string): Result<ReadonlyMap<string, string>, string> {
  const labels = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, name, value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return fail('A line is not of the form name="value".');
    if (labels.has(name) || labels.size === MOST) return fail("A label is there twice, or there are too many.");
    labels.set(name, value);
  }
  return ok(labels);
}
