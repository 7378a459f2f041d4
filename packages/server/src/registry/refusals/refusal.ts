import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url, ProofError } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { anonymous } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { timeOrderedId } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import type { Source } from '../../kernel/source.ts';
import type { RefusalTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import { findParticipant } from '../participant.store.ts';
import {
  addRefusals,
  deleteRefusalsBefore,
  findExisting,
  findParticipantsOf,
  listRefusals,
  trimRefusals,
} from './refusal.store.ts';

/**
 * What was refused to a participant, for the participant itself and for administrators: the outside gets one answer for
 * many reasons, and only the owner may know which it was.
 *
 * 1. A refusal is noted in memory, without a look at the database: the answer must take as long for an unknown client.
 * 2. Once a second the notes are written, together. Those for unknown clients are dropped then.
 * 3. Proved refusals are kept one by one, the newest 200. Unproved ones are added up by request, reason and source: at
 *    most 200 rows, and what comes when these are full is added up by reason alone. So a flood displaces nothing.
 *
 * A reason is one of our fixed texts, never a text of the caller.
 */
export interface Refusal {
  readonly realm: string;
  /** The client that was named, or the participant. */
  readonly named: { readonly clientId: string } | { readonly participantId: string };
  /** True if the secret matched, or a registered key made the signature. */
  readonly proved: boolean;
  readonly request: 'token' | 'own request';
  readonly reason: string;
  readonly source: Source;
  /** Of the answer: the caller has it too. */
  readonly requestId: string;
}

interface Noted extends Refusal {
  readonly count: number;
  readonly at: number;
}

const kept = 200;
/** Of the unproved rows, so many are left for the sums by reason alone. */
const reserved = 20;
const days = 7 * 86_400_000;
/** Notes of a process between two writings. Further unproved ones are forgotten; of the proved ones, the oldest. */
const bound = 5_000;

interface Notes {
  readonly proved: Noted[];
  readonly unproved: Map<string, Noted>;
}

const memory = processMemory((_: Context): Notes => ({ proved: [], unproved: new Map() }));

export function noteRefusal(context: Context, refusal: Refusal): void {
  const notes = memory(context);
  const at = context.clock.now();
  if (refusal.proved) {
    notes.proved.push({ ...refusal, count: 1, at });
    if (notes.proved.length > bound) notes.proved.shift();
    return;
  }
  const key = keyOf(refusal);
  const known = notes.unproved.get(key);
  if (known === undefined && notes.unproved.size >= bound) return;
  notes.unproved.set(key, { ...refusal, count: (known?.count ?? 0) + 1, at });
}

/** The reason of a refusal, from the part of it that is for the log only. */
export function reasonOf(thrown: Problem): string {
  const { cause } = thrown;
  if (cause instanceof ProofError) return cause.code;
  return typeof cause === 'string' ? cause : thrown.code;
}

/** Writes what was noted since the last call. */
export async function keepRefusals(context: Context): Promise<void> {
  const notes = memory(context);
  const all = [...notes.proved.splice(0), ...notes.unproved.values()];
  notes.unproved.clear();
  for (const [realm, some] of Map.groupBy(all, (note) => note.realm)) {
    const byParticipant = await assigned(context, realm, some);
    for (const [participantId, own] of byParticipant) {
      await write(context, anonymous, (tx) => keep(context, tx, { realm, participantId, notes: own }));
    }
  }
}

async function assigned(context: Context, realm: string, notes: readonly Noted[]) {
  const { db } = context.store;
  const clientIds = [...new Set(notes.flatMap(({ named }) => ('clientId' in named ? [named.clientId] : [])))];
  const ids = [...new Set(notes.flatMap(({ named }) => ('participantId' in named ? [named.participantId] : [])))];
  const ofClients = new Map(
    (await findParticipantsOf(db, realm, clientIds)).map((row) => [row.id, row.participant_id]),
  );
  const existing = await findExisting(db, realm, ids);
  const known = notes.flatMap((note) => {
    const { named } = note;
    const id = 'clientId' in named ? ofClients.get(named.clientId) : named.participantId;
    return typeof id === 'string' && ('clientId' in named || existing.has(id)) ? [{ id, note }] : [];
  });
  const grouped = Map.groupBy(known, ({ id }) => id);
  return new Map([...grouped].map(([id, own]) => [id, own.map(({ note }) => note)]));
}

interface Own {
  readonly realm: string;
  readonly participantId: string;
  readonly notes: readonly Noted[];
}

async function keep(context: Context, tx: Writing, { realm, participantId, notes }: Own): Promise<void> {
  const rowOf = (note: Noted, id: string, source: string): RefusalTable => ({
    realm,
    participant_id: participantId,
    id,
    proved: note.proved ? 1 : 0,
    request: note.request,
    reason: note.reason,
    source,
    count: note.count,
    first_at: note.at,
    last_at: note.at,
    request_id: note.requestId,
  });
  const proved = notes.filter((note) => note.proved).slice(-kept);
  await addRefusals(
    tx.db,
    proved.map((note) => rowOf(note, timeOrderedId(note.at, context.random), note.source.address)),
  );
  if (proved.length > 0) await trimRefusals(tx.db, realm, participantId, 1, kept);
  const known = new Set((await listRefusals(tx.db, realm, participantId, 0, kept)).map(({ id }) => id));
  for (const note of notes.filter((one) => !one.proved)) {
    const own = sumId(note, note.source.network);
    const hasRoom = known.has(own) || known.size < kept - reserved;
    const [id, source] = hasRoom ? [own, note.source.network] : [sumId(note, ''), '(others)'];
    known.add(id);
    await addRefusals(tx.db, [rowOf(note, id, source)]);
  }
}

function sumId({ request, reason }: Noted, source: string): string {
  const digest = cryptoPort.sha256(new TextEncoder().encode(JSON.stringify([request, reason, source])));
  return `sum.${encodeBase64url(digest)}`;
}

function keyOf({ realm, named, request, reason, source }: Refusal): string {
  return JSON.stringify([realm, named, request, reason, source.network]);
}

const entry = z.object({
  request: z.string(),
  reason: z.string(),
  source: z.string(),
  /** The `x-request-id` of the refused answer; of the newest one of a sum. */
  requestId: z.string().nullable(),
});
export const refusalsSchema = z.object({
  /** The caller had proved to be the participant. Newest first. */
  proved: z.array(entry.extend({ at: z.string() })),
  /** Anyone may have caused these. */
  unproved: z.array(entry.extend({ count: z.int(), firstAt: z.string(), lastAt: z.string() })),
});

/** The refusals of the last seven days. @throws {Problem} `participant.unknown` */
export async function refusalsOf(
  context: Context,
  realm: string,
  participantId: string,
): Promise<z.output<typeof refusalsSchema>> {
  const { db } = context.store;
  if ((await findParticipant(db, realm, participantId)) === undefined) throw new Problem('participant.unknown');
  await keepRefusals(context);
  const since = context.clock.now() - days;
  const read = async (proved: 0 | 1) =>
    (await listRefusals(db, realm, participantId, proved, kept)).filter((row) => row.last_at >= since);
  const said = (row: RefusalTable) => {
    const { request, reason, source } = row;
    return { request, reason, source, requestId: row.request_id };
  };
  return {
    proved: (await read(1)).map((row) => ({ at: isoDate(row.last_at), ...said(row) })),
    unproved: (await read(0)).map((row) => ({
      ...said(row),
      count: row.count,
      firstAt: isoDate(row.first_at),
      lastAt: isoDate(row.last_at),
    })),
  };
}

export async function forgetOldRefusals(context: Context): Promise<void> {
  await deleteRefusalsBefore(context.store.db, context.clock.now() - days);
}
