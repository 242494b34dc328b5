/** A gateway under test, ready. */
export interface Gateway {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  /** Header lines that its requests carry. */
  readonly headers: readonly string[];
  /** From its start. */
  readonly readyMillis: number;
  stop(): Promise<void>;
}
