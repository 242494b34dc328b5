/** A tool that a request declares and the caller runs (a function; hosted tools are the InferencePolicy's matter). */
export interface DeclaredTool {
  readonly name: string;
  /** Where it stands in the body, octets from and to, so that it can be taken out. */
  readonly from: number;
  readonly to: number;
}

/** A call of a tool that a model asks for in its answer. */
export interface ModelToolCall {
  readonly name: string;
  /** As written, JSON text in most APIs; undefined: cut off or too long to be judged. */
  readonly arguments: string | undefined;
}
