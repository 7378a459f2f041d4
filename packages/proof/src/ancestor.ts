import type { ProofCode } from './error.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { type Ancestor, isCount, isText, type Subject } from './subject.ts';

/**
 * The largest number of entries of the claim `ancestors`: enough for eight exchanges and for the ancestors of all
 * capabilities of a chain.
 */
export const maxAncestors = 32;

const members = { subject: 'generation,id,kind', token: 'id,kind', session: 'id,kind', capability: 'id,kind' } as const;

/**
 * The claim `ancestors`. An ancestor of an unknown kind is refused, not ignored: the token might be dead.
 *
 * @throws {ProofError} `code`, with the pointer `/ancestors`
 */
export function ancestorsOf(ancestors: JsonValue | undefined, code: ProofCode): readonly Ancestor[] {
  if (ancestors === undefined) return [];
  if (!Array.isArray(ancestors) || ancestors.length === 0 || ancestors.length > maxAncestors)
    throw new ProofError(code, '/ancestors');
  return ancestors.map((one) => {
    if (!isJsonObject(one) || !isAncestor(one)) throw new ProofError(code, '/ancestors');
    return one;
  });
}

function isAncestor(one: JsonObject): one is JsonObject & Ancestor {
  const { kind, id, generation } = one;
  if (typeof kind !== 'string' || !Object.hasOwn(members, kind) || !isText(id)) return false;
  if (kind === 'subject' && !isCount(generation)) return false;
  return Object.keys(one).sort().join() === members[kind as Ancestor['kind']];
}

/**
 * Lists everything that a token depends on: the end of any of them ends the token, and everything made from it.
 *
 * It checks nothing. The caller must compare the list with the status feed of the realm.
 *
 * @example
 * const { claims } = await verifyJwt(await issuer.accessToken(), { ...issuer.rules, typ: accessTokenTypes });
 * const [subject, token] = liveWhile(subjectFromAccessToken(claims));
 * subject; // → { kind: 'subject', id: 'subject-1', generation: 0 }
 * token; // → { kind: 'token', id: 'token-1' }
 */
export function liveWhile(subject: Subject): readonly Ancestor[] {
  const { id, generation, jti, actors, ancestors } = subject;
  return [
    { kind: 'subject', id, generation },
    // When a service is shut out, the tokens that it has passed on end too.
    ...actors.map((actor) => ({ kind: 'subject', id: actor.id, generation: actor.generation }) as const),
    ...(jti === undefined ? [] : [{ kind: 'token', id: jti } as const]),
    ...(subject.kind === 'credential' ? [{ kind: 'session', id: subject.sessionId } as const] : []),
    ...(subject.kind === 'wallet' ? subject.capabilities.map((one) => ({ kind: 'capability', id: one }) as const) : []),
    ...ancestors,
  ];
}
