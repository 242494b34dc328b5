import type { DocumentNode } from "./document-node.ts";
import { plainTypeOf } from "./plain-type.ts";
import { quoted } from "./quoted.ts";
import type { Report } from "./report.ts";
import { nameOf, type Shape } from "./shape.ts";

export interface TextOptions {
  /** Of the problem where the text is not of this form. */
  readonly code?: string;
  /** The whole text must match; without flags, so that JSON Schema can carry it. */
  readonly pattern?: RegExp;
  /** One sentence that says what the pattern asks for. */
  readonly hint?: string;
  /** In UTF-16 code units. */
  readonly maximum?: number;
}

const MAXIMUM = 1024;

/** One line of text, never empty. */
export function text(options: TextOptions = {}): Shape<string> {
  const { code = "bad_text", pattern, hint = "", maximum = MAXIMUM } = options;
  return {
    schema: {
      type: "string",
      minLength: 1,
      maxLength: maximum,
      ...(pattern === undefined ? {} : { pattern: pattern.source }),
    },
    read(node, report) {
      const value = textOf(node, report);
      if (value === undefined) return undefined;
      if (value === "") {
        report.add(node, "empty_text", "The text is empty.");
      } else if (value.length > maximum) {
        report.add(node, "too_long", `The text has ${value.length} characters; at most ${maximum} are allowed.`);
      } else if (unprintable.test(value)) {
        report.add(node, "control_character", `The text ${quoted(value)} holds a control or invisible character.`);
      } else if (pattern !== undefined && !pattern.test(value)) {
        report.add(node, code, `${quoted(value)} is not accepted: ${hint}`);
      } else {
        return value;
      }
      return undefined;
    },
    setting: quotedNode,
  };
}

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** The text that a node is; what YAML reads as a number, a boolean or nothing is none. */
export function textOf(node: DocumentNode, report: Report): string | undefined {
  if (node.kind === "scalar" && (!node.plain || plainTypeOf(node.text) === "text")) return node.text;
  if (node.kind !== "broken") {
    const advice = node.kind === "scalar" && node.text !== "" ? ": put it in quotes" : "";
    report.add(node, "wrong_type", `A text is needed here, and this is ${nameOf(node)}${advice}.`);
  }
  return undefined;
}

/** A setting's text as it stands: `true` is the text "true". */
export function quotedNode(value: string, origin: string): DocumentNode {
  return { kind: "scalar", at: 0, text: value, plain: false, origin };
}

/** A setting's text as if it stood in a document without quotes: `true` is a boolean. */
export function plainNode(value: string, origin: string): DocumentNode {
  return { kind: "scalar", at: 0, text: value, plain: true, origin };
}
