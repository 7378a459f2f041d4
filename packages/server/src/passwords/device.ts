import type { Context } from '../context.ts';
import { latestPast } from '../kernel/clock.ts';
import type { Writing } from '../store/write.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import { updateCredential } from './identity/credential.store.ts';
import { lookUpCredentialByCode } from './identity/credential.ts';

/**
 * Devices that a credential has logged in from, so that strangers with failed logins do not shut out the owner.
 *
 * 1. A device proves itself by a cookie from a full login: `id.time.seal`, for each of the last eight credentials that
 *    logged in there. The seal is a digest under our own key over realm, code, id and time. Only this server can match
 *    it to the credential, and it is worth nothing for another credential or realm.
 * 2. A cookie opens nothing. It only decides which budget of guesses a login spends (`throttle.ts`).
 * 3. It expires after a year without a login. It also ends when the credential gets another code, and when the password
 *    became known (`COMPROMISED`) or was recovered by mail, because the owner of the earlier devices is then in doubt.
 *    An update of the password, whose holder knew the old one, leaves it valid.
 * 4. A forged, cut, foreign or too old cookie counts as no cookie, and is never an error.
 */
export interface Device {
  readonly id: string;
}

const purpose = 'login-device';
const most = 8;
/** Seconds. */
export const deviceLife = 365 * 86_400;
const shape = /^([A-Za-z0-9_-]{22})\.([0-9a-z]{8,9})\.([A-Za-z0-9_-]{43})$/;

interface Entry {
  readonly text: string;
  readonly id: string;
  /** Milliseconds, in base 36. */
  readonly time: string;
  readonly seal: string;
}

/**
 * Browsers accept this prefix only over https and from this very host. Over http, which is for loopback, there is no
 * prefix.
 */
export function deviceCookieName({ config }: Context): string {
  return config.publicUrl.startsWith('https:') ? '__Host-countersign-device' : 'countersign-device';
}

/** The device, if the credential with this code has used it. `presented` is the value of the cookie. */
export async function recogniseDevice(
  context: Context,
  realm: string,
  code: string,
  presented: string | undefined,
): Promise<Device | undefined> {
  const entry = entriesOf(presented).find((one) => isSealedFor(context, realm, code, one));
  if (entry === undefined) return undefined;
  const time = Number.parseInt(entry.time, 36);
  const now = context.clock.now();
  // A time from a clock that was ahead would be later than the moment from which older devices are unknown.
  if (time <= now - deviceLife * 1000 || time > latestPast(now)) return undefined;
  // Only the holder of a valid cookie for this credential causes this read.
  const credential = await lookUpCredentialByCode(context, realm, code);
  return credential === undefined || time < credential.devicesAfter ? undefined : { id: entry.id };
}

/** The new value of the cookie after a full login: this credential first, then the others that were in it. */
export function rememberDevice(context: Context, realm: string, code: string, presented: string | undefined): string {
  const entries = entriesOf(presented);
  const known = entries.find((one) => isSealedFor(context, realm, code, one));
  const id = known?.id ?? context.random.token(16);
  const time = context.clock.now().toString(36);
  const newest = `${id}.${time}.${context.vault.digest(purpose, sealed(realm, code, id, time))}`;
  const others = entries.filter((one) => one !== known).map(({ text }) => text);
  return [newest, ...others].slice(0, most).join('~');
}

/** Makes every device of the credential unknown from now on. */
export async function forgetDevices(tx: Writing, realm: string, credentialId: string): Promise<void> {
  await updateCredential(tx.db, realm, credentialId, { devices_after: tx.now });
}

function entriesOf(presented: string | undefined): readonly Entry[] {
  return (presented ?? '').split('~', most).flatMap((text) => {
    const [, id, time, seal] = shape.exec(text) ?? [];
    return id === undefined || time === undefined || seal === undefined ? [] : [{ text, id, time, seal }];
  });
}

function isSealedFor({ vault }: Context, realm: string, code: string, { id, time, seal }: Entry): boolean {
  return vault.matches(purpose, sealed(realm, code, id, time), seal);
}

/** No part can contain a NUL, so two different inputs never give the same text. */
function sealed(realm: string, code: string, id: string, time: string): string {
  return [realm, foldCredentialCode(code), id, time].join('\0');
}
