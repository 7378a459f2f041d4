import { type Ancestor, maxAncestors } from '@countersign/proof';
import type { Context } from '../context.ts';
import { isAnyRevoked } from './revocation.ts';
import { isSessionAlive, type Session } from './session.ts';
import { presentSubjectState } from './subject.ts';

/**
 * What is derived dies with what it came from.
 *
 * 1. Whatever is made from a session, a token or a capability names it, and all that this came from: a token in the claim `ancestors`, a
 *    row in a column `ancestors`. So one walk over a short list tells, from whichever generation of descendants.
 * 2. Whoever takes something derived walks the list first: at every use, on every node. Those who verify offline hold it against
 *    the status feed, which remembers a revocation for as long as anything derived may live.
 * 3. By time nothing derived outlives what it came from: its `exp` is no later.
 *
 * The tree stands in docs/threat-model.md. What comes new to it names its ancestors, asks here, and gets a row there.
 */
export async function goneAmong(
  context: Context,
  realm: string,
  ancestors: readonly Ancestor[],
): Promise<string | undefined> {
  const revocable: string[] = [];
  for (const ancestor of ancestors) {
    if (ancestor.kind === 'token' || ancestor.kind === 'capability') revocable.push(ancestor.id);
    else if (!(await isThere(context, realm, ancestor))) return `the ${ancestor.kind} that it hangs on is gone`;
  }
  // One indexed read, not cached: what was revoked is refused on every node at once.
  const isRevoked = revocable.length > 0 && (await isAnyRevoked(context, realm, revocable));
  return isRevoked ? 'it was revoked, or what it was made from' : undefined;
}

async function isThere(context: Context, realm: string, ancestor: Ancestor): Promise<boolean> {
  if (ancestor.kind === 'session') return isSessionAlive(context, realm, ancestor.id);
  if (ancestor.kind !== 'subject') return false;
  const state = await presentSubjectState(context, realm, ancestor);
  return state?.live === true && state.generation === ancestor.generation;
}

/** What is made from a session hangs on it, and on the generation in which it was opened. */
export function ancestorsOfSession({ id, subject }: Session): readonly Ancestor[] {
  return [
    { kind: 'session', id },
    { kind: 'subject', id: subject.id, generation: subject.generation },
  ];
}

/** The claim of a new token; nothing where it was made from nothing. Ten links of a chain and eight exchanges stay within the bound. */
export function ancestorsClaim(ancestors: readonly Ancestor[]): { readonly ancestors?: readonly Ancestor[] } {
  const each = [...new Map(ancestors.map((ancestor) => [JSON.stringify(ancestor), ancestor])).values()];
  if (each.length > maxAncestors) throw new RangeError('made from too many things');
  return each.length === 0 ? {} : { ancestors: each };
}
