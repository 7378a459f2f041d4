import { addressKey, type MailAddress, mailAddress } from '../kernel/mail-address.ts';

/**
 * The owner of a credential, and its address for mail.
 *
 * An address counts once it is verified: its holder has used a code that was mailed to it, or an administrator has said
 * that it is right. Until then it gets only what its credential cannot do without: an invitation, a code that verifies
 * it, and the news that it is the address now.
 */
export interface Owner {
  /** The id of the credential. */
  readonly id: string;
  /** The address for mail. Null: the code, if that is an address. */
  readonly email: string | null;
  readonly code: string;
  /** The verified address, folded. It counts only while it is the address for mail. */
  readonly verifiedEmail: string | null;
}

/** The address for mail, verified or not. Undefined if there is none. */
export function mailAddressOf({ email, code }: Pick<Owner, 'email' | 'code'>): MailAddress | undefined {
  return mailAddress(email ?? code);
}

/** The address for mail, if it counts. */
export function verifiedAddressOf(owner: Omit<Owner, 'id'>): MailAddress | undefined {
  const address = mailAddressOf(owner);
  return address !== undefined && addressKey(address) === owner.verifiedEmail ? address : undefined;
}

/** The verified address after a change: declared by the administrator who makes the change, else only the same one. */
export function verifiedEmailAfter(
  before: Omit<Owner, 'id'> | undefined,
  after: Pick<Owner, 'email' | 'code'>,
  declared: boolean | undefined,
): string | null {
  const address = mailAddressOf(after);
  if (address === undefined || declared === false) return null;
  if (declared === true) return addressKey(address);
  return before !== undefined && verifiedAddressOf({ ...after, verifiedEmail: before.verifiedEmail }) !== undefined
    ? before.verifiedEmail
    : null;
}
