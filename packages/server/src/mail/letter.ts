import { isoDate } from '../kernel/clock.ts';
import type { Contact } from '../kernel/contact.ts';

/** The places of this server in the text. */
export interface Place {
  readonly realm: string;
  /** `{public}/realms/{realm}`. */
  readonly issuer: string;
  readonly publicUrl: string;
  /** The administrators of the realm, if its setting `contact` names them. */
  readonly contact: Contact | null;
}

/** Writes a mail from its values. */
export type Text<Values> = (values: Values, place: Place) => readonly [subject: string, ...lines: string[]];

export function once(until: number): string {
  return `It works once, until ${moment(until)}.`;
}

export function moment(at: number): string {
  return `${isoDate(at).slice(0, 16).replace('T', ' ')} UTC`;
}
