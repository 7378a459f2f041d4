import type { Leavers } from './leaver.ts';

/**
 * Documents of OCEN name participants by their ids, or as objects with that `id`. Older documents may have members that
 * no schema knows. So every member counts as a name, except those that hold something else.
 */
const otherMembers: ReadonlySet<string> = new Set([
  ...['id', 'value', 'requirementName', 'requirementValue', 'operator', 'ipAddress', 'portNumber'],
  ...['name', 'description', 'productName', 'productDescription', 'productNetworkName', 'productNetworkDescription'],
  ...['participantRoleStatus', 'approvedBy', 'publicKey', 'createdOn', 'updatedOn', 'approvedOn'],
]);
/** Members whose objects have an id that is not a participant's. */
const otherObjects: ReadonlySet<string> = new Set(['productNetwork', 'product', 'creditProduct']);

/** The members of a document that say whose it is. */
const owners = ['participantRole', 'participantId'] as const;

const gone = Symbol('gone');

/** The document without those who have left. Undefined if it belongs to one of them. The same object if it names none. */
export function withoutLeavers<T extends object>(document: T, { ids }: Pick<Leavers, 'ids'>): T | undefined {
  const members = document as Readonly<Record<string, unknown>>;
  if (owners.some((member) => pruned(members[member], ids) === gone)) return undefined;
  return prunedMembers(members, ids) as T;
}

function pruned(value: unknown, ids: ReadonlySet<string>): unknown {
  if (typeof value === 'string' || typeof value === 'number') return ids.has(String(value)) ? gone : value;
  if (Array.isArray(value)) {
    const kept = value.map((one) => pruned(one, ids)).filter((one) => one !== gone);
    return kept.length === value.length && kept.every((one, index) => one === value[index]) ? value : kept;
  }
  if (typeof value !== 'object' || value === null) return value;
  const { id } = value as { readonly id?: unknown };
  return id !== undefined && pruned(id, ids) === gone ? gone : prunedMembers(value, ids);
}

function prunedMembers(value: object, ids: ReadonlySet<string>): object {
  const before = Object.entries(value);
  const after = before.flatMap(([member, held]) => {
    if (otherMembers.has(member)) return [[member, held] as const];
    const kept = otherObjects.has(member) && isObject(held) ? prunedMembers(held, ids) : pruned(held, ids);
    return kept === gone ? [] : [[member, kept] as const];
  });
  const isSame = after.length === before.length && after.every(([, kept], index) => kept === before[index]?.[1]);
  return isSame ? value : Object.fromEntries(after);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
