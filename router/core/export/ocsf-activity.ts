import type { AuditValue } from "../audit/audit-event.ts";

/** What one of the two classes says of a record, beside what both say. */
export interface OcsfActivity {
  readonly classId: 4001 | 6003;
  readonly className: string;
  readonly categoryId: 4 | 6;
  readonly categoryName: string;
  readonly activityId: number;
  readonly activityName: string;
  /** The profiles by which the attributes below are there, beside `security_control`. */
  readonly profiles: readonly string[];
  readonly succeeded: boolean;
  readonly statusDetail: string | undefined;
  /** Whether a control allowed, denied or merely saw it; false for what is nobody's attempt. */
  readonly judged: boolean;
  readonly attributes: { readonly [name: string]: AuditValue };
}
