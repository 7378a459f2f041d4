import type { Context } from '../context.ts';
import { timeOrderedId } from '../kernel/id.ts';
import type { MailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { isLine } from '../kernel/text.ts';
import type { MailTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { readContact } from '../subject/realm.ts';
import type { Resealing, Vault } from '../subject/secrets/vault.ts';
import {
  deleteSettledMails,
  findMailAbout,
  findOldestWaiting,
  insertMail,
  listSealedMails,
  updateSealedMail,
} from './mail.store.ts';
import { mailMemory } from './memory.ts';
import { letterFor } from './templates.ts';
import type { Letter, Purpose, Values } from './texts.ts';

/**
 * The outbox. A rule inserts its mail in the transaction of its change, so both exist or neither. A node delivers it
 * after the commit (`deliver.ts`), normally at once, and tries until it succeeds, is refused for good, or a day has
 * passed. A mail may arrive twice, if a node dies between sending and noting it. Both then have the same Message-ID.
 */
export interface Mail<P extends Purpose> {
  readonly realm: string;
  /**
   * Null if callers must not learn that there is no recipient: the mail takes the same path, and is dropped at the last
   * step.
   */
  readonly to: MailAddress | null;
  readonly purpose: P;
  readonly values: Values[P];
  /** The name by which `mailState` finds the mail's state: `invitation:…`. */
  readonly reference?: string;
  /** When the mail becomes useless, e.g. when its code expires. At most, and by default, a day from now. */
  readonly until?: number;
}

const day = 86_400_000;
/** Milliseconds that the result of a mail is kept. */
const remembered = 30 * day;

/** Queues a mail and returns its id. */
export async function enqueueMail<P extends Purpose>(context: Context, tx: Writing, mail: Mail<P>): Promise<string> {
  const { realm, purpose } = mail;
  const { publicUrl } = context.config;
  requireLines(mail.values);
  const contact = await readContact(context, tx, realm);
  const place = { realm, publicUrl, issuer: `${publicUrl}/realms/${realm}`, contact };
  const letter = letterFor(context.config.mailTemplates, purpose, mail.values, place);
  const id = timeOrderedId(tx.now, context.random);
  await insertMail(tx.db, {
    realm,
    id,
    reference: mail.reference ?? null,
    purpose,
    state: 'waiting',
    sealed: sealLetter(context.vault, realm, id, { ...letter, to: mail.to }),
    attempts: 0,
    next_at: tx.now,
    give_up_at: Math.min(mail.until ?? Number.POSITIVE_INFINITY, tx.now + day),
    reason: null,
    created_at: tx.now,
    settled_at: null,
  });
  tx.committed(mailMemory(context).wake);
  return id;
}

/**
 * Values stand in the text, and perhaps in the subject, so they must not add lines.
 *
 * @throws {Problem} `request.invalid`
 */
function requireLines(values: object): void {
  for (const [name, value] of Object.entries(values) as [string, unknown][]) {
    if (typeof value !== 'string' || (value.length <= 1_000 && isLine(value))) continue;
    throw new Problem('request.invalid', {
      detail: `${name} must be one line of text without control characters.`,
      pointer: name,
    });
  }
}

/**
 * Spends one mail of this recipient's budget for this purpose and hour, counted in this process. False if none is left.
 * For mails that a stranger can request: the answer to the stranger must be the same in both cases.
 */
export function allowMail(context: Context, realm: string, purpose: Purpose, recipient: string): boolean {
  return mailMemory(context).rate.take(`${realm} ${purpose} ${recipient.toLowerCase()}`);
}

export interface MailState {
  readonly id: string;
  readonly state: MailTable['state'];
  readonly attempts: number;
  /** Why the last try failed: `SMTP 550`, `ECONNREFUSED`. Never a text of the other side. */
  readonly reason?: string;
}

/** The state of the newest mail under this reference. Undefined if there was none within a month. */
export async function mailState(context: Context, realm: string, reference: string): Promise<MailState | undefined> {
  const row = await findMailAbout(context.store.db, realm, reference);
  if (row === undefined) return undefined;
  const { id, state, attempts, reason } = row;
  return { id, state, attempts, ...(reason === null ? {} : { reason }) };
}

/** The mail that has been tried and has waited longest: since when, and why. */
export async function oldestWaitingMail(
  context: Context,
): Promise<{ readonly since: number; readonly reason: string } | undefined> {
  const row = await findOldestWaiting(context.store.db);
  return row && { since: row.created_at, reason: row.reason ?? 'unknown' };
}

export async function forgetOldMails(context: Context): Promise<void> {
  await deleteSettledMails(context.store.db, context.clock.now() - remembered);
}

export interface Addressed extends Letter {
  readonly to: MailAddress | null;
}

function sealLetter(vault: Vault, realm: string, id: string, letter: Addressed): string {
  return vault.seal(JSON.stringify(letter), binding(realm, id));
}

/** Throws for an envelope that was altered or belongs to another mail. */
export function openLetter(vault: Vault, realm: string, id: string, sealed: string): Addressed {
  return JSON.parse(vault.open(sealed, binding(realm, id))) as Addressed;
}

function binding(realm: string, id: string): string {
  return `mail\0${realm}\0${id}`;
}

/** Seals waiting mails again under another master key. */
export const resealMails: Resealing = async (tx, again) => {
  const mails = await listSealedMails(tx);
  for (const { realm, id, sealed } of mails) {
    await updateSealedMail(tx, realm, id, again(sealed as string, binding(realm, id)));
  }
  return mails.length;
};
