import { type Ancestor, maxAncestors } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { isSessionAlive, type Session } from '../session.ts';
import { presentSubjectState } from '../subject.ts';
import { isAnyRevoked } from './revocation.ts';

/**
 * A derived token or session dies with its ancestors.
 *
 * 1. A token, session or capability that is made from another one names that one and all of its ancestors: a token in
 *    the claim `ancestors`, a row in the column `ancestors`. So one walk over a short list is enough, whatever the
 *    depth.
 * 2. This list is walked at every use of a derived token, on every node. Offline verifiers compare it with the status
 *    feed, which remembers a revocation for as long as anything derived may live.
 * 3. No derived token outlives its ancestors: its `exp` is no later than theirs.
 *
 * docs/threat-model.md has the tree. A new kind of derived token names its ancestors, calls this function, and gets a
 * row there.
 */
export async function goneAmong(
  context: Context,
  realm: string,
  ancestors: readonly Ancestor[],
): Promise<string | undefined> {
  const revocable: string[] = [];
  for (const ancestor of ancestors) {
    if (ancestor.kind === 'token' || ancestor.kind === 'capability') revocable.push(ancestor.id);
    else if (!(await isThere(context, realm, ancestor))) return `the ${ancestor.kind} that it depends on is gone`;
  }
  // One indexed read, not cached, so that a revocation counts on every node at once.
  const isRevoked = revocable.length > 0 && (await isAnyRevoked(context, realm, revocable));
  return isRevoked ? 'it or an ancestor was revoked' : undefined;
}

async function isThere(context: Context, realm: string, ancestor: Ancestor): Promise<boolean> {
  if (ancestor.kind === 'session') return isSessionAlive(context, realm, ancestor.id);
  if (ancestor.kind !== 'subject') return false;
  const state = await presentSubjectState(context, realm, ancestor);
  return state?.live === true && state.generation === ancestor.generation;
}

/** The ancestors of everything made from a session: the session itself, and the generation in which it was opened. */
export function ancestorsOfSession({ id, subject }: Session): readonly Ancestor[] {
  return [
    { kind: 'session', id },
    { kind: 'subject', id: subject.id, generation: subject.generation },
  ];
}

/**
 * The claim of a new token; absent without ancestors. The bound has room for ten links of a chain and eight exchanges.
 */
export function ancestorsClaim(ancestors: readonly Ancestor[]): { readonly ancestors?: readonly Ancestor[] } {
  const each = [...new Map(ancestors.map((ancestor) => [JSON.stringify(ancestor), ancestor])).values()];
  if (each.length > maxAncestors) throw new RangeError('too many ancestors');
  return each.length === 0 ? {} : { ancestors: each };
}
