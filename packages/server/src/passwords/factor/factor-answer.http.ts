import { z } from 'zod';
import type { SessionHolder } from '../../callers/holder.ts';
import { json } from '../../http/render.ts';
import { userAgent } from '../../http/user-agent.ts';
import type { Call } from '../../route.ts';
import { deviceRemembered } from '../device-cookie.http.ts';
import { type ConfirmedFactor, factorSchema, factorView, type Presenting } from './factor.ts';

/** The common parts of the calls on second factors of every kind. */

/** The token of the session that replaces the calling one. */
export const goingOn = { token: z.string(), restriction: z.string().optional() };

export const confirmedResponse = z.object({
  factor: factorSchema,
  /** With the first factor only. Shown once. */
  recoveryCodes: z.array(z.string()).readonly().optional(),
  ...goingOn,
});

export function confirmed(call: Call, { factor, recoveryCodes, opened }: ConfirmedFactor): Response {
  const { token, session } = opened;
  const body = {
    factor: factorView(factor),
    ...(recoveryCodes && { recoveryCodes }),
    token,
    ...restrictionOf(session),
  };
  return json(200, body satisfies z.output<typeof confirmedResponse>, deviceRemembered(call, opened));
}

export function restrictionOf({ restriction }: SessionHolder['session']): { readonly restriction?: string } {
  return restriction === undefined ? {} : { restriction: restriction.to };
}

export function presenting(call: Call, { realm, session, caller }: SessionHolder): Presenting {
  return { realm, session, caller, source: call.source, agent: userAgent(call) };
}
