/** One condition on an argument of a system call. The kernel compares all 64 bits of the register. */
export interface ArgumentTest {
  readonly index: number;
  /** What it is compared with; for SCMP_CMP_MASKED_EQ the mask. */
  readonly value: number;
  /** For SCMP_CMP_MASKED_EQ: what must be left under the mask. */
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ";
}

/** All of `args` must hold. One index stands at most once in a rule: runtimes read two of one index as "either". */
export interface SyscallRule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly ArgumentTest[];
}

/**
 * A profile in the form that the OCI runtime specification (config-linux.md, "Seccomp") and Docker's profiles share: what
 * `localhostProfile` names. containerd reads it as the former, CRI-O as the latter, so `archMap`, `includes`, `excludes` and
 * `comment` never appear: containerd would pass over them, and a rule with its condition passed over is another rule.
 */
export interface SeccompProfile {
  readonly defaultAction: "SCMP_ACT_ERRNO";
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SyscallRule[];
}

/** System calls that are allowed whatever their arguments are, and what for. */
export interface AllowedGroup {
  readonly id: string;
  readonly reason: string;
  readonly names: readonly string[];
}

/** System calls that are allowed with some arguments, or refused with an errno of their own, and why. */
export interface RuledGroup {
  readonly id: string;
  readonly reason: string;
  readonly rules: readonly SyscallRule[];
}
