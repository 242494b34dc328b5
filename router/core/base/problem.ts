/**
 * One thing wrong with a document. `line` and `column` count from 1; both are 0 where the problem is
 * with the document as a whole. `code` is stable and never reused; `message` is one sentence for people.
 */
export interface DocumentProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
}

/** `file:line:column: code: sentence`, the form that contract.md fixes. */
export function formatProblem(problem: DocumentProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.code}: ${problem.message}`;
}
