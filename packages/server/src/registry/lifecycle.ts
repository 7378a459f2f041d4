import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import { type Writing, write } from '../store/write.ts';
import { lockRealm } from '../subject/realm.ts';
import { reinstateSubject, suspendSubject } from '../subject/subject.ts';
import { releaseBaseUrl } from './audience-owner.ts';
import { type ClientRow, findClientOfParticipant } from './client.store.ts';
import { offboardClient, touchClient } from './client.ts';
import { readKeys, retireAllKeys } from './keys/participant-key.ts';
import { isValidAt } from './keys/registered-key.ts';
import { type RemovedMappings, removeMappings } from './mapping/remove.ts';
import { lockNetwork } from './network-file/network.store.ts';
import { findParticipant, lockParticipant, type ParticipantRow } from './participant.store.ts';
import { changeParticipant, type ResourceMapping, type Status } from './participant.ts';

export type LifecycleStep = 'suspend' | 'reinstate' | 'offboard';

interface Row {
  readonly from: readonly Status[];
  readonly to: Status;
  readonly event: string;
  /** The other changes of the step, in the same transaction. */
  readonly act: (
    tx: Writing,
    participant: ParticipantRow,
    client: ClientRow | undefined,
  ) => Promise<RemovedMappings | undefined>;
  readonly change: Partial<ParticipantRow>;
}

/**
 * The life of a participant after its approval. Repeating a step changes nothing and writes no event. A step from a
 * status that is not listed is `registry.transition`. OFFBOARDED is final.
 */
const steps: Record<LifecycleStep, Row> = {
  suspend: { from: ['APPROVED'], to: 'SUSPENDED', event: 'participant.suspended', act: suspend, change: {} },
  reinstate: { from: ['SUSPENDED'], to: 'APPROVED', event: 'participant.reinstated', act: reinstate, change: {} },
  offboard: {
    from: ['APPLIED', 'UNDER_REVIEW', 'APPROVED', 'REJECTED', 'SUSPENDED'],
    to: 'OFFBOARDED',
    event: 'participant.offboarded',
    act: offboard,
    change: { resources: '[]' },
  },
};

/**
 * @throws {Problem} `participant.unknown`, `registry.transition`, `write.conflict` if another step came at the same
 * moment
 */
export async function stepParticipant(
  context: Context,
  realm: string,
  id: string,
  step: LifecycleStep,
  reason: string | undefined,
  caller: Caller,
): Promise<void> {
  const { from, to, event, act, change } = steps[step];
  await write(context, caller, async (tx) => {
    if (step === 'offboard') await lockMappings(tx, realm);
    await lockParticipant(tx.db, realm, id);
    const participant = await findParticipant(tx.db, realm, id);
    if (participant === undefined) throw new Problem('participant.unknown');
    if (participant.status === to) return;
    if (!from.includes(participant.status as Status)) {
      throw new Problem('registry.transition', { detail: `The participant is ${participant.status}.` });
    }
    const client = await findClientOfParticipant(tx.db, realm, id);
    const before = await lifecycleState(tx, participant, client);
    // First, because the version of this row decides between two steps at once.
    await changeParticipant(tx, participant, client?.id ?? null, { status: to, ...change });
    const removed = await act(tx, participant, client);
    const after = { status: to, ...(step === 'offboard' ? { resources: [], keys: [], clientEnded: true } : {}) };
    await tx.record({
      realm,
      type: event,
      object: `participant:${id}`,
      before,
      after: {
        ...after,
        ...(removed === undefined ? {} : { removed }),
        ...(reason === undefined ? {} : { reason }),
      },
    });
  });
}

/**
 * Refuses the client and ends its tokens. Keys, secrets and mappings stay, so that the participant can be reinstated.
 */
async function suspend(tx: Writing, _participant: ParticipantRow, client: ClientRow | undefined): Promise<undefined> {
  if (client === undefined) return;
  await touchClient(tx, client);
  await suspendSubject(tx, client.realm, client.subject_id);
}

/** Tokens from before the suspension stay dead, because the generation has moved on. */
async function reinstate(tx: Writing, _participant: ParticipantRow, client: ClientRow | undefined): Promise<undefined> {
  if (client === undefined) return;
  await touchClient(tx, client);
  await reinstateSubject(tx, client.realm, client.subject_id);
}

/**
 * Removes secrets, tokens and every mapping: its own, and those by which others name it. The client's id and old keys
 * stay as history, and the registry goes on to show the participant with its status.
 */
async function offboard(tx: Writing, participant: ParticipantRow, client: ClientRow | undefined) {
  const { realm, organisation_id: organisationId, base_url: baseUrl } = participant;
  if (baseUrl !== null) await releaseBaseUrl(tx, realm, organisationId, baseUrl);
  await retireAllKeys(tx, realm, participant.id);
  if (client !== undefined && client.ended_at === null) await offboardClient(tx, client);
  return removeMappings(tx, realm, participant.id);
}

/** A network file that is applied at the same moment must not name the leaver again. */
async function lockMappings(tx: Writing, realm: string): Promise<void> {
  await lockNetwork(tx.db, tx.now);
  await lockRealm(tx, realm);
}

/** For the event: everything that a step can change. */
async function lifecycleState(tx: Writing, participant: ParticipantRow, client: ClientRow | undefined) {
  const keys = await readKeys(tx, participant.realm, participant.id);
  return {
    status: participant.status,
    resources: JSON.parse(participant.resources) as readonly ResourceMapping[],
    keys: keys.filter((key) => isValidAt(key, tx.now)).map((key) => key.thumbprint),
    clientEnded: client === undefined || client.ended_at !== null,
  };
}
