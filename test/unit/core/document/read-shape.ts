import { readYaml } from "../../../../router/core/document/read-yaml.ts";
import type { Shape } from "../../../../router/core/document/shape.ts";

/** What a shape makes of a YAML text: its value, or its problems as `line:column code`. */
export function readShape<Value>(shape: Shape<Value>, text: string): Value | readonly string[] | undefined {
  const { root, report } = readYaml("f", text);
  const value = shape.read(root, report);
  if (report.clean) return value;
  return report.problems().map(({ line, column, code }) => `${line}:${column} ${code}`);
}

/** The sentence of the first problem. */
export function sentence(shape: Shape<unknown>, text: string): string | undefined {
  const { root, report } = readYaml("f", text);
  shape.read(root, report);
  return report.problems()[0]?.message;
}
