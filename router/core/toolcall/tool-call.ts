/** A tool that a request declares and the caller runs (a function; hosted tools are the InferencePolicy's matter). */
export interface DeclaredTool {
  /** 1 to 256 UTF-16 units, well-formed. Of a tool in a namespace its own name, without the namespace's. */
  readonly name: string;
  /** Where it stands in the body, octets from and to, so that it can be taken out. */
  readonly from: number;
  readonly to: number;
}

/** A call of a tool that a model asks for in its answer. */
export interface ModelToolCall {
  readonly name: string;
  /**
   * Strict JSON text: an object's as it stands in the answer, a custom tool's free text as a JSON string. Undefined: it is
   * not strict JSON, or cut off, so that nothing is known of it.
   */
  readonly arguments: string | undefined;
}
