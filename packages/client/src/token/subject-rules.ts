import type { Subject } from '@countersign/proof';
import { amount, type Checks, leftOut, listOf, names, oneOf, options, wrong } from '@countersign/proof/argument';
import { problem } from '../message/message-problem.ts';
import type { SubjectKind } from './subject-verifier.ts';
import './caller-refusal.ts';

/** The rules of one route for its callers, beyond the rules of the service. */
export interface SubjectRules {
  /** The kinds of subjects that the route accepts: some of those that the service accepts. */
  readonly accept?: readonly SubjectKind[];
  /**
   * The scopes that the token must have: all of them. A list, or one string with spaces between them as in OAuth. Without them the
   * answer is 403 with `insufficient_scope`, and names them.
   */
  readonly scope?: string | readonly string[];
  /** The roles of the realm (`subject.roles`) of which the subject must have one. Without one the answer is 403. */
  readonly role?: string | readonly string[];
  /** The least strength of the login: `aal2` is two factors. Only credentials log in. */
  readonly acr?: Acr;
  /** The greatest age of the login, in seconds. */
  readonly recentLoginSeconds?: number;
}

/** The strength of a login: `aal1` is one factor, `aal2` two. */
export type Acr = (typeof levels)[number];

/** From weak to strong. An unknown level counts as weaker than all of them. */
const levels = ['aal1', 'aal2'] as const;

const kindCheck = oneOf('participant', 'client', 'credential', 'wallet');

/** RFC 6749 §3.3: the characters of a scope. A challenge quotes them, so nothing else may be among them. */
const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

function scopes(value: unknown, name: string): readonly string[] {
  const list = [names(value, name)].flat().flatMap((one) => one.split(' '));
  if (!list.every((one) => scopeToken.test(one))) throw wrong(name, 'scopes of RFC 6749, one space between two');
  return list;
}

/** A rule of undefined is refused: a missing setting must not let every caller in. */
export const ruleChecks: Checks<SubjectRules> = {
  accept: leftOut(listOf(kindCheck)),
  scope: leftOut(scopes),
  role: leftOut(names),
  acr: leftOut(oneOf(...levels)),
  recentLoginSeconds: leftOut(amount),
};

/** @throws {TypeError} naming the rule that is of another type, or that does not exist */
export function checkedRules(rules: SubjectRules): SubjectRules {
  return options(rules, 'rules', ruleChecks);
}

/**
 * @throws {MessageProblem} `token.kind`, `token.insufficient_scope`, `token.insufficient_role`, `login.weak`, `login.old`; all but the
 *   first with the challenge of RFC 6750 §3.1 or RFC 9470 §3
 */
export function requireRules(subject: Subject, rules: SubjectRules, now: number, clockTolerance: number): void {
  const { accept, scope = [], role, acr, recentLoginSeconds } = rules;
  if (accept !== undefined && !accept.includes(subject.kind)) throw problem('token.kind');
  const wanted = [scope].flat();
  if (!wanted.every((one) => subject.scopes.includes(one))) {
    throw problem('token.insufficient_scope', { challenge: { scope: wanted.join(' ') } });
  }
  if (role !== undefined && ![role].flat().some((one) => subject.roles.includes(one))) {
    throw problem('token.insufficient_role', { challenge: {} });
  }
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

/** A login in the future does not count. */
function isRecent(subject: Subject, seconds: number, now: number): boolean {
  return subject.kind === 'credential' && Math.abs(now / 1000 - subject.authTime) <= seconds;
}
