import type { SourceNode } from "./source-tree.ts";

/** What one document of an answer (a frame's, or the whole) says of calls, in order. */
export type CallMark =
  /** A piece of the call `key`: the beginning of one, or what goes on. */
  | ({ readonly kind: "piece"; readonly key: string } & CallText)
  /** A piece of a call that is known, among those of `group`, by its place, or by its id where no call has a place. */
  | ({
      readonly kind: "listed";
      readonly group: string;
      readonly place: number | undefined;
      readonly id: string;
    } & CallText)
  /** A call that is here whole; with a key it may also have come in pieces. */
  | ({ readonly kind: "whole"; readonly key: string | undefined } & CallText)
  /** Once more a call that came before. */
  | ({ readonly kind: "echo" } & CallText)
  /** What goes on under `key` is run by the provider. */
  | { readonly kind: "hosted"; readonly key: string }
  /** The calls whose keys begin so are complete. `forgets`: their keys are used again. */
  | { readonly kind: "end"; readonly prefix: string; readonly forgets: boolean };

export interface CallText {
  /** Never empty; undefined: not said here. */
  readonly name: string | undefined;
  /** Arguments, or a piece of them, as written. */
  readonly text: string | undefined;
  /** `free`: no JSON (custom tools). `optional`: JSON, and none is an empty object. `unknown`: in a form that is not read. */
  readonly form: "json" | "optional" | "free" | "unknown";
}

/** Gathers the marks of one document, and which of its values have been read as calls. */
export class CallMarks {
  readonly marks: CallMark[] = [];
  readonly claimed = new Set<SourceNode>();
  /** It may hold a call that cannot be told from it for sure. */
  isUnreadable = false;

  put(mark: CallMark): void {
    this.marks.push(mark);
  }

  end(prefix: string, forgets = false): void {
    this.marks.push({ kind: "end", prefix, forgets });
  }

  claim(node: SourceNode): void {
    this.claimed.add(node);
  }

  fail(): void {
    this.isUnreadable = true;
  }
}
