import type { Context } from '../context.ts';
import type { Writing } from '../store/write.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import { updateCredential } from './credential.store.ts';
import { lookUpCredentialByCode } from './credential.ts';

/**
 * Devices that a credential has logged in from: so that strangers who fail to log in as somebody do not shut out the owner.
 *
 * 1. A device proves itself by what we left there at a full login, in a cookie: `id.time.seal`, for each credential of the last eight
 *    that logged in there. The seal is a digest under a key of ours over realm, code, id and time: it names the credential to nobody
 *    but us, and is worth nothing for another credential or realm.
 * 2. It opens nothing. It only says which budget of guesses a login spends (`throttle.ts`).
 * 3. It dies after a year without a login; when the credential gets another code; when the password was made known (`COMPROMISED`) or
 *    was recovered by mail, since then who had the devices before is in doubt. An update of the password, whose holder knew the old
 *    one, leaves it alone.
 * 4. What is forged, cut, of another credential or too old is as good as nothing, and never an error.
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

/** Cookies with this prefix are taken only over https, from this very host. Over http, which is for loopback, there are none. */
export function deviceCookieName({ config }: Context): string {
  return config.publicUrl.startsWith('https:') ? '__Host-countersign-device' : 'countersign-device';
}

/** The device, if it is one of the credential with this code. `presented` is the value of the cookie. */
export async function recogniseDevice(
  context: Context,
  realm: string,
  code: string,
  presented: string | undefined,
): Promise<Device | undefined> {
  const entry = entriesOf(presented).find((one) => isSealedFor(context, realm, code, one));
  if (entry === undefined) return undefined;
  const time = Number.parseInt(entry.time, 36);
  if (time <= context.clock.now() - deviceLife * 1000) return undefined;
  // Only who has a cookie of ours for this credential comes to this read.
  const credential = await lookUpCredentialByCode(context, realm, code);
  return credential === undefined || time < credential.devicesAfter ? undefined : { id: entry.id };
}

/** The new value of the cookie after a full login: this credential first, and those of the others that were there. */
export function rememberDevice(context: Context, realm: string, code: string, presented: string | undefined): string {
  const entries = entriesOf(presented);
  const known = entries.find((one) => isSealedFor(context, realm, code, one));
  const id = known?.id ?? context.random.token(16);
  const time = context.clock.now().toString(36);
  const newest = `${id}.${time}.${context.vault.digest(purpose, sealed(realm, code, id, time))}`;
  const others = entries.filter((one) => one !== known).map(({ text }) => text);
  return [newest, ...others].slice(0, most).join('~');
}

/** Every device that the credential has used is an unknown one from now on. */
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

/** No part can hold a NUL, so no two of these are the same text. */
function sealed(realm: string, code: string, id: string, time: string): string {
  return [realm, foldCredentialCode(code), id, time].join('\0');
}
