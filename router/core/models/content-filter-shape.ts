import { choice } from "../document/choice-shape.ts";
import { optional } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import type { ContentCategory, Severity } from "./inference-policy.ts";

const severity = choice("low", "medium", "high");
const from = (what: string) => optional(severity, `From which severity on ${what} is blocked.`);
const whenever = (what: string) => optional(severity, `Any severity: ${what} is blocked whenever it is detected.`);

const categories = {
  hate: from("hate"),
  sexual: from("sexual content"),
  violence: from("violence"),
  self_harm: from("self-harm"),
  jailbreak: whenever("a jailbreak"),
  indirect_attack: whenever("an attack from a document"),
  profanity: whenever("profanity"),
  protected_material_text: whenever("protected text"),
  protected_material_code: whenever("protected code"),
  custom_blocklists: whenever("what is on a blocklist of the provider's"),
} satisfies Record<ContentCategory, unknown>;

/** Floors by category; a category that nobody knows would never block, so it is a problem. */
export const contentFilter: Shape<ReadonlyMap<string, Severity>> = refined(
  object(categories),
  (floors) =>
    new Map(Object.entries(floors).flatMap(([name, floor]) => (floor === undefined ? [] : [[name, floor] as const]))),
);
