import type { ParticipantState } from './participant-state.ts';

/** The scopes and audiences that a client may request. */
interface Grants {
  readonly scope: string;
  readonly audiences: readonly string[];
}

type Rights = Pick<ParticipantState, 'role' | 'resources'> & Grants;

/**
 * True if a right that tokens carry is taken away: a role, a resource or a role at a resource, a scope, an audience.
 * Added rights do not count, because older tokens do not have them.
 */
export function isNarrowed(before: Rights, after: Rights): boolean {
  const has = new Set(list(after));
  return list(before).some((right) => !has.has(right));
}

function list({ role, resources, scope, audiences }: Rights): readonly string[] {
  return [
    ['role', role],
    ...resources.flatMap(({ resource, roles }) => [
      ['resource', resource],
      ...roles.map((one) => ['role of a resource', resource, one]),
    ]),
    ...(scope === '' ? [] : scope.split(' ')).map((one) => ['scope', one]),
    ...audiences.map((one) => ['audience', one]),
  ].map((right) => JSON.stringify(right));
}
