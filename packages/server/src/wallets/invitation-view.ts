import type { Context } from '../context.ts';
import type { Realm } from '../subject/realm.ts';
import { isInvitationId, statusOf } from './invitation.ts';
import { type InvitationWords, wordsOf } from './invitation-words.ts';
import { findInvitation } from './wallet.store.ts';

/** What the page of an invitation shows to every reader who has its id: no address, no wallet, no state but this. */
export interface ShownInvitation {
  readonly isOpen: boolean;
  /** Of an open one. The words of a cancelled one are shown no more. */
  readonly words: InvitationWords | undefined;
  readonly language: InvitationWords['language'];
}

/** Undefined for an unknown id. */
export async function showInvitation(context: Context, realm: Realm, id: string): Promise<ShownInvitation | undefined> {
  const row = isInvitationId(id) ? await findInvitation(context.store.db, realm.name, id) : undefined;
  if (row === undefined) return undefined;
  const words = wordsOf(row);
  const status = await statusOf(context, row);
  const isOpen = status === 'sent' || status === 'failed';
  return { isOpen, words: isOpen ? words : undefined, language: words.language };
}
