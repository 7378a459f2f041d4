import type { AccessTokenSubject } from '@countersign/proof';
import type { Caller } from '../context.ts';
import { administratorName, authenticateAdministrator } from './authenticate.ts';
import type { Call } from './call.ts';

/** An administrator of the realm in the path: the name of that realm, and who it is for the event log. */
export async function authenticateAdministration(
  call: Call,
): Promise<{ readonly realm: string; readonly caller: Caller }> {
  const subject = await authenticateAdministrator(call);
  const { name } = await call.realm();
  return { realm: name, caller: callerOf(call, subject) };
}

export function callerOf(call: Call, subject: AccessTokenSubject, realm = call.params.realm): Caller {
  return call.caller(administratorName(subject, realm));
}
