import type { Subject } from '@countersign/proof';
import { amount, type Checks, leftOut, listOf, oneOf, options } from '@countersign/proof/argument';
import { problem } from './message-problem.ts';
import type { SubjectKind } from './subject-verifier.ts';

/** What one route asks of whoever calls it, beyond being let in. */
export interface SubjectRules {
  /** Fewer kinds than the service lets in. */
  readonly accept?: readonly SubjectKind[];
  /** At least this strong a login: `aal2` is two factors. Only a credential has logged in. */
  readonly acr?: Acr;
  /** At most this long ago. */
  readonly recentLoginSeconds?: number;
}

export type Acr = (typeof levels)[number];

/** From weak to strong. What the issuer calls otherwise is weaker than all. */
const levels = ['aal1', 'aal2'] as const;

const kindCheck = oneOf('participant', 'client', 'credential', 'wallet');

/** A rule that is there and undefined is refused: a setting that is missing must not let everybody in. */
export const ruleChecks: Checks<SubjectRules> = {
  accept: leftOut(listOf(kindCheck)),
  acr: leftOut(oneOf(...levels)),
  recentLoginSeconds: leftOut(amount),
};

/** @throws {TypeError} naming the rule that is of another type, or that does not exist */
export function checkedRules(rules: SubjectRules): SubjectRules {
  return options(rules, 'rules', ruleChecks);
}

/** @throws {MessageProblem} `token.kind`, `login.weak`, `login.old`; the latter two with the challenge of RFC 9470 §3 */
export function requireRules(subject: Subject, rules: SubjectRules, now: number, clockTolerance: number): void {
  const { accept, acr, recentLoginSeconds } = rules;
  if (accept !== undefined && !accept.includes(subject.kind)) throw problem('token.kind');
  if (acr !== undefined && strengthOf(subject) < levels.indexOf(acr)) {
    throw problem('login.weak', { challenge: { acr_values: acr } });
  }
  if (recentLoginSeconds !== undefined && !isRecent(subject, recentLoginSeconds + clockTolerance, now)) {
    throw problem('login.old', { challenge: { max_age: String(recentLoginSeconds) } });
  }
}

function strengthOf(subject: Subject): number {
  return subject.kind === 'credential' ? levels.findIndex((level) => level === subject.acr) : -1;
}

/** A login that is yet to come is none. */
function isRecent(subject: Subject, seconds: number, now: number): boolean {
  return subject.kind === 'credential' && Math.abs(now / 1000 - subject.authTime) <= seconds;
}
