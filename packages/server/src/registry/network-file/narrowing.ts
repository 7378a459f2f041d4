import type { ParticipantState } from './participant-state.ts';

/** What a client may ask for. */
interface Grants {
  readonly scope: string;
  readonly audiences: readonly string[];
}

type Rights = Pick<ParticipantState, 'role' | 'resources'> & Grants;

/**
 * Whether something is taken away that tokens carry: a role, a resource or a role there, a scope, an audience. What is added does not
 * count: tokens from before do not have it.
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
