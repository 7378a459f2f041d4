import type { Answer } from '../http/answer.ts';
import { lastingCookie, presentedCookie } from '../http/cookie.ts';
import type { Call } from '../route.ts';
import type { CredentialSession } from './credential-session.ts';
import { deviceCookieName, deviceLife, rememberDevice } from './device.ts';

/** The cookie by which the device may be known, if it sends one. */
export function presentedDevice({ context, request }: Call): string | undefined {
  return presentedCookie(request, deviceCookieName(context));
}

/** The header that lets the server know the device next time. Empty until the login is complete. */
export function deviceRemembered(call: Call, { missing, session }: CredentialSession): Answer['headers'] {
  if (missing !== undefined) return {};
  const { context } = call;
  const { realm, subject } = session;
  const value = rememberDevice(context, realm, subject.credential.code, presentedDevice(call));
  return { 'set-cookie': lastingCookie(deviceCookieName(context), value, deviceLife) };
}
